"""A rollout is killed at each call that changes a setting, and repaired: the group is exactly as it was found.

The classic is a group left at double size with its alarms suspended: here it is killed in the middle of that, too.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from awsroll.core.model.rollout_choices import Strategy
from tests.crash.scenarios import Scenario
from tests.repair.wreck import Wreck, wreck

POOL = {"MinSize": 1, "PoolState": "Stopped", "InstanceReusePolicy": {"ReuseOnScaleIn": True}}
CHECKS = {"health_check_interval": 7, "health_check_threshold": 2}
DOUBLE = {"strategy": Strategy.DOUBLE_HALF, "deregistration_delay": 10, "warm_pool": "purge"} | CHECKS
EVERYTHING = Scenario(
    name="everything",
    grouped=True,
    wanted=DOUBLE,
    shape={"min_size": 2, "max_size": 2},
    suspended=("AZRebalance", "ScheduledActions"),
)
BY_DESIRED = Scenario(
    name="by-desired-capacity",
    grouped=True,
    wanted={"strategy": Strategy.DOUBLE_HALF, "warm_pool": "purge"},
    shape={"min_size": 2, "max_size": 2},
    suspended=("ScheduledActions",),
    options={"launch_instances_available": False},
)
CHANGING = (
    "CreateOrUpdateTags",
    "AddTags",
    "SuspendProcesses",
    "UpdateAutoScalingGroup",
    "ModifyTargetGroupAttributes",
    "ModifyTargetGroup",
    "DeleteWarmPool",
    "LaunchInstances",
    "TerminateInstanceInAutoScalingGroup",
    "PutWarmPool",
    "ResumeProcesses",
    "DeleteTags",
)


@pytest.fixture(name="killed")
def _killed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Wreck]:
    scenario, instant = request.param
    with wreck(scenario, tmp_path, POOL) as killed:
        killed.roll(scenario, instant)
        yield killed


def instants(when: str, operations: tuple[str, ...] = CHANGING) -> list[Any]:
    made = [(EVERYTHING, name) for name in operations] + [(BY_DESIRED, "SetDesiredCapacity")]
    return [pytest.param((one, _instant(when, name)), id=f"{when}-{name}") for one, name in made]


def _instant(when: str, operation: str) -> str:
    service = "elbv2" if operation in ("ModifyTargetGroupAttributes", "ModifyTargetGroup", "AddTags") else "autoscaling"
    return f"{when} {service}:{operation}"


# What was announced and not done: the instant before most calls is the one after another.
BEFORE = instants("before", ("SuspendProcesses", "LaunchInstances", "DeleteTags"))


def check(killed: Wreck) -> None:
    killed.sandbox.jump(900)
    assert killed.settings_now() == killed.found
    assert killed.pool() == POOL
    assert len(killed.serving()) == 2
    assert killed.live() == killed.serving()
    assert set(killed.members().values()) == {"InService"}


@pytest.mark.parametrize("killed", BEFORE + instants("after"), indirect=True)
def test_a_repair_without_the_record_restores_the_group_exactly(killed: Wreck) -> None:
    repaired = killed.repair(recorded=False)

    assert repaired.clean, repaired
    check(killed)
    assert killed.repair(recorded=False).found == ()


@pytest.mark.parametrize("killed", instants("after"), indirect=True)
def test_a_repair_with_the_record_restores_the_group_exactly(killed: Wreck) -> None:
    repaired = killed.repair(recorded=True)

    assert repaired.clean, repaired
    check(killed)
    assert killed.repair(recorded=True).found == ()


MIDDLE = [pytest.param((BY_DESIRED, "after autoscaling:SetDesiredCapacity"), id="double-size")]


@pytest.mark.parametrize("killed", MIDDLE, indirect=True)
def test_a_group_left_at_double_size_is_shown_before_it_is_repaired(killed: Wreck) -> None:
    killed.sandbox.jump(300)
    old = killed.live() & set(killed.fleet.instance_ids)
    shown = killed.repair(recorded=False, confirm=lambda _: False)

    assert not shown.acted
    surplus = {one.about for one in shown.found if one.what == "surplus"}
    assert surplus == killed.live() - old
    template = killed.fleet.template_id
    pool = "min=1 max-prepared=none state=Stopped reuse=yes"
    assert [str(one) for one in shown.found if one.about == "web" and one.what != "label"] == [
        "desired capacity of group web is 4, it was 2: set to 2 when the group has at most 2 members",
        "max size of group web is 4, it was 2: set to 2",
        "process AZRebalance of group web is suspended, it was running: set to running",
        "process AlarmNotification of group web is suspended, it was running: set to running",
        "process ReplaceUnhealthy of group web is suspended, it was running: set to running",
        f"launch template of group web is {template}:2, it was {template}:1: set to {template}:1",
        f"warm pool of group web is none, it was {pool}: set to {pool}",
    ]

    calls: list[str] = []
    killed.sandbox.on_call(lambda _service, operation, _parameters: calls.append(operation))
    assert killed.repair(recorded=False).clean
    changes = [name for name in calls if not name.startswith(("Describe", "Get"))]
    assert changes.index("TerminateInstanceInAutoScalingGroup") < changes.index("UpdateAutoScalingGroup")
    assert changes.index("UpdateAutoScalingGroup") < changes.index("ResumeProcesses") < changes.index("DeleteTags")
    killed.sandbox.jump(300)
    assert killed.live() == old
