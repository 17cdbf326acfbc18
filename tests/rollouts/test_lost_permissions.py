"""A permission that is missing, or lost in the middle: the group takes care of itself, and abort and repair end."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from awsroll.core.model.status import Mode, Outcome
from awsroll.driver import operations
from awsroll.driver.context import Context
from awsroll.errors import AccessRefusedError
from awsroll.notifications import channels
from awsroll.repairs.repair import RepairTarget, repair
from tests.rollouts.rolling import Rolling, enter, make_sandbox

WEBHOOK = "https://hooks.slack.com/services/T0/B0/secret"
GROUP_READ = "denied autoscaling:DescribeAutoScalingGroups"


@contextmanager
def rolled_until_denied(tmp_path: Path, *denied: str, after: str = "", **wanted: Any) -> Iterator[tuple[Rolling, str]]:
    """Roll a group of two, of at most two, and lose permissions after the first call of a name."""
    sandbox, clock = make_sandbox()
    with sandbox:
        one = enter(sandbox, clock, tmp_path, grouped=True, servers=2)
        sandbox.session().client("autoscaling").update_auto_scaling_group(AutoScalingGroupName="web", MaxSize=2)

        def lose(_service: str, name: str, _parameters: Any) -> None:
            if name == after and not sandbox.faults.rules:
                for each in denied:
                    sandbox.faults.add(each)

        sandbox.on_call(lose, "after")
        if not after:
            for each in denied:
                sandbox.faults.add(each)
        report = operations.roll(one.request(**wanted), context_of(one))
        yield one, report.rollout_id


def context_of(one: Rolling, **more: Any) -> Context:
    return Context(session=one.sandbox.session(), store=one.store, clock=one.clock, **more)


def sizes_and_processes(one: Rolling) -> tuple[int, int, list[str]]:
    one.sandbox.faults.clear()
    group = one.group()
    processes = [process["ProcessName"] for process in group["SuspendedProcesses"]]
    return group["MaxSize"], group["DesiredCapacity"], processes


def test_a_maximum_is_lowered_again_although_aws_no_longer_describes_the_group(tmp_path: Path) -> None:
    with rolled_until_denied(tmp_path, GROUP_READ, after="UpdateAutoScalingGroup", launch_first=True) as (one, name):
        assert one.store.load(name).status.outcome is Outcome.PAUSED
        assert sizes_and_processes(one) == (2, 2, [])
        assert len(one.running()) == 2


def test_members_that_run_are_not_terminated_by_a_lowered_maximum(tmp_path: Path) -> None:
    lost = {"after": "LaunchInstances", "launch_first": True}
    with rolled_until_denied(tmp_path, GROUP_READ, **lost) as (one, name):
        reason = one.store.load(name).status.reason
        maximum, desired, suspended = sizes_and_processes(one)
        assert (maximum, desired) == (3, 3)
        assert set(suspended) <= {"AlarmNotification"}, "it would scale the surplus in"
        assert "max-size" in reason
        assert "--auto-scaling-group-name web --max-size 2`" in reason
        one.sandbox.jump(600)
        assert len(one.running()) == 3


def test_nothing_is_lowered_if_aws_shows_neither_the_group_nor_its_members(tmp_path: Path) -> None:
    lost = (GROUP_READ, "denied ec2:DescribeInstances")
    with rolled_until_denied(tmp_path, *lost, after="UpdateAutoScalingGroup", launch_first=True) as (one, name):
        reason = one.store.load(name).status.reason
        assert sizes_and_processes(one) == (3, 2, [])
        assert "Once the desired capacity is at most 2, `aws autoscaling update-auto-scaling-group" in reason


def test_nothing_is_suspended_without_the_permission_to_resume_it(tmp_path: Path) -> None:
    with rolled_until_denied(tmp_path, "denied autoscaling:ResumeProcesses") as (one, name):
        status = one.store.load(name).status
        assert (status.outcome, "autoscaling:ResumeProcesses" in status.reason) == (Outcome.PAUSED, True)
        assert sizes_and_processes(one) == (2, 2, [])


def test_a_confirmed_abort_restores_what_aws_allows_and_sends_its_notice(tmp_path: Path) -> None:
    sent: list[str] = []
    with (
        rolled_until_denied(tmp_path, GROUP_READ, after="UpdateAutoScalingGroup", launch_first=True) as (one, name),
        patch.object(channels, "post_json", lambda _url, body: sent.append(body.decode())),
    ):
        report = operations.abort(name, context_of(one, notify=(WEBHOOK,), confirm_unrestored=lambda _: True))

        assert report.status is Outcome.STOPPED
        assert "max-size of web was 2 before the rollout; awsroll has set it back since" in report.reason
        assert [text for text in sent if "aborted without access to the fleet" in text] == sent[-1:]
        _assert_ended(one, name)


def test_a_confirmed_repair_ends_the_rollout_and_says_what_is_left(tmp_path: Path) -> None:
    with rolled_until_denied(tmp_path, GROUP_READ, after="SuspendProcesses") as (one, name):
        target, shown = RepairTarget(rollout_id=name), list[str]()
        with pytest.raises(AccessRefusedError, match="DescribeAutoScalingGroups"):
            repair(target, context_of(one))
        assert one.store.load(name).status.mode is not Mode.ENDED

        repaired = repair(target, context_of(one, confirm_unrestored=lambda lines: bool(shown.extend(lines)) or True))

        assert (repaired.acted, repaired.finished, repaired.clean) == (True, False, False)
        assert "the rollout has ended and holds its fleet no longer" in repaired.reason
        assert "DescribeAutoScalingGroups" in shown[0]
        assert [each.found for each in repaired.left if each.found.startswith("process:ReplaceUnhealthy of web was")]
        _assert_ended(one, name)
        assert repair(target, context_of(one)).clean, "once AWS allows it again"


def _assert_ended(one: Rolling, rollout_id: str) -> None:
    """Assert that the rollout holds nothing, and that the group has its own settings."""
    record = one.store.load(rollout_id)
    assert record.status.mode is Mode.ENDED
    assert one.store.unfinished() == ()
    one.store.check_free(record.rollout, clock=one.clock)
    assert sizes_and_processes(one) == (2, 2, [])
