"""Target groups of Network Load Balancers: registration takes minutes, and new flows outlast the deregistration."""

from tests.sandbox.bench import Bench, open_bench


def target_group(bench: Bench, protocol: str = "TCP", *, delay: int = 10) -> str:
    balancer = bench.elb.create_load_balancer(Name="flows", Type="network", Subnets=list(bench.fleet.subnet_ids))
    made = bench.elb.create_target_group(
        Name="flows", Protocol=protocol, Port=80, VpcId=bench.fleet.vpc_id, HealthCheckProtocol="TCP"
    )
    arn: str = made["TargetGroups"][0]["TargetGroupArn"]
    bench.elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancers"][0]["LoadBalancerArn"],
        Protocol=protocol,
        Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": arn}],
    )
    attributes = [{"Key": "deregistration_delay.timeout_seconds", "Value": str(delay)}]
    bench.elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=attributes)
    return arn


def states(bench: Bench, arn: str) -> list[str]:
    answer = bench.elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    return [one["TargetHealth"]["State"] for one in answer]


def test_a_registration_with_a_network_load_balancer_takes_minutes() -> None:
    with open_bench(servers=1) as bench:
        arn = target_group(bench)
        bench.elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": bench.fleet.instance_ids[0]}])
        bench.jump(119)
        answer = bench.elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        assert answer[0]["TargetHealth"]["Reason"] == "Elb.RegistrationInProgress"
        bench.jump(60)
        assert states(bench, arn) == ["healthy"]


def test_new_flows_reach_a_deregistered_target_for_two_minutes_whatever_the_delay() -> None:
    with open_bench(servers=1) as bench:
        arn, name = target_group(bench, delay=10), bench.fleet.instance_ids[0]
        assert not bench.sandbox.world.elb.gets_new_flows(name)
        bench.elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": name}])
        bench.jump(200)
        bench.elb.deregister_targets(TargetGroupArn=arn, Targets=[{"Id": name}])
        bench.jump(20)
        assert states(bench, arn) == []
        assert bench.sandbox.world.elb.gets_new_flows(name)
        bench.jump(100)
        assert not bench.sandbox.world.elb.gets_new_flows(name)
