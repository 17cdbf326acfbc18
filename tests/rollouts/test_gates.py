"""Gates through the public functions: how long they wait for an approval, and when that time starts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from awsroll.core.model.rollout_choices import OnFailure
from awsroll.core.model.status import Outcome
from awsroll.driver import operations
from awsroll.driver.caller_name import local_name
from awsroll.driver.read_story import stored_story
from awsroll.errors import FleetLockedError, NoApprovalAwaitedError
from tests.rollouts.holding import Watching, resume, roll
from tests.rollouts.rolling import Rolling, enter, make_sandbox


@pytest.fixture
def rolling(tmp_path: Path) -> Iterator[Rolling]:
    sandbox, clock = make_sandbox()
    with sandbox:
        yield enter(sandbox, clock, tmp_path / "state", grouped=True, servers=2)


APPROVED_WITHIN: dict[str, Any] = {"approve_checkpoints": True, "approval_timeout": 120}
CANARY: dict[str, Any] = {"checkpoint": (1,), **APPROVED_WITHIN}


def test_a_gate_without_approval_in_time_rolls_the_fleet_back(rolling: Rolling) -> None:
    report = rolling.roll(**CANARY)

    assert (report.status, report.reason) == (Outcome.ROLLED_BACK, "checkpoint 1 was not approved within 120 s")
    assert [failure.cause for failure in report.failures] == [report.reason]
    assert rolling.serving_versions() == {"v1": 2}


def test_a_gate_that_paused_the_rollout_waits_the_whole_time_after_the_resume(rolling: Rolling) -> None:
    asking = operations.Context(
        session=rolling.sandbox.session(), store=rolling.store, clock=rolling.clock, wait_for_approval=False
    )
    left = operations.roll(rolling.request(**CANARY), asking)
    rolling.sandbox.jump(5000)

    again = operations.resume(left.rollout_id, asking)
    operations.approve(left.rollout_id, rolling.store)
    report = operations.resume(left.rollout_id, asking)

    assert (again.status, again.reason) == (Outcome.PAUSED, "waits for approval at checkpoint 1")
    assert (report.status, report.failures) == (Outcome.SUCCEEDED, ())


def test_each_gate_of_a_rollout_that_does_not_wait_is_approved_in_turn(rolling: Rolling) -> None:
    asking = operations.Context(
        session=rolling.sandbox.session(), store=rolling.store, clock=rolling.clock, wait_for_approval=False
    )
    left = operations.roll(rolling.request(checkpoint=(1, 2), approve_checkpoints=True), asking)
    rollout = left.rollout_id
    first = operations.approve(rollout, rolling.store, 1).approval
    with pytest.raises(NoApprovalAwaitedError, match="was approved already"):
        operations.approve(rollout, rolling.store)

    second = operations.resume(rollout, asking)
    with pytest.raises(NoApprovalAwaitedError, match=r"checkpoint 1 of .* has passed; checkpoint 2 of 2 waits"):
        operations.approve(rollout, rolling.store, 1)
    operations.approve(rollout, rolling.store, by="alice")
    report = operations.resume(rollout, asking)

    gates = stored_story(rollout, rolling.store).gates
    assert [gate.approval for gate in gates] == [f"by {local_name()}", "by alice"]
    assert first is not None
    assert (first.place, first.answer) == ("checkpoint 1 of 2: 1 of 2 servers on web:2", "approved")
    assert left.approval is not None
    assert left.approval.command == f"awsroll approve {rollout} --checkpoint 1"
    assert (second.status, second.reason) == (Outcome.PAUSED, "waits for approval at checkpoint 2")
    assert (report.status, report.checkpoints, report.approval) == (Outcome.SUCCEEDED, ("1", "2"), None)


def test_two_approvals_of_one_gate_open_one_gate(rolling: Rolling) -> None:
    def approve_twice() -> str:
        (record,) = rolling.store.list()
        operations.approve(record.rollout.rollout_id, rolling.store)
        with pytest.raises(NoApprovalAwaitedError) as refused:
            operations.approve(record.rollout.rollout_id, rolling.store)
        return str(refused.value)

    watching = Watching(at="approval.awaited", do=approve_twice)
    report = roll(rolling, rolling.store, watching, checkpoint=(1, 2), **APPROVED_WITHIN)

    assert "checkpoint 1 of 2" in str(watching.done)
    assert report.checkpoints == ("1",)
    assert (report.status, report.reason) == (Outcome.ROLLED_BACK, "checkpoint 2 was not approved within 120 s")


def test_a_pause_at_a_checkpoint_leaves_it_open_for_an_answer(rolling: Rolling) -> None:
    def pause() -> None:
        (record,) = rolling.store.list()
        operations.pause(record.rollout.rollout_id, rolling.store)

    watching = Watching(at="group.instances-terminated", do=pause)
    paused = roll(rolling, rolling.store, watching, checkpoint=(1,), **APPROVED_WITHIN)
    operations.approve(paused.rollout_id, rolling.store)
    report = resume(rolling, paused.rollout_id, rolling.store)

    assert (paused.status, paused.reason) == (Outcome.PAUSED, f"paused by request of {local_name()}")
    assert report.status is Outcome.SUCCEEDED


def test_a_rejection_while_no_process_drives_the_rollout_is_applied_by_the_resume(rolling: Rolling) -> None:
    asking = operations.Context(
        session=rolling.sandbox.session(), store=rolling.store, clock=rolling.clock, wait_for_approval=False
    )
    left = operations.roll(rolling.request(checkpoint=(1,), approve_checkpoints=True), asking)

    operations.reject(left.rollout_id, rolling.store)
    report = operations.resume(left.rollout_id, asking)

    assert (report.status, report.reason) == (Outcome.ROLLED_BACK, f"rejected by {local_name()}")
    assert rolling.serving_versions() == {"v1": 2}


def test_a_resume_after_an_applied_rejection_asks_again(rolling: Rolling) -> None:
    asking = operations.Context(
        session=rolling.sandbox.session(), store=rolling.store, clock=rolling.clock, wait_for_approval=False
    )
    wanted = {"checkpoint": (1,), "approve_checkpoints": True, "on_failure": OnFailure.PAUSE}
    left = operations.roll(rolling.request(**wanted), asking)
    operations.reject(left.rollout_id, rolling.store)
    rejected = operations.resume(left.rollout_id, asking)

    again = operations.resume(left.rollout_id, asking)

    assert (rejected.status, rejected.reason) == (Outcome.PAUSED, f"rejected by {local_name()}")
    assert (again.status, again.reason) == (Outcome.PAUSED, "waits for approval at checkpoint 1")


def test_a_resume_before_the_pause_cancels_it_for_the_process_that_drives_the_rollout(rolling: Rolling) -> None:
    def pause_and_resume() -> str:
        (record,) = rolling.store.list()
        operations.pause(record.rollout.rollout_id, rolling.store)
        with pytest.raises(FleetLockedError) as refused:
            resume(rolling, record.rollout.rollout_id, rolling.store)
        return str(refused.value)

    watching = Watching(at="group.instances-terminated", do=pause_and_resume)
    report = roll(rolling, rolling.store, watching)

    assert f"is held by rollout {report.rollout_id}" in str(watching.done)
    assert report.status is Outcome.SUCCEEDED
