"""The planner with one guard flipped: the invariants must detect each flipped guard.

A guard is flipped where it is used, so that the rest of the planner and the fleet do not change.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from pytest import MonkeyPatch  # noqa: PT013 -- only the type's name is used

from awsroll.core import planner
from awsroll.core.classify import capacity, desired
from awsroll.core.classify.view import View
from awsroll.core.decide import finish, gates, launch, recall, reload, retire, selection, terminating
from awsroll.core.model.observation import TargetState
from awsroll.core.model.plan import Plan
from tests.model.cases import SECOND, case
from tests.model.explore import Case
from tests.model.world import Server

_MANY = 99


class Mutant(NamedTuple):
    """One flipped guard.

    Attributes:
        guard: a description of the guard.
        flip: makes the change for the duration of the test.
        case: the small fleet that must reveal the change.
        caught_as: the beginning of the problem.
    """

    guard: str
    flip: Callable[[MonkeyPatch], None]
    case: Case
    caught_as: str


def _constant(owner: object, name: str, value: Any) -> Callable[[MonkeyPatch], None]:
    """Make a function return a constant."""
    return lambda patch: patch.setattr(owner, name, lambda *_, **__: value)


def _property(owner: type, name: str, answer: Callable[[Any], Any]) -> Callable[[MonkeyPatch], None]:
    return lambda patch: patch.setattr(owner, name, property(answer))


def _no_ceiling(now: capacity.Capacity) -> int:
    return max(0, now.goal_current - now.current)


def _no_floor(patch: MonkeyPatch) -> None:
    """Take servers that serve, and servers that only take requests, however few are left."""
    patch.setattr(capacity.Capacity, "room", property(lambda _: _MANY))
    patch.setattr(selection, "healthy", lambda _: _MANY)


def _kept_are_candidates(patch: MonkeyPatch) -> None:
    guarded = View._is_candidate
    patch.setattr(View, "_is_candidate", lambda view, one: view.is_kept(one) or guarded(view, one))


def _announcements_stay(patch: MonkeyPatch) -> None:
    patch.setattr(planner, "settle", lambda status, _results, _at: status)


def _intent_forgotten(patch: MonkeyPatch) -> None:
    """Save the record without the intents of the calls that the same plan makes."""
    planned = planner.decide

    def forgetful(rollout: Any, observation: Any, status: Any) -> Plan:
        made = planned(rollout, observation, status)
        return replace(made, status=replace(made.status, launches=status.launches, counters=status.counters))

    patch.setattr(planner, "decide", forgetful)


def _nothing_is_brought_back_in_a_rollback(patch: MonkeyPatch) -> None:
    guarded = finish.bring_back
    patch.setattr(planner, "bring_back", lambda view, *_: view.status)
    patch.setattr(
        finish, "bring_back", lambda view, *how: view.status if view.status.rolling_back else guarded(view, *how)
    )


_PROTECTED = (Server(held="protected"), Server())
_STANDING_BY = (Server(held="standby", target=None), Server())
_STRANGER = (Server(), Server(), Server(held="foreign"))
_SICK = (Server(sick=True, target=TargetState.UNHEALTHY), Server(sick=True, target=TargetState.UNHEALTHY))

MUTANTS = (
    Mutant(
        "servers are taken only above the floor",
        _no_floor,
        case("standalone", "launch-first", 2, 1),
        "invariant 1",
    ),
    Mutant(
        "leaving servers are released when the fleet can no longer spare them",
        _constant(recall, "_recallable", frozenset()),
        case("standalone", "launch-first", 1, 1, user_requests=False),
        "invariant 1",
    ),
    Mutant(
        "servers that have left some of their target groups only are recalled too",
        _constant(recall, "_partly_out", frozenset()),
        case("group", f"launch-first-{SECOND}", 1, 1, user_requests=False),
        "invariant 1",
    ),
    Mutant(
        "only healthy servers count as capacity",
        _constant(View, "is_in_service", value=True),
        case("standalone", "launch-first", 1, 1, user_requests=False),
        "invariant 1",
    ),
    Mutant(
        "leaving servers do not count as capacity",
        _property(View, "leaving", lambda _: frozenset()),
        case("standalone", "replace", 2, 0),
        "invariant 1",
    ),
    Mutant(
        "live servers stay below the ceiling",
        _property(capacity.Capacity, "launches_allowed", _no_ceiling),
        case("standalone", "replace", 2, 0),
        "invariant 2",
    ),
    Mutant(
        "running servers stay below the cap",
        _constant(capacity.Bounds, "left_to_run", _MANY),
        case("standalone", "capped", 2, 0),
        "invariant 2",
    ),
    Mutant(
        "servers in flight stay within the window",
        _property(capacity.Capacity, "window_left", lambda _: _MANY),
        case("standalone", "replace", 2, 0, servers=_SICK),
        "the window",
    ),
    Mutant(
        "a launch without an answer is settled before the next one",
        lambda patch: patch.setattr(planner, "settle_launches", lambda view: (view.status, ())),
        case("standalone", "replace", 1, 1, user_requests=False),
        "no end",
    ),
    Mutant(
        "a launch is announced before it is made",
        _intent_forgotten,
        case("standalone", "launch-first", 1, 1, user_requests=False),
        "invariant 2",
    ),
    Mutant(
        "nothing is terminated before its drain is over",
        _constant(retire, "is_drained", value=True),
        case("standalone", "replace", 2, 0),
        "invariant 3",
    ),
    Mutant(
        "nothing is terminated while it is registered",
        _constant(retire, "keys_to_drain", ()),
        case("standalone", "replace", 2, 0),
        "invariant 3",
    ),
    Mutant(
        "no command is sent before the drain is over",
        _constant(reload, "is_drained", value=True),
        case("standalone", "reload", 2, 0),
        "invariant 3",
    ),
    Mutant(
        "protected members are left alone",
        _constant(View, "is_skipped", value=False),
        case("group", "replace", 2, 0, servers=_PROTECTED),
        "invariant 4",
    ),
    Mutant(
        "members put in standby by a person are left alone",
        _constant(View, "is_skipped", value=False),
        case("group", "replace", 2, 0, servers=_STANDING_BY),
        "invariant 4",
    ),
    Mutant(
        "instances outside the fleet are left alone",
        _constant(View, "is_member", value=True),
        case("group", "replace", 2, 0, servers=_STRANGER),
        "invariant 4",
    ),
    Mutant(
        "no old server is touched beyond the checkpoint",
        _constant(selection, "touches_left", _MANY),
        case("group", "checkpoint", 2, 0),
        "invariant 5",
    ),
    Mutant(
        "no new server is launched beyond the checkpoint",
        _constant(launch, "launches_left", _MANY),
        case("standalone", "checkpoint-double-half", 2, 0),
        "invariant 5",
    ),
    Mutant(
        "a gate waits for approval",
        lambda patch: patch.setattr(gates, "pass_gate", _opened),
        case("standalone", "checkpoint", 2, 0),
        "invariant 5",
    ),
    Mutant(
        "double-half holds every old server until all the new ones serve",
        _constant(selection, "_all_new_serve", value=True),
        case("standalone", "double-half", 2, 0),
        "double-half",
    ),
    Mutant(
        "servers kept for a rollback are no candidates",
        _kept_are_candidates,
        case("standalone", "keep-old", 2, 0),
        "no end",
    ),
    Mutant(
        "desired is not read as a user request while our call changes it",
        _constant(desired, "is_moving", value=False),
        case("group", "launch-first", 1, 1),
        "invariant",
    ),
    Mutant(
        "only the surplus is terminated with a decrement",
        _constant(terminating, "surplus", _MANY),
        case("group", "replace", 2, 0),
        "desired falls",
    ),
    Mutant(
        "desired is lowered only when no member ends",
        _constant(finish, "_present", 0),
        case("group", "launch-first", 2, 1),
        "the group is made to end",
    ),
    Mutant(
        "every announced call is made",
        _announcements_stay,
        case("group", "keep-old", 2, 1),
        "announced",
    ),
    Mutant(
        "settings are restored",
        lambda patch: patch.setattr(finish, "restore", lambda view: (view.status, ())),
        case("group", "replace", 2, 0),
        "invariant 6",
    ),
    Mutant(
        "servers taken out are brought back when a rollout stops",
        lambda patch: patch.setattr(finish, "bring_back", lambda view, *_: view.status),
        case("standalone", "replace", 2, 1),
        "invariant 7",
    ),
    Mutant(
        "servers taken out are brought back in a rollback, or in the stop that follows it",
        _nothing_is_brought_back_in_a_rollback,
        case("standalone", "replace", 2, 1),
        "invariant 7",
    ),
)


def _opened(view: View) -> Any:
    status = view.status
    if status.gate.closed_since is None:
        return status, retire.Proposals()
    gate = replace(status.gate, closed_since=None, passed=status.gate.passed + 1)
    return replace(status, gate=gate), retire.Proposals()
