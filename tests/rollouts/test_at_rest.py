"""At rest a group of the embedded AWS takes care of itself, and a success lasts; with nothing to do nothing changes."""

from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import awsroll
from awsroll.cli.render_plan import plan_text
from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.model.status import Outcome
from awsroll.report import Report
from awsroll.sandbox import ApiError
from tests.rollouts.rolling import Rolling, enter, make_sandbox

CARE = {"ReplaceUnhealthy", "AZRebalance", "AlarmNotification"}
SETTLED_SECONDS = 60


@pytest.fixture(name="roller")
def _roller(tmp_path: Path) -> Any:
    def make(**shape: Any) -> Rolling:
        sandbox, clock = make_sandbox()
        stack.enter_context(sandbox)
        return enter(sandbox, clock, tmp_path, grouped=shape.pop("grouped", True), **shape)

    with ExitStack() as stack:
        yield make


def suspended(one: Rolling) -> set[str]:
    return {process["ProcessName"] for process in one.group()["SuspendedProcesses"]}


def changes_of(one: Rolling) -> list[str]:
    """Return a list that receives the name of each later call that is not a read."""
    made: list[str] = []

    def note(service: str, operation: str, _parameters: Any) -> None:
        if not operation.startswith(("Describe", "Get", "List")):
            made.append(f"{service}:{operation}")

    one.sandbox.on_call(note)
    return made


def rollout_id(one: Rolling) -> str:
    (summary,) = awsroll.rollouts(store=one.store)
    return summary.rollout_id


def resume(one: Rolling, report: Report) -> Report:
    return awsroll.resume(report.rollout_id, session=one.sandbox.session(), store=one.store, clock=one.clock)


# --- at rest ----------------------------------------------------------------------------------------------------------


def test_processes_run_at_a_closed_gate_and_are_suspended_while_servers_move(roller: Any) -> None:
    one: Rolling = roller(servers=3)
    seen: dict[bool, set[str]] = {True: set(), False: set()}

    def look(_service: str, operation: str, _parameters: Any) -> None:
        records = awsroll.rollouts(store=one.store)
        if operation == "DescribeTargetHealth" and records:
            status = one.store.load(records[0].rollout_id).status
            since = status.gate.closed_since
            at_rest = since is not None and (one.clock.now() - since).total_seconds() > SETTLED_SECONDS
            seen[at_rest] |= suspended(one)

    one.sandbox.on_call(look)
    assert one.roll(checkpoint=(1,), checkpoint_delay=600).succeeded
    assert not seen[True]
    assert {"ReplaceUnhealthy", "AZRebalance"} <= seen[False]
    assert not suspended(one)


def test_nothing_is_suspended_while_a_permission_is_missing(roller: Any) -> None:
    one: Rolling = roller(servers=3)
    refusing = [1, 1]

    def deny(_service: str, operation: str, _parameters: Any) -> None:
        if operation == "TerminateInstanceInAutoScalingGroup":
            if len(refusing) == 1:
                code, message = "AccessDenied", "User: sandbox is not authorized to perform this operation"
                raise ApiError(code, message, 403)
            refusing.pop()

    stop = one.sandbox.on_call(deny)
    report = one.roll()

    assert report.status is Outcome.PAUSED
    assert not suspended(one)
    assert one.group()["LaunchTemplate"]["Version"] == "1"
    stop()
    assert resume(one, report).succeeded
    assert one.serving_versions() == {"v2": 3}


