"""Faults of AWS: every strategy ends well in spite of throttling, outages and lost answers."""

from pathlib import Path
from typing import Any

import pytest

import awsroll
from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.model.status import Outcome
from tests.rollouts.rolling import enter, make_sandbox

KINDS = pytest.mark.parametrize("grouped", [False, True], ids=["standalone", "auto-scaling"])
HOW: dict[str, dict[str, Any]] = {
    "replace": {"concurrent": 2},
    "launch-first": {"launch_first": True},
    "double-half": {"strategy": Strategy.DOUBLE_HALF},
    "keep-old": {"strategy": Strategy.DOUBLE_HALF, "keep_old": True, "bake_time": 60},
    "reload": {"strategy": Strategy.RELOAD},
}
STORM = (
    "throttled probability=0.3 seed={}",
    "unavailable probability=0.025 seed={}",
    "internal-error probability=0.025 seed={}",
)
LOST = ("timeout probability=0.05 when=after seed={}", "reset probability=0.05 when=after seed={}")
SETTINGS = ("MinSize", "MaxSize", "DesiredCapacity", "SuspendedProcesses", "Tags")


@KINDS
@pytest.mark.parametrize("wanted", HOW.values(), ids=HOW)
@pytest.mark.parametrize("rules", [STORM, STORM + LOST], ids=["storm", "storm-and-lost-answers"])
def test_every_strategy_ends_well(
    tmp_path: Path, *, grouped: bool, wanted: dict[str, Any], rules: tuple[str, ...]
) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        rolling = enter(sandbox, clock, tmp_path, grouped=grouped, servers=3)
        before = rolling.group() if grouped else {}
        for number, rule in enumerate(rules):
            sandbox.faults.add(rule.format(100 + number))
        report = rolling.roll(**wanted, progress_timeout=36000)
        fired = len(sandbox.faults.fired)
        sandbox.faults.clear()
        sandbox.jump(600)

        assert fired > 5
        assert (report.status, report.reason) == (Outcome.SUCCEEDED, "")
        assert rolling.serving_versions() == {"v2": 3}
        assert len(rolling.running()) == 3
        if grouped:
            after = rolling.group()
            assert {key: after.get(key) for key in SETTINGS} == {key: before.get(key) for key in SETTINGS}


@KINDS
@pytest.mark.parametrize(
    "operation",
    ["ec2:TerminateInstances", "autoscaling:TerminateInstanceInAutoScalingGroup", "elasticloadbalancing:*Targets"],
)
def test_a_refused_permission_pauses_and_names_the_action(tmp_path: Path, *, grouped: bool, operation: str) -> None:
    service_of_kind = {"ec2": not grouped, "autoscaling": grouped, "elasticloadbalancing": not grouped}
    if not service_of_kind[operation.partition(":")[0]]:
        operation = "autoscaling:SuspendProcesses" if grouped else "ec2:CreateTags"
    sandbox, clock = make_sandbox()
    with sandbox:
        rolling = enter(sandbox, clock, tmp_path, grouped=grouped, servers=2)
        rule = sandbox.faults.add(f"denied {operation}")
        report = rolling.roll()
        assert report.status is Outcome.PAUSED
        assert operation.partition("*")[0].replace("elasticloadbalancing:", "") in report.reason
        sandbox.faults.remove(rule)

        again = awsroll.resume(report.rollout_id, session=sandbox.session(), store=rolling.store, clock=clock)
        assert again.status is Outcome.SUCCEEDED


@KINDS
def test_credentials_that_expire_pause_the_rollout(tmp_path: Path, *, grouped: bool) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        rolling = enter(sandbox, clock, tmp_path, grouped=grouped, servers=2)
        sandbox.faults.call(
            lambda _: sandbox.faults.add("expired-credentials") and None,
            operation="autoscaling:Terminate*" if grouped else "ec2:RunInstances",
            calls=(1,),
            when="after",
        )
        report = rolling.roll()
        assert report.status is Outcome.PAUSED
        assert "expired" in report.reason.lower()
        remedy = f"Renew the credentials, then run `awsroll resume {report.rollout_id}`"
        if grouped:  # a refused action of the other fleet names what was refused
            assert remedy in report.reason


@KINDS
def test_a_rollout_waits_while_capacity_is_short(tmp_path: Path, *, grouped: bool) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        rolling = enter(sandbox, clock, tmp_path, grouped=grouped, servers=3)
        sandbox.faults.add("no-capacity times=3")
        report = rolling.roll(launch_first=True, launch_timeout=1200)
        assert (report.status, report.reason) == (Outcome.SUCCEEDED, "")


def test_a_zone_without_capacity_is_replaced_by_another_zone(tmp_path: Path) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        rolling = enter(sandbox, clock, tmp_path, grouped=True, servers=3)
        zone = rolling.group()["AvailabilityZones"][0]
        sandbox.faults.add(f"no-capacity zones={zone}")
        report = rolling.roll(launch_first=True)
        assert (report.status, report.reason) == (Outcome.SUCCEEDED, "")


@KINDS
def test_a_partial_launch_is_completed(tmp_path: Path, *, grouped: bool) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        rolling = enter(sandbox, clock, tmp_path, grouped=grouped, servers=4)
        sandbox.faults.add("partial-launch at_most=1 times=2")
        report = rolling.roll(strategy=Strategy.DOUBLE_HALF)
        sandbox.jump(300)
        assert (report.status, report.reason) == (Outcome.SUCCEEDED, "")
        assert len(rolling.running()) == 4
