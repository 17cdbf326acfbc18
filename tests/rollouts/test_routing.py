"""Rollouts of servers that get requests through more than one target group."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import awsroll
from awsroll.core.model.rollout_choices import Strategy
from awsroll.errors import FleetError
from tests.rollouts.rolling import Rolling, enter, make_sandbox


@pytest.fixture
def rolling(tmp_path: Path) -> Iterator[Rolling]:
    sandbox, clock = make_sandbox()
    with sandbox:
        yield enter(sandbox, clock, tmp_path, grouped=False, servers=2, zones=2)


def also_in(rolling: Rolling, name: str) -> str:
    """Register the servers in a further target group that the load balancer forwards to."""
    elb, fleet = rolling.sandbox.session().client("elbv2"), rolling.fleet
    made = elb.create_target_group(Name=name, Protocol="HTTP", Port=9000, VpcId=fleet.vpc_id)
    arn: str = made["TargetGroups"][0]["TargetGroupArn"]
    elb.create_rule(
        ListenerArn=fleet.listener_arns[0],
        Priority=5,
        Conditions=[{"Field": "path-pattern", "Values": [f"/{name}/*"]}],
        Actions=[{"Type": "forward", "TargetGroupArn": arn}],
    )
    elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": one} for one in fleet.instance_ids])
    rolling.clock.jump(90)
    return arn


def healthy(rolling: Rolling, arn: str) -> set[str]:
    return {one.instance_id for one in rolling.sandbox.world.elb.targets(arn) if one.state == "healthy"}


RELOAD = {"strategy": Strategy.RELOAD, "rollback_command": ("sandbox-version v1",)}
STRATEGIES = pytest.mark.parametrize(
    "wanted", [{}, {"launch_first": True}, {"strategy": Strategy.DOUBLE_HALF}, RELOAD], ids=str
)


@STRATEGIES
def test_a_target_group_that_was_not_named_is_refused_before_anything_changes(
    rolling: Rolling, wanted: dict[str, Any]
) -> None:
    also_in(rolling, "admin")
    calls = rolling.sandbox.calls.copy()
    with pytest.raises(FleetError, match="target group admin, which the request does not name"):
        rolling.roll(**wanted)
    made = {name.partition(":")[2] for name in (rolling.sandbox.calls - calls)}
    assert all(name.startswith(("Describe", "Get", "List")) for name in made)


@STRATEGIES
def test_a_named_target_group_drains_before_a_server_changes_and_has_the_new_servers(
    rolling: Rolling, wanted: dict[str, Any]
) -> None:
    arn, in_traffic = also_in(rolling, "admin"), list[str]()

    def note(_service: str, operation: str, parameters: Any) -> None:
        if operation in {"TerminateInstances", "SendCommand"}:
            in_traffic.extend(set(parameters["InstanceIds"]) & healthy(rolling, arn))

    rolling.sandbox.on_call(note)
    report = rolling.roll(target_group=(*rolling.fleet.target_group_arns, "admin"), **wanted)
    assert report.status == "succeeded"
    assert in_traffic == []
    assert healthy(rolling, arn) == rolling.running()
    assert len(healthy(rolling, arn)) == 2


def test_an_excluded_target_group_is_left_alone(rolling: Rolling) -> None:
    arn, asked = also_in(rolling, "admin"), list[str]()

    def note(_service: str, operation: str, parameters: Any) -> None:
        if operation in {"RegisterTargets", "DeregisterTargets"}:
            asked.append(parameters["TargetGroupArn"])

    rolling.sandbox.on_call(note)
    report = rolling.roll(exclude_target_group=("admin",))
    assert report.status == "succeeded"
    assert asked
    assert arn not in asked


def test_a_repair_is_not_refused_for_what_else_sends_requests(rolling: Rolling) -> None:
    also_in(rolling, "admin")
    repaired = awsroll.repair(
        target_group=rolling.fleet.target_group_arns,
        session=rolling.sandbox.session(),
        store=rolling.store,
        clock=rolling.clock,
    )
    assert repaired.found == ()
