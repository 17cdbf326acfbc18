"""Gates through the public functions: how long they wait for an approval, and when that time starts."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from awsroll.core.model.rollout import OnFailure
from awsroll.core.model.status import Outcome
from awsroll.driver import operations
from awsroll.errors import FleetLockedError
from tests.rollouts.holding import Watching, resume, roll
from tests.rollouts.rolling import Rolling, enter, make_sandbox


@pytest.fixture
def rolling(tmp_path: Path) -> Iterator[Rolling]:
    sandbox, clock = make_sandbox()
    with sandbox:
        yield enter(sandbox, clock, tmp_path / "state", grouped=True, servers=2)


CANARY = {"checkpoint": (1,), "approve_checkpoints": True, "approval_timeout": 120}


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


def test_a_rejection_while_no_process_drives_the_rollout_is_applied_by_the_resume(rolling: Rolling) -> None:
    asking = operations.Context(
        session=rolling.sandbox.session(), store=rolling.store, clock=rolling.clock, wait_for_approval=False
    )
    left = operations.roll(rolling.request(checkpoint=(1,), approve_checkpoints=True), asking)

    operations.reject(left.rollout_id, rolling.store)
    report = operations.resume(left.rollout_id, asking)

    assert (report.status, report.reason) == (Outcome.ROLLED_BACK, "rejected by a person")
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

    assert (rejected.status, rejected.reason) == (Outcome.PAUSED, "rejected by a person")
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
