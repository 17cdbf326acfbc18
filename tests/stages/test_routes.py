"""Stages and what else sends requests to servers: other target groups, Classic and Network Load Balancers."""

from typing import Any

import pytest

from tests.stages.machine import Bounds, Json, Watched, machine
from tests.stages.test_refusals import refused

ANY = Bounds(floor=0, ceiling=100)


def also_in(world: Watched, name: str = "admin", *, count: int | None = None) -> str:
    elb, fleet = world.client("elbv2"), world.fleet
    made = elb.create_target_group(Name=name, Protocol="HTTP", Port=9000, VpcId=fleet.vpc_id)
    arn: str = made["TargetGroups"][0]["TargetGroupArn"]
    elb.create_rule(
        ListenerArn=fleet.listener_arns[0],
        Priority=5,
        Conditions=[{"Field": "path-pattern", "Values": [f"/{name}/*"]}],
        Actions=[{"Type": "forward", "TargetGroupArn": arn}],
    )
    elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": one} for one in fleet.instance_ids[:count]])
    world.sandbox.jump(90)
    return arn


def behind_network(world: Watched, *, delay: int) -> str:
    elb, fleet = world.client("elbv2"), world.fleet
    balancer = elb.create_load_balancer(Name="flows", Type="network", Subnets=list(fleet.subnet_ids))
    made = elb.create_target_group(Name="flows", Protocol="TCP", Port=80, VpcId=fleet.vpc_id, HealthCheckProtocol="TCP")
    arn: str = made["TargetGroups"][0]["TargetGroupArn"]
    elb.modify_target_group_attributes(
        TargetGroupArn=arn, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": str(delay)}]
    )
    elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancers"][0]["LoadBalancerArn"],
        Protocol="TCP",
        Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": arn}],
    )
    if fleet.group_name:
        world.client("autoscaling").attach_load_balancer_target_groups(
            AutoScalingGroupName=fleet.group_name, TargetGroupARNs=[arn]
        )
    else:
        elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": one} for one in fleet.instance_ids])
    world.sandbox.jump(400)
    return arn


def first_events(world: Watched) -> dict[str, Json]:
    """Return the events that take the first server out of traffic, by stage."""
    named, ids = world.machine.named, [world.fleet.instance_ids[0]]
    events: dict[str, Json] = {"deregister_targets": {**named, "instance_ids": ids}}
    if world.fleet.group_name:
        template = world.machine.template(1)
        events["terminate_and_launch"] = {**named, "instance_ids": ids, "launch_template": template}
        events["double_group"] = {**named, "launch_template": template}
    return events


@pytest.mark.parametrize("grouped", [True, False], ids=["group", "standalone"])
def test_a_target_group_that_was_not_named_is_refused_unless_it_is_excluded(*, grouped: bool) -> None:
    with machine(grouped=grouped, bounds=ANY) as world:
        also_in(world)
        for name, event in first_events(world).items():
            said = refused(world, name, event)
            assert "target group admin, which the request does not name" in said
        out = world.machine.call(
            "deregister_targets", instance_ids=[world.fleet.instance_ids[0]], exclude_target_group=["admin"]
        )
        assert out["targets"]


def test_only_target_groups_behind_a_load_balancer_are_searched() -> None:
    with machine(grouped=False, bounds=ANY) as world:
        for number in range(10):
            world.client("elbv2").create_target_group(
                Name=f"idle-{number}", Protocol="HTTP", Port=80, VpcId=world.fleet.vpc_id
            )
        before = world.sandbox.calls["elbv2:DescribeTargetHealth"]
        world.machine.call("deregister_targets", instance_ids=[world.fleet.instance_ids[0]])
        assert world.sandbox.calls["elbv2:DescribeTargetHealth"] - before < 10


def test_a_named_target_group_is_drained_too() -> None:
    with machine(grouped=False, bounds=ANY) as world:
        arn = also_in(world)
        out = world.machine.call(
            "deregister_targets",
            instance_ids=[world.fleet.instance_ids[0]],
            target_group=[*world.fleet.target_group_arns, "admin"],
        )
        assert arn in {target["target_group"] for target in out["targets"]}


@pytest.mark.parametrize("grouped", [True, False], ids=["group", "standalone"])
def test_a_classic_load_balancer_is_refused(*, grouped: bool) -> None:
    with machine(grouped=grouped, bounds=ANY) as world:
        classic, name = world.client("elb"), world.fleet.instance_ids[0]
        listener = {"Protocol": "HTTP", "LoadBalancerPort": 80, "InstancePort": 80}
        classic.create_load_balancer(LoadBalancerName="old", Listeners=[listener], Subnets=list(world.fleet.subnet_ids))
        classic.register_instances_with_load_balancer(LoadBalancerName="old", Instances=[{"InstanceId": name}])
        for stage, event in first_events(world).items():
            assert "registered with the Classic Load Balancer old" in refused(world, stage, event)


def test_a_group_whose_delay_is_too_short_for_a_network_load_balancer_is_refused() -> None:
    with machine(grouped=True, bounds=ANY) as world:
        arn = behind_network(world, delay=10)
        for name, event in first_events(world).items():
            assert "target group flows belongs to a Network Load Balancer" in refused(world, name, event)
        world.client("elbv2").modify_target_group_attributes(
            TargetGroupArn=arn, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "120"}]
        )
        assert (
            world.machine.call("deregister_targets", instance_ids=[world.fleet.instance_ids[0]])["wait_seconds"] == 120
        )


def test_a_server_behind_a_network_load_balancer_is_not_drained_before_its_new_flows_have_ended() -> None:
    with machine(grouped=False, bounds=ANY) as world:
        behind_network(world, delay=10)
        call, elb = world.machine.call, world.sandbox.elb
        named: dict[str, Any] = {"target_group": [*world.fleet.target_group_arns, "flows"]}
        one = [world.fleet.instance_ids[0]]
        out = call("deregister_targets", instance_ids=one, **named)
        assert out["wait_seconds"] == 120
        world.sandbox.jump(60)
        assert call("deregister_targets", instance_ids=one, **named)["targets"] == out["targets"]
        drained = call("check_drained", instance_ids=one, targets=out["targets"], **named)
        assert not drained["done"]
        assert "open to new flows from a Network Load Balancer" in drained["details"][0]
        event = {**world.machine.named, **named, "instance_ids": one, "launch_template": world.machine.template()}
        assert "may still get requests" in refused(world, "terminate_and_launch", event)
        world.machine.until_done("check_drained", instance_ids=one, targets=out["targets"], **named)
        assert not elb.gets_new_flows(one[0])
        world.machine.until_done(
            "terminate_and_launch",
            instance_ids=one,
            launch_template=world.machine.template(),
            targets=out["targets"],
            **named,
        )
