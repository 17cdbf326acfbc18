"""`release` frees a fleet from a rollout that nothing can end, also if its record cannot be used."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import awsroll
from awsroll.core.model.status import Mode, Outcome
from awsroll.core.tags import HELD_BY_TAG
from awsroll.driver import operations
from awsroll.driver.context import Context
from awsroll.errors import FleetLockedError, RolloutNotFoundError, SpecError
from awsroll.report import Report
from awsroll.testing.clock import VirtualClock
from tests.rollouts.rolling import Rolling, enter, make_sandbox
from tests.stores.records import busy_record

DAMAGED = b"\x00{"


@pytest.fixture(name="one")
def _one(tmp_path: Path) -> Iterator[Rolling]:
    sandbox, clock = make_sandbox()
    with sandbox:
        yield enter(sandbox, clock, tmp_path, grouped=True, servers=2)


def waiting(one: Rolling) -> Report:
    """Roll to a checkpoint, and leave the tag of a driver that died there."""
    request = one.request(checkpoint=("1",), approve_checkpoints=True, launch_first=True)
    context = Context(session=one.sandbox.session(), store=one.store, clock=one.clock, wait_for_approval=False)
    report = operations.roll(request, context)
    assert report.status is Outcome.PAUSED
    place = {"ResourceId": "web", "ResourceType": "auto-scaling-group", "PropagateAtLaunch": False}
    value = f"{report.rollout_id} {one.store.label} 2099-01-01T00:00:00Z"
    one.sandbox.session().client("autoscaling").create_or_update_tags(
        Tags=[{**place, "Key": HELD_BY_TAG, "Value": value}]
    )
    return report


def calls(one: Rolling) -> dict[str, Any]:
    return {"session": one.sandbox.session(), "store": one.store, "clock": one.clock}


def damage(one: Rolling, *keys: str) -> None:
    for key in keys:
        (one.store.directory / key).write_bytes(DAMAGED)


def tags(one: Rolling) -> list[str]:
    return [tag["Key"] for tag in one.group()["Tags"]]


def test_the_fleet_is_free_and_the_result_says_what_is_not_restored(one: Rolling) -> None:
    rollout = waiting(one).rollout_id

    released = awsroll.release(rollout, **calls(one))

    assert (released.acted, released.notes) == (True, ())
    at_rest = "process:AZRebalance of web was running before the rollout; awsroll has set it back since"
    assert [line for line in released.unrestored if line.startswith(at_rest)]
    assert HELD_BY_TAG not in tags(one)
    ended = one.store.load(rollout).status
    assert (ended.mode, ended.outcome) == (Mode.ENDED, Outcome.STOPPED)
    assert ended.reason.startswith("released by request")
    assert awsroll.repair(rollout, **calls(one)).clean, "the saved settings are still in the record"
    assert one.roll(launch_first=True).succeeded, "another rollout can start"


def test_without_confirmation_nothing_changes(one: Rolling) -> None:
    rollout = waiting(one).rollout_id
    before = one.store.load(rollout)

    released = awsroll.release(rollout, **calls(one), confirm=lambda _: False)

    assert not released.acted
    assert one.store.load(rollout) == before
    assert HELD_BY_TAG in tags(one)


@pytest.mark.parametrize("lost", ["record", "entry", "both", "no-record"])
def test_a_rollout_without_a_usable_record_is_released(one: Rolling, lost: str) -> None:
    rollout = waiting(one).rollout_id
    record, entry = f"rollouts/{rollout}/record.json", f"open/{rollout}.json"
    damage(one, *{"record": [record], "entry": [entry], "both": [record, entry], "no-record": []}[lost])
    if lost == "no-record":
        (one.store.directory / record).unlink()
    store = type(one.store)(one.store.directory)  # a process that has not read the items before

    released = awsroll.release(rollout, **{**calls(one), "store": store})

    assert released.acted
    assert store.unfinished() == store.unreadable_open() == ()
    if lost == "record":
        assert released.unrestored == (
            f"the record of rollout {rollout} cannot be used, so what it has changed is not known",
        )
        assert HELD_BY_TAG not in tags(one)
    if lost == "both":
        assert "the fleet is not known" in released.notes[0]


def test_a_rollout_that_a_process_drives_is_refused(one: Rolling) -> None:
    record = one.store.save(busy_record())
    with one.store.drive(record.rollout, clock=one.clock), pytest.raises(FleetLockedError, match="is held by rollout"):
        awsroll.release(record.rollout.rollout_id, **calls(one))
    assert one.store.load(record.rollout.rollout_id) == record


def test_locks_of_other_rollouts_stay_and_a_damaged_lock_goes(one: Rolling) -> None:
    rollout = waiting(one).rollout_id
    folder = one.store.directory / "fleets"
    other = one.store.save(busy_record())
    with one.store.drive(other.rollout, clock=one.clock) as lease:
        (kept,) = folder.glob("*.json")
        with one.store.drive(one.store.load(rollout).rollout, clock=one.clock):
            (own,) = set(folder.glob("*.json")) - {kept}
        own.write_bytes(DAMAGED)

        assert awsroll.release(rollout, **calls(one)).acted

        assert list(folder.glob("*.json")) == [kept]
        lease.check()


def test_a_fleet_that_aws_does_not_show_is_released_with_a_note(one: Rolling) -> None:
    rollout = waiting(one).rollout_id
    one.sandbox.faults.add("denied autoscaling:DescribeAutoScalingGroups")

    released = awsroll.release(rollout, **calls(one))

    assert released.acted
    assert "was not removed and expires within 10 minutes by itself" in released.notes[0]
    assert one.store.unfinished() == ()


def test_what_nothing_names_is_not_found(one: Rolling) -> None:
    with pytest.raises(RolloutNotFoundError):
        awsroll.release("nothing", **calls(one))


def test_a_store_without_locks_cannot_be_released(one: Rolling) -> None:
    class Plain:
        pass

    with pytest.raises(SpecError):
        awsroll.release("web-1", store=Plain(), clock=VirtualClock(), session=one.sandbox.session())  # type: ignore[arg-type]