@pytest.mark.parametrize(
    ("operation", "version"),
    [
        ("DescribeTargetHealth", "1"),
        ("DescribeInstances", "1"),
        ("DescribeScalingActivities", "1"),
        ("DescribeAutoScalingGroups", "2"),  # whether someone has set another version meanwhile is not known
    ],
)
def test_the_group_takes_care_of_itself_although_its_fleet_cannot_be_observed(
    roller: Any, operation: str, version: str
) -> None:
    one: Rolling = roller(servers=3, max_size=3)
    stops: list[Any] = []

    def deny(_service: str, asked: str, _parameters: Any) -> None:
        if asked == "TerminateInstanceInAutoScalingGroup" and not stops:
            stops.append(one.sandbox.faults.add(f"denied *:{operation}"))

    one.sandbox.on_call(deny)
    report = one.roll(max_surge=1, max_unavailable=1)
    one.sandbox.faults.remove(*stops)

    assert (report.status, operation in report.reason) == (Outcome.PAUSED, True)
    assert "no further change" not in report.reason
    assert suspended(one) <= {"AlarmNotification"}  # it stays suspended while the group has a surplus
    after = one.group()
    assert after["LaunchTemplate"]["Version"] == version
    if operation == "DescribeAutoScalingGroups":  # EC2 shows the members, but not whose the version is
        assert report.reason.endswith("these settings stay as the rollout set them: version")
    assert after["MaxSize"] == max(3, after["DesiredCapacity"])
    assert resume(one, report).succeeded
    assert one.group()["MaxSize"] == 3
    assert one.serving_versions() == {"v2": 3}


def test_a_marked_member_is_not_replaced_while_its_health_cannot_be_observed(roller: Any) -> None:
    one: Rolling = roller(servers=3)
    stops: list[Any] = []

    def deny(_service: str, asked: str, parameters: Any) -> None:
        if asked == "TerminateInstanceInAutoScalingGroup" and not stops:
            stops.append(one.sandbox.faults.add("denied *:DescribeTargetHealth"))
            marked = next(name for name in one.running() if name != parameters["InstanceId"])
            client = one.sandbox.session().client("autoscaling")
            client.set_instance_health(InstanceId=marked, HealthStatus="Unhealthy", ShouldRespectGracePeriod=False)

    one.sandbox.on_call(deny)
    report = one.roll()

    assert suspended(one) == {"ReplaceUnhealthy"}
    assert any("ReplaceUnhealthy of group web stays suspended" in warning for warning in report.warnings)


def test_a_success_lasts_although_new_servers_boot_slower_than_the_grace_period(roller: Any) -> None:
    one: Rolling = roller(
        servers=4,
        health_check_grace_seconds=20,
        healthy_threshold=2,
        further_versions=({"sandbox:application-seconds": "90"},),
    )
    report = one.roll(version=3, strategy=Strategy.DOUBLE_HALF)
    served = one.running()
    one.sandbox.jump(600)

    assert report.succeeded, report.reason
    assert any("health check grace period of 20 s" in warning for warning in report.warnings)
    assert one.running() == served
    assert one.serving_versions() == {"v3": 4}


# --- values that someone else sets ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("setting", "value"), [("MaxSize", 3), ("MaxSize", 5), ("MinSize", 1)])
def test_a_size_that_a_schedule_sets_during_the_rollout_is_kept(roller: Any, setting: str, value: int) -> None:
    one: Rolling = roller(servers=3, min_size=2, max_size=3)
    action = {"AutoScalingGroupName": "web", "ScheduledActionName": "evening", setting: value}
    start = one.clock.now() + timedelta(seconds=60)
    one.sandbox.session().client("autoscaling").put_scheduled_update_group_action(StartTime=start, **action)
    report = one.roll(launch_first=True)
    one.sandbox.jump(300)

    assert report.succeeded, report.reason
    assert one.group()[setting] == value


# --- nothing to do ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("grouped", [False, True], ids=["standalone", "auto-scaling"])
def test_a_fleet_on_the_version_gets_no_mutating_call(roller: Any, grouped: bool) -> None:
    one: Rolling = roller(servers=3, grouped=grouped)
    changes = changes_of(one)
    report = one.roll(version=1)

    assert report.succeeded
    assert report.reason.endswith("nothing to do")
    assert report.api_calls.mutating == 0
    assert changes == []
    assert awsroll.plan(one.request(version=1), session=one.sandbox.session(), clock=one.clock).nothing_to_do


def test_the_plan_of_a_fleet_on_the_version_says_so_in_one_line(roller: Any) -> None:
    one: Rolling = roller(servers=3)
    plan = awsroll.plan(one.request(version=1), session=one.sandbox.session(), clock=one.clock)

    lines = plan_text(plan).splitlines()

    assert lines[0] == f"No changes: {plan.fleet} is on {one.fleet.template_name}:1. There is nothing to do."
    assert not any("warning" in line for line in lines)
