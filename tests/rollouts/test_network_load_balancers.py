"""Rollouts behind Network Load Balancers: new flows reach a deregistered server for two minutes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from awsroll.core.model.rollout_choices import Strategy
from tests.rollouts.rolling import Rolling, enter, make_sandbox

DELAY = "deregistration_delay.timeout_seconds"


@contextmanager
def behind(folder: Path, *, grouped: bool, delay: int = 10, protocol: str = "TCP") -> Iterator[tuple[Rolling, str]]:
    """Yield a fleet of two servers, and the ARN of a further target group, of a Network Load Balancer."""
    sandbox, clock = make_sandbox()
    with sandbox:
        rolling = enter(sandbox, clock, folder, grouped=grouped, servers=2, zones=2)
        elb, fleet = sandbox.session().client("elbv2"), rolling.fleet
        balancer = elb.create_load_balancer(Name="flows", Type="network", Subnets=list(fleet.subnet_ids))
        made = elb.create_target_group(
            Name="flows", Protocol=protocol, Port=80, VpcId=fleet.vpc_id, HealthCheckProtocol="TCP"
        )
        arn = made["TargetGroups"][0]["TargetGroupArn"]
        set_delay(rolling, arn, delay)
        elb.create_listener(
            LoadBalancerArn=balancer["LoadBalancers"][0]["LoadBalancerArn"],
            Protocol=protocol,
            Port=80,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": arn}],
        )
        if grouped:
            autoscaling = sandbox.session().client("autoscaling")
            autoscaling.attach_load_balancer_target_groups(AutoScalingGroupName=fleet.group_name, TargetGroupARNs=[arn])
        else:
            elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": one} for one in fleet.instance_ids])
        clock.jump(400)
        yield rolling, arn


def set_delay(rolling: Rolling, arn: str, seconds: int) -> None:
    rolling.sandbox.session().client("elbv2").modify_target_group_attributes(
        TargetGroupArn=arn, Attributes=[{"Key": DELAY, "Value": str(seconds)}]
    )


def delay_of(rolling: Rolling, arn: str) -> str:
    answer = rolling.sandbox.session().client("elbv2").describe_target_group_attributes(TargetGroupArn=arn)
    return {one["Key"]: one["Value"] for one in answer["Attributes"]}[DELAY]


def cut_flows(rolling: Rolling) -> list[str]:
    """Return a list that receives each server that leaves `running`, or gets a command, while it may get new flows."""
    cut: list[str] = []
    world = rolling.sandbox.world

    def note(_service: str, operation: str, parameters: Any) -> None:
        if operation == "SendCommand":
            cut.extend(one for one in parameters["InstanceIds"] if world.elb.gets_new_flows(one))

    world.ec2.on_change(
        lambda one: (
            cut.append(one.instance_id)
            if one.state == "shutting-down" and world.elb.gets_new_flows(one.instance_id)
            else None
        )
    )
    rolling.sandbox.on_call(note)
    return cut


RELOAD = {"strategy": Strategy.RELOAD, "rollback_command": ("sandbox-version v1",)}
STRATEGIES = pytest.mark.parametrize(
    "wanted", [{}, {"launch_first": True}, {"strategy": Strategy.DOUBLE_HALF}, RELOAD], ids=str
)


@pytest.mark.parametrize("grouped", [True, False], ids=["group", "standalone"])
@STRATEGIES
def test_no_server_ends_or_reloads_while_it_can_get_new_flows(
    tmp_path: Path, wanted: dict[str, Any], *, grouped: bool
) -> None:
    with behind(tmp_path, grouped=grouped) as (rolling, arn):
        named = {} if grouped else {"target_group": (*rolling.fleet.target_group_arns, "flows")}
        cut = cut_flows(rolling)
        report = rolling.roll(**named, **wanted)
        assert report.status == "succeeded", report.reason
        assert cut == []
        healthy = {one.instance_id for one in rolling.sandbox.world.elb.targets(arn) if one.state == "healthy"}
        assert healthy == rolling.running()
        assert delay_of(rolling, arn) == "10"


def test_the_delay_of_a_group_is_raised_for_the_rollout_and_restored(tmp_path: Path) -> None:
    with behind(tmp_path, grouped=True) as (rolling, arn):
        seen: list[str] = []

        def note(_service: str, operation: str, _parameters: Any) -> None:
            if operation == "TerminateInstanceInAutoScalingGroup":
                seen.append(delay_of(rolling, arn))

        rolling.sandbox.on_call(note)
        assert rolling.roll().status == "succeeded"
        assert set(seen) == {"120"}
        assert delay_of(rolling, arn) == "10"
        tags = rolling.sandbox.session().client("elbv2").describe_tags(ResourceArns=[arn])["TagDescriptions"][0]["Tags"]
        assert tags == []


def test_a_delay_that_is_long_enough_is_left_alone(tmp_path: Path) -> None:
    with behind(tmp_path, grouped=True, delay=300) as (rolling, _):
        calls = rolling.sandbox.calls.copy()
        assert rolling.roll().status == "succeeded"
        assert (rolling.sandbox.calls - calls)["elbv2:ModifyTargetGroupAttributes"] == 0


@pytest.mark.parametrize("grouped", [True, False], ids=["group", "standalone"])
def test_a_shorter_delay_of_the_request_holds_for_the_other_target_groups_alone(
    tmp_path: Path, *, grouped: bool
) -> None:
    with behind(tmp_path, grouped=grouped, delay=300) as (rolling, arn):
        named = {} if grouped else {"target_group": (*rolling.fleet.target_group_arns, "flows")}
        asked: dict[str, set[str]] = {}

        def note(_service: str, operation: str, parameters: Any) -> None:
            if operation == "ModifyTargetGroupAttributes":
                asked.setdefault(parameters["TargetGroupArn"], set()).add(parameters["Attributes"][0]["Value"])

        cut = cut_flows(rolling)
        rolling.sandbox.on_call(note)
        assert rolling.roll(deregistration_delay=5, **named).status == "succeeded"
        assert cut == []
        assert asked[arn] == {"120", "300"}
        assert "5" in asked[rolling.fleet.target_group_arns[0]]


@pytest.mark.parametrize(("delay", "held"), [(10, True), (300, False)])
def test_a_group_holds_its_target_groups_only_if_their_delay_is_raised(tmp_path: Path, delay: int, held: bool) -> None:
    labelled: set[str] = set()

    def note(_service: str, operation: str, parameters: Any) -> None:
        if operation == "AddTags" and any(tag["Key"] == "awsroll:held-by" for tag in parameters["Tags"]):
            labelled.update(parameters["ResourceArns"])

    with behind(tmp_path, grouped=True, delay=delay) as (rolling, arn):
        rolling.sandbox.on_call(note)
        assert rolling.roll().succeeded
        assert (arn in labelled) is held
