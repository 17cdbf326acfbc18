"""The desired capacity: `expected` follows awsroll's calls; any other value was set by someone else."""

from dataclasses import replace

import pytest

from awsroll.core.classify.desired import is_moving, moved, raised_unseen, read, surplus
from awsroll.core.classify.view import View
from awsroll.core.model.calls import Call, CallKind, Launch
from awsroll.core.model.observation import CapacityMove, FleetKind, Instance, Lifecycle
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.server_record import Server
from awsroll.core.model.status import Status
from awsroll.core.model.status_parts import Desired
from awsroll.testing.clock import T0
from tests.support.looks import ended, group, group_look, instance, later, look, member, rollout, status

ROLLOUT = rollout(FleetKind.AUTO_SCALING)
AT_REST = Desired(goal=4, expected=4, previous=4, moved_at=T0)


def _read(shown: int, known: Desired | None, *, at: float = 60, **kept: object) -> Status:
    return read(View(ROLLOUT, group_look(at=at, seen=group(desired=shown)), status(desired=known, **kept)))


def test_the_first_observed_value_is_the_goal() -> None:
    assert _read(4, None).desired == replace(AT_REST, moved_at=later(60))


def test_a_standalone_fleet_has_none() -> None:
    assert read(View(rollout(), look(), status())).desired is None
    assert moved(status(), 1, T0).desired is None
    assert surplus(View(rollout(), look(), status())) == 0


def test_the_expected_value_changes_nothing() -> None:
    before = status(desired=AT_REST)

    assert read(View(ROLLOUT, group_look(at=60, seen=group(desired=4)), before)) is before


def test_a_value_set_by_someone_else_becomes_the_goal_and_counts_as_progress() -> None:
    decided = _read(7, AT_REST)

    assert decided.desired == Desired(goal=7, expected=7, previous=7, moved_at=later(60))
    assert decided.progress_at == later(60)


TAKEN_OUT = CapacityMove(instance_id="i-1", before=6, after=5)
OF_THREE = Desired(goal=3, expected=6, previous=6, moved_at=T0)


@pytest.mark.parametrize(
    ("shown", "moves", "goal"),
    [
        pytest.param(5, (TAKEN_OUT,), 2, id="one-member"),
        pytest.param(4, (TAKEN_OUT, replace(TAKEN_OUT, instance_id="i-2", before=5, after=4)), 1, id="one-by-one"),
        pytest.param(
            4, tuple(replace(TAKEN_OUT, instance_id=name, after=4) for name in ("i-1", "i-2")), 1, id="two-at-once"
        ),
        pytest.param(7, (replace(TAKEN_OUT, after=7),), 4, id="one-attached"),
        pytest.param(5, (), 5, id="a-value-that-someone-sets"),
        pytest.param(4, (TAKEN_OUT,), 4, id="a-value-set-after-it"),
    ],
)
def test_a_call_on_a_member_moves_the_goal_by_as_much_and_leaves_the_surge_ours(
    shown: int, moves: tuple[CapacityMove, ...], goal: int
) -> None:
    seen = group(desired=shown, minimum=1, capacity_moves=moves)
    decided = read(View(ROLLOUT, group_look(at=60, seen=seen), status(desired=OF_THREE)))

    assert decided.desired == Desired(goal=goal, expected=shown, previous=shown, moved_at=later(60))


@pytest.mark.parametrize(
    "kept",
    [
        {"calls": (Call(kind=CallKind.TERMINATE_AND_DECREMENT, at=T0, instance_id="i-1", answered=True),)},
        {"servers": {"i-1": Server(phase=ServerPhase.TERMINATING, since=T0)}},
    ],
    ids=["called", "terminating"],
)
def test_a_decrement_of_our_own_does_not_explain_a_value_that_someone_sets(kept: dict[str, object]) -> None:
    seen = group(desired=5, minimum=1, capacity_moves=(TAKEN_OUT,))
    decided = read(View(ROLLOUT, group_look(at=60, seen=seen), status(desired=OF_THREE, **kept)))

    assert decided.desired is not None
    assert decided.desired.goal == 5


MOVING = {
    "a-launch": {"launches": (Launch(number=1, token="t", at=T0),)},
    "decrement": {"calls": (Call(kind=CallKind.TERMINATE_AND_DECREMENT, at=T0, instance_id="i-1"),)},
    "enter-standby": {"calls": (Call(kind=CallKind.ENTER_STANDBY, at=T0, instance_id="i-1"),)},
    "exit-standby": {"calls": (Call(kind=CallKind.EXIT_STANDBY, at=T0, instance_id="i-1"),)},
    "set-desired": {"calls": (Call(kind=CallKind.SET_DESIRED, at=T0, number=6),)},
}


