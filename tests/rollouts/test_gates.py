"""Gates through the public call: how long they wait for a person, and from when that counts."""

from collections.abc import Iterator
from pathlib import Path

import pytest

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


def test_a_gate_that_nobody_approves_in_time_takes_the_fleet_back(rolling: Rolling) -> None:
    report = rolling.roll(**CANARY)

    assert (report.status, report.reason) == (Outcome.ROLLED_BACK, "nobody approved checkpoint 1 within 120 s")
    assert [failure.cause for failure in report.failures] == [report.reason]
    assert rolling.serving_versions() == {"v1": 2}


def test_a_gate_that_paused_the_rollout_gives_the_whole_time_from_when_it_goes_on(rolling: Rolling) -> None:
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


def test_a_resume_before_the_pause_takes_it_back_from_whoever_drives_the_rollout(rolling: Rolling) -> None:
    def pause_and_resume() -> str:
        (record,) = rolling.store.list()
        operations.pause(record.rollout.rollout_id, rolling.store)
        with pytest.raises(FleetLockedError) as told:
            resume(rolling, record.rollout.rollout_id, rolling.store)
        return str(told.value)

    watching = Watching(at="group.instances-terminated", do=pause_and_resume)
    report = roll(rolling, rolling.store, watching)

    assert f"is held by rollout {report.rollout_id}" in str(watching.done)
    assert report.status is Outcome.SUCCEEDED
