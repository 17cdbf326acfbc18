"""An unfinished rollout keeps its fleet: no other rollout starts before it has ended."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import awsroll
from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.model.status import Outcome
from awsroll.driver import operations
from awsroll.errors import FleetLockedError
from awsroll.report import Report
from awsroll.stores.unfinished_index import UnfinishedIndex
from tests.rollouts.holding import changes, resume
from tests.rollouts.rolling import Rolling, enter, make_sandbox


@pytest.fixture
def rolling(tmp_path: Path) -> Iterator[Rolling]:
    sandbox, clock = make_sandbox()
    with sandbox:
        yield enter(sandbox, clock, tmp_path / "state", grouped=False, servers=2, target_groups=2)


def interrupted(rolling: Rolling, **wanted: Any) -> Report:
    """Roll until the first server is out of its target groups, and stop there."""
    registered = rolling.sandbox.elb.targets

    def stop_requested() -> bool:
        return any(one.state == "draining" for arn in rolling.fleet.target_group_arns for one in registered(arn))

    report = operations.roll(
        rolling.request(**wanted),
        operations.Context(
            session=rolling.sandbox.session(), store=rolling.store, clock=rolling.clock, stop_requested=stop_requested
        ),
    )
    assert report.status is Outcome.INTERRUPTED
    return report


def refused(rolling: Rolling, **wanted: Any) -> str:
    """Roll again; check that nothing was changed or recorded, and return the error."""
    before, records = changes(rolling), rolling.store.list()
    with pytest.raises(FleetLockedError) as refusal:
        rolling.roll(**wanted)
    assert (changes(rolling), rolling.store.list()) == (before, records)
    return str(refusal.value)


def test_a_fleet_with_an_interrupted_rollout_is_not_rolled_again(rolling: Rolling) -> None:
    left = interrupted(rolling)

    error = refused(rolling, launch_first=True)

    assert error == (
        f"rollout {left.rollout_id} of web-1+web-2 has not ended (interrupted); this rollout changed nothing. Continue "
        f"with `awsroll resume {left.rollout_id}`, roll back with `awsroll rollback {left.rollout_id}`, or stop it and "
        f"restore the fleet with `awsroll repair {left.rollout_id}`"
    )


def test_if_the_checks_refuse_the_fleet_the_unfinished_rollout_is_named_too(rolling: Rolling) -> None:
    left = interrupted(rolling)

    error = refused(rolling)

    assert f"awsroll resume {left.rollout_id}" in error
    assert error.endswith("launch new servers first with --launch-first, or pass --max-unavailable 1 to allow this")


def test_a_target_group_of_a_fleet_with_an_unfinished_rollout_is_not_rolled(rolling: Rolling) -> None:
    left = interrupted(rolling, launch_first=True)

    error = refused(rolling, target_group=rolling.fleet.target_group_arns[1:], launch_first=True)

    assert left.rollout_id in error


def test_a_fleet_with_a_rollout_that_waits_for_approval_is_not_rolled_again(rolling: Rolling) -> None:
    request = rolling.request(checkpoint=(1,), approve_checkpoints=True)
    context = operations.Context(
        session=rolling.sandbox.session(), store=rolling.store, clock=rolling.clock, wait_for_approval=False
    )
    left = operations.roll(request, context)

    error = refused(rolling)

    assert left.status is Outcome.PAUSED
    assert left.rollout_id in error
    assert f"has not ended (paused: {left.reason})" in error


def test_a_reload_that_cannot_be_rolled_back_is_not_advised_to(rolling: Rolling) -> None:
    left = interrupted(rolling, strategy=Strategy.RELOAD)

    error = refused(rolling, strategy=Strategy.RELOAD)

    assert f"awsroll resume {left.rollout_id}" in error
    assert "rollback" not in error


def damage(rolling: Rolling, name: str, *keys: str) -> None:
    """Make the record of a rollout unreadable, and the items at other keys."""
    for key in (f"rollouts/{name}/record.json", *keys):
        (rolling.store.directory / key).write_bytes(b"\x00{")


def test_an_unfinished_rollout_with_an_unreadable_record_keeps_its_fleet(rolling: Rolling) -> None:
    left = interrupted(rolling, launch_first=True)
    damage(rolling, left.rollout_id)

    error = refused(rolling, launch_first=True)
    with pytest.raises(FleetLockedError):
        awsroll.plan(rolling.request(launch_first=True), **calls(rolling))

    assert f"rollout {left.rollout_id} of web-1+web-2 may be unfinished, and its record cannot be used" in error
    assert str(rolling.store.directory) in error
    assert f"`awsroll repair {left.rollout_id} --target-group {rolling.fleet.target_group_arns[0]}`" in error


def test_it_is_named_too_if_the_checks_refuse_the_fleet(rolling: Rolling) -> None:
    left = interrupted(rolling)
    damage(rolling, left.rollout_id)

    assert f"rollout {left.rollout_id} of web-1+web-2 is unreadable" in refused(rolling)


def test_if_neither_record_nor_entry_can_be_read_the_tags_name_the_rollout(rolling: Rolling) -> None:
    left = interrupted(rolling, launch_first=True)
    damage(rolling, left.rollout_id, f"open/{left.rollout_id}.json")

    assert left.rollout_id in refused(rolling, launch_first=True)


def test_an_unreadable_rollout_of_an_unknown_fleet_is_a_warning_for_every_fleet(rolling: Rolling) -> None:
    damage_name = "other-20260101-000000-abcd"
    for key in (f"rollouts/{damage_name}", "open"):
        (rolling.store.directory / key).mkdir(parents=True)
    damage(rolling, damage_name, f"open/{damage_name}.json")

    planned = awsroll.plan(rolling.request(launch_first=True), **calls(rolling))
    report = rolling.roll(launch_first=True)

    assert [damage_name in warning for warning in planned.warnings].count(True) == 1
    assert report.succeeded


def test_a_repair_by_tags_settles_the_rollout_of_an_unreadable_record(rolling: Rolling) -> None:
    left = interrupted(rolling, launch_first=True)
    damage(rolling, left.rollout_id)
    rolling.sandbox.jump(900)

    arns = rolling.fleet.target_group_arns
    shown = awsroll.repair(target_group=arns, confirm=lambda _: False, **calls(rolling))
    repaired = awsroll.repair(target_group=arns, confirm_instance=lambda _: True, **calls(rolling))

    assert (shown.found[0].what, shown.found[0].about) == ("record", left.rollout_id)
    assert repaired.finished
    assert [one.what for one in repaired.left] == ["retired"], "a person terminates what only tags show as retired"
    assert rolling.store.unreadable_open() == ()
    assert len(rolling.store.unreadable()) == 1
    assert rolling.roll(launch_first=True).succeeded


def test_a_repair_settles_an_unreadable_rollout_that_left_nothing_else(rolling: Rolling) -> None:
    left = interrupted(rolling, launch_first=True)
    resume(rolling, left.rollout_id, rolling.store)
    UnfinishedIndex(rolling.store.backend).add(rolling.store.load(left.rollout_id).rollout, rolling.clock.now())
    damage(rolling, left.rollout_id)
    rolling.sandbox.jump(900)

    repaired = awsroll.repair(target_group=rolling.fleet.target_group_arns, **calls(rolling))

    assert [one.what for one in repaired.found] == ["record"]
    assert repaired.clean
    assert rolling.store.unreadable_open() == ()


def calls(rolling: Rolling) -> dict[str, Any]:
    return {"session": rolling.sandbox.session(), "store": rolling.store, "clock": rolling.clock}


@pytest.mark.parametrize(
    "end",
    [
        lambda rolling, name: resume(rolling, name, rolling.store),
        lambda rolling, name: awsroll.rollback(name, **calls(rolling)),
        lambda rolling, name: awsroll.abort(name, **calls(rolling)),
        lambda rolling, name: awsroll.repair(name, **calls(rolling)),
    ],
    ids=["resume", "rollback", "abort", "repair"],
)
def test_after_the_end_of_a_rollout_the_fleet_is_rolled_again(
    rolling: Rolling, end: Callable[[Rolling, str], object]
) -> None:
    left = interrupted(rolling)
    end(rolling, left.rollout_id)

    report = rolling.roll()

    assert report.status is Outcome.SUCCEEDED, report.reason
    assert rolling.serving_versions() == {"v2": 2}
    assert len(rolling.running()) == 2


def test_an_ended_rollout_is_not_rolled_back_while_another_one_is_unfinished(rolling: Rolling) -> None:
    first = rolling.roll()
    left = interrupted(rolling, version=1)
    before = changes(rolling)

    with pytest.raises(FleetLockedError, match=f"rollout {left.rollout_id} of .* has not ended"):
        awsroll.rollback(first.rollout_id, **calls(rolling))

    assert changes(rolling) == before
    assert awsroll.status(first.rollout_id, store=rolling.store).status is Outcome.SUCCEEDED