@pytest.mark.parametrize("kept", MOVING.values(), ids=MOVING)
def test_the_value_is_ignored_while_a_call_that_changes_it_is_open(kept: dict[str, object]) -> None:
    assert is_moving(status(**kept))
    assert _read(6, AT_REST, **kept).desired == AT_REST


SETTLED = {
    "an-answered-call": {"calls": (Call(kind=CallKind.SET_DESIRED, at=T0, number=6, answered=True),)},
    "a-settled-launch": {"launches": (Launch(number=1, token="t", at=T0, settled=True),)},
    "a-call-that-moves-nothing": {"calls": (Call(kind=CallKind.TERMINATE, at=T0, instance_id="i-1"),)},
}


@pytest.mark.parametrize("kept", SETTLED.values(), ids=SETTLED)
def test_settled_calls_change_nothing(kept: dict[str, object]) -> None:
    assert not is_moving(status(**kept))


@pytest.mark.parametrize(
    ("shown", "at", "goal"),
    [
        pytest.param(4, 14, 4, id="the-value-before-may-still-show"),
        pytest.param(5, 14, 4, id="so-may-one-between"),
        pytest.param(7, 14, 7, id="not-one-outside"),
        pytest.param(4, 15, 4, id="nor-for-long"),
    ],
)
def test_an_answered_move_may_show_late(shown: int, at: float, goal: int) -> None:
    surged = Desired(goal=4, expected=6, previous=4, moved_at=T0)
    decided = _read(shown, surged, at=at).desired

    assert decided is not None
    assert decided.goal == goal
    assert (decided == surged) is (at < 15 and shown != 7)


SURGED = Desired(goal=4, expected=6, previous=5, moved_at=T0)
LAUNCHED = {"launches": (Launch(number=1, token="t", at=T0, settled=True, instance_ids=("i-9",)),)}
ENDED = {"calls": (Call(kind=CallKind.TERMINATE_AND_DECREMENT, at=T0, instance_id="i-9", answered=True),)}


@pytest.mark.parametrize(
    ("kept", "shown", "at", "is_old"),
    [
        pytest.param(LAUNCHED, [member("i-1")], 59, True, id="without-the-launched-member"),
        pytest.param(LAUNCHED, [member("i-1")], 60, False, id="not-for-ever-because-someone-may-detach-it"),
        pytest.param(LAUNCHED, [member("i-9", lifecycle=Lifecycle.PENDING)], 30, False, id="with-the-launched-member"),
        pytest.param(LAUNCHED, [ended(instance("i-9"))], 30, False, id="it-has-ended"),
        pytest.param(ENDED, [member("i-9")], 30, True, id="with-the-terminated-member"),
        pytest.param(ENDED, [member("i-9", lifecycle=Lifecycle.TERMINATING)], 30, False, id="it-is-terminating"),
    ],
)
def test_an_answer_from_before_our_call_is_not_taken_for_a_change_by_someone_else(
    kept: dict[str, object], shown: list[Instance], at: float, *, is_old: bool
) -> None:
    before = status(desired=SURGED, **kept)
    view = View(ROLLOUT, group_look(*shown, at=at, seen=group(desired=4)), before)

    assert (read(view) is before) is is_old
    assert raised_unseen(view) == (6 if is_old else 0)


def test_our_moves_are_followed_step_by_step() -> None:
    kept = status(desired=AT_REST)
    up = moved(kept, 2, later(5))

    assert up.desired == Desired(goal=4, expected=6, previous=4, moved_at=later(5))
    assert moved(up, -1, later(9)).desired == Desired(goal=4, expected=5, previous=6, moved_at=later(9))
    assert moved(kept, 0, later(5)) is kept


def test_the_surplus_is_what_we_added_with_members_that_we_hold_in_standby() -> None:
    ours = member("i-1", lifecycle=Lifecycle.STANDBY)
    held_by_someone = member("i-2", lifecycle=Lifecycle.STANDBY)
    kept = status(
        desired=Desired(goal=4, expected=3, previous=4, moved_at=T0),
        reloading=("i-1", "i-2", "i-9"),
        servers={"i-2": Server(phase=ServerPhase.RELOADING, since=T0, was_in_standby=True)},
    )

    assert surplus(View(ROLLOUT, group_look(ours, held_by_someone, seen=group(desired=3)), kept)) == 0
    assert surplus(View(ROLLOUT, group_look(seen=group(desired=3)), replace(kept, servers={}))) == -1
