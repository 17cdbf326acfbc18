"""A rollout that was left in the middle keeps its fleet: nobody begins another one before it has come to an end."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import awsroll
from awsroll.core.model.rollout import Strategy
from awsroll.core.model.status import Outcome
from awsroll.driver import operations
from awsroll.errors import FleetLockedError
from awsroll.report import Report
from tests.rollouts.holding import changes, resume
from tests.rollouts.rolling import Rolling, enter, make_sandbox


@pytest.fixture
def rolling(tmp_path: Path) -> Iterator[Rolling]:
    sandbox, clock = make_sandbox()
    with sandbox:
        yield enter(sandbox, clock, tmp_path / "state", grouped=False, servers=2, target_groups=2)


def interrupted(rolling: Rolling, **wanted: Any) -> Report:
    """Roll until the first server is out of its target groups; leave it there."""
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
    """Roll anew; return what was said, having made sure that nothing was changed and nothing recorded."""
    before, records = changes(rolling), rolling.store.list()
    with pytest.raises(FleetLockedError) as refusal:
        rolling.roll(**wanted)
    assert (changes(rolling), rolling.store.list()) == (before, records)
    return str(refusal.value)


def test_a_fleet_whose_rollout_was_interrupted_is_not_rolled_anew(rolling: Rolling) -> None:
    left = interrupted(rolling)

    said = refused(rolling, launch_first=True)

    assert said == (
        f"rollout {left.rollout_id} of web-1+web-2 has not ended (interrupted); this rollout changed nothing. Continue "
        f"with `awsroll resume {left.rollout_id}`, roll back with `awsroll rollback {left.rollout_id}`, or stop it and "
        f"restore the fleet with `awsroll repair {left.rollout_id}`"
    )


def test_where_the_checks_refuse_it_anyway_the_rollout_in_the_middle_is_named_too(rolling: Rolling) -> None:
    left = interrupted(rolling)

    said = refused(rolling)

    assert f"awsroll resume {left.rollout_id}" in said
    assert said.endswith("launch the new ones first with --launch-first, or say --max-unavailable 1 if that is meant")


def test_a_target_group_of_such_a_fleet_is_not_rolled_either(rolling: Rolling) -> None:
    left = interrupted(rolling, launch_first=True)

    said = refused(rolling, target_group=rolling.fleet.target_group_arns[1:], launch_first=True)

    assert left.rollout_id in said


def test_a_fleet_whose_rollout_waits_for_a_person_is_not_rolled_anew(rolling: Rolling) -> None:
    request = rolling.request(checkpoint=(1,), approve_checkpoints=True)
    surroundings = operations.Context(
        session=rolling.sandbox.session(), store=rolling.store, clock=rolling.clock, wait_for_approval=False
    )
    left = operations.roll(request, surroundings)

    said = refused(rolling)

    assert left.status is Outcome.PAUSED
    assert f"rollout {left.rollout_id} (paused: {left.reason})" in said


def test_a_reload_that_has_no_way_back_is_not_told_to_go_back(rolling: Rolling) -> None:
    left = interrupted(rolling, strategy=Strategy.RELOAD)

    said = refused(rolling, strategy=Strategy.RELOAD)

    assert f"awsroll resume {left.rollout_id}" in said
    assert "rollback" not in said


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
def test_once_it_has_come_to_an_end_the_fleet_is_rolled_anew(
    rolling: Rolling, end: Callable[[Rolling, str], object]
) -> None:
    left = interrupted(rolling)
    end(rolling, left.rollout_id)

    report = rolling.roll()

    assert report.status is Outcome.SUCCEEDED, report.reason
    assert rolling.serving_versions() == {"v2": 2}
    assert len(rolling.running()) == 2


def test_a_rollout_that_has_ended_is_not_taken_back_while_another_one_is_unfinished(rolling: Rolling) -> None:
    first = rolling.roll()
    left = interrupted(rolling, version=1)
    before = changes(rolling)

    with pytest.raises(FleetLockedError, match=f"rollout {left.rollout_id} of .* has not ended"):
        awsroll.rollback(first.rollout_id, **calls(rolling))

    assert changes(rolling) == before
    assert awsroll.status(first.rollout_id, store=rolling.store).status is Outcome.SUCCEEDED
