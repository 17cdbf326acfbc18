"""Target groups of type ip: a target is an address, and follows the instance that has it."""

from typing import Any

from tests.sandbox.bench import Bench, open_bench, refused


def target_group(bench: Bench) -> str:
    made = bench.elb.create_target_group(
        Name="addresses", Protocol="HTTP", Port=80, VpcId=bench.fleet.vpc_id, TargetType="ip"
    )
    arn: str = made["TargetGroups"][0]["TargetGroupArn"]
    bench.elb.create_rule(
        ListenerArn=bench.fleet.listener_arns[0],
        Priority=5,
        Conditions=[{"Field": "path-pattern", "Values": ["/addresses/*"]}],
        Actions=[{"Type": "forward", "TargetGroupArn": arn}],
    )
    return arn


def address(bench: Bench, instance_id: str) -> str:
    answer = bench.ec2.describe_instances(InstanceIds=[instance_id])
    private: str = answer["Reservations"][0]["Instances"][0]["PrivateIpAddress"]
    return private


def states(bench: Bench, arn: str) -> dict[str, Any]:
    answer = bench.elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    return {one["Target"]["Id"]: one["TargetHealth"].get("Reason", one["TargetHealth"]["State"]) for one in answer}


def test_an_address_is_healthy_while_the_instance_that_has_it_serves() -> None:
    with open_bench(servers=2) as bench:
        arn, first = target_group(bench), bench.fleet.instance_ids[0]
        registered = address(bench, first)
        bench.elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": registered}])
        assert states(bench, arn) == {registered: "Elb.RegistrationInProgress"}
        bench.jump(60)
        assert states(bench, arn) == {registered: "healthy"}
        bench.tag(first, "sandbox:health", "unhealthy")
        bench.jump(120)
        assert states(bench, arn) == {registered: "Target.ResponseCodeMismatch"}


def test_an_address_stays_registered_and_turns_unhealthy_when_its_instance_is_terminated() -> None:
    with open_bench(servers=2) as bench:
        arn, first = target_group(bench), bench.fleet.instance_ids[0]
        registered = address(bench, first)
        bench.elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": registered}])
        bench.jump(60)
        bench.ec2.terminate_instances(InstanceIds=[first])
        bench.jump(3600)
        assert states(bench, arn) == {registered: "Target.FailedHealthChecks"}


def test_an_address_drains_and_is_gone() -> None:
    with open_bench(servers=1, deregistration_delay_seconds=60) as bench:
        arn = target_group(bench)
        registered = address(bench, bench.fleet.instance_ids[0])
        bench.elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": registered}])
        bench.jump(60)
        bench.elb.deregister_targets(TargetGroupArn=arn, Targets=[{"Id": registered}])
        assert states(bench, arn) == {registered: "Target.DeregistrationInProgress"}
        bench.jump(300)
        assert states(bench, arn) == {}


def test_what_is_no_address_is_refused() -> None:
    with open_bench(servers=1) as bench, refused("ValidationError"):
        bench.elb.register_targets(TargetGroupArn=target_group(bench), Targets=[{"Id": bench.fleet.instance_ids[0]}])


def test_an_address_shows_its_zone_and_one_outside_the_vpc_must_name_all() -> None:
    with open_bench(servers=1) as bench:
        arn = target_group(bench)
        inside, outside = address(bench, bench.fleet.instance_ids[0]), "192.168.7.7"
        with refused("ValidationError"):
            bench.elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": outside}])
        bench.elb.register_targets(
            TargetGroupArn=arn, Targets=[{"Id": inside}, {"Id": outside, "AvailabilityZone": "all"}]
        )
        answer = bench.elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        zones = {one["Target"]["Id"]: one["Target"]["AvailabilityZone"] for one in answer}
        assert zones == {inside: "us-east-1a", outside: "all"}


def test_targets_of_vpc_lattice_are_listed_until_they_are_deregistered() -> None:
    with open_bench(servers=1) as bench:
        lattice, name = bench.sandbox.session().client("vpc-lattice"), bench.fleet.instance_ids[0]
        config = {"port": 80, "protocol": "HTTP", "vpcIdentifier": bench.fleet.vpc_id}
        group = lattice.create_target_group(name="mesh", type="INSTANCE", config=config)["id"]
        targets = [{"id": name, "port": 80}]
        lattice.register_targets(targetGroupIdentifier=group, targets=targets)
        (shown,) = lattice.list_targets(targetGroupIdentifier=group)["items"]
        assert (shown["id"], shown["port"]) == (name, 80)
        lattice.deregister_targets(targetGroupIdentifier=group, targets=targets)
        assert lattice.list_targets(targetGroupIdentifier=group)["items"] == []
        with refused("ResourceNotFoundException"):
            lattice.list_targets(targetGroupIdentifier="tg-00000000000000000")
