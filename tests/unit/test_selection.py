"""Who goes next: as many as window and floor allow, and who is let go again."""

from dataclasses import replace

from awsroll.core.classify.capacity import measure
from awsroll.core.classify.view import View
from awsroll.core.decide.selection import select
from awsroll.core.model.amount import Amount
from awsroll.core.model.observation import FleetKind, Instance, Lifecycle, Observation, TargetState
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.rollout import Rollout, SkipPolicy, Strategy
from awsroll.core.model.status import Call, CallKind, Desired, Launch, Server, Status
from awsroll.testing.clock import T0
from tests.support.looks import (
    NEW,
    ON_WEB,
    ended,
    group,
    group_look,
    instance,
    later,
    look,
    member,
    reload_rollout,
    rollout,
    status as kept_status,
)

GROUP = rollout(FleetKind.AUTO_SCALING)


def _select(ours: Rollout, seen: Observation, kept: Status) -> Status:
    view = View(ours, seen, kept)
    return select(view, measure(view))


def _ill(name: str) -> Instance:
    return instance(name, state=TargetState.UNHEALTHY)


def test_as_many_go_as_the_floor_can_spare() -> None:
    names = ("i-1", "i-2", "i-3", "i-4")
    decided = _select(rollout(unavailable="2"), look(*map(instance, names), at=5), kept_status(*names))

    assert decided.retiring == ("i-1", "i-2")
    assert decided.servers["i-1"] == Server(phase=ServerPhase.DRAINING, since=later(5), targets=(ON_WEB,))
    assert decided.progress_at == later(5)


def test_one_that_does_not_serve_goes_first_and_takes_a_place_in_the_window() -> None:
    seen = look(instance("i-1"), instance("i-2"), _ill("i-3"))

    assert _select(rollout(), seen, kept_status("i-1", "i-2", "i-3")).retiring == ("i-3",)


def test_those_that_serve_stay_while_the_floor_has_no_room() -> None:
    seen = look(instance("i-1"), instance("i-2"), _ill("i-3"), _ill("i-4"))
    decided = _select(rollout(unavailable="2"), seen, kept_status("i-1", "i-2", "i-3", "i-4"))

    assert decided.retiring == ("i-3", "i-4")


def test_nobody_goes_while_the_window_is_full() -> None:
    before = kept_status("i-1", "i-2", "i-3", retiring=("i-1",))
    before = replace(before, servers={"i-1": Server(phase=ServerPhase.DRAINING, since=T0, deregistered_at=T0)})
    seen = look(instance("i-1", state=TargetState.DRAINING), instance("i-2"), instance("i-3"), at=5)

    assert _select(rollout(), seen, before) is before


def test_a_reload_chooses_to_reload_and_notes_who_is_in_standby() -> None:
    away = member("i-1", lifecycle=Lifecycle.STANDBY, targets=())
    ours = reload_rollout(FleetKind.AUTO_SCALING, standby=SkipPolicy.REPLACE, unavailable="2")
    kept = kept_status(desired=Desired(goal=2, expected=2, previous=2, moved_at=T0))
    seen = group_look(away, member("i-2"), member("i-3"), seen=group(desired=2))
    decided = _select(ours, seen, kept)

    assert decided.retiring == ()
    assert "i-1" in decided.reloading
    assert decided.servers["i-1"].was_in_standby
    assert not decided.servers["i-2"].was_in_standby


# --- let go again ---------------------------------------------------------------------------------------------------


def test_a_chosen_one_that_nothing_was_done_to_is_let_go_when_another_falls_ill() -> None:
    before = kept_status("i-1", "i-2", "i-3", retiring=("i-1",))
    before = replace(before, servers={"i-1": Server(phase=ServerPhase.DRAINING, since=T0, targets=(ON_WEB,))})
    decided = _select(rollout(), look(instance("i-1"), instance("i-2"), _ill("i-3"), at=5), before)

    assert (decided.retiring, decided.servers) == ((), {})


def test_one_that_was_told_to_leave_is_not_let_go() -> None:
    flight = Server(phase=ServerPhase.DRAINING, since=T0, targets=(ON_WEB,))
    seen = look(instance("i-1"), instance("i-2"), _ill("i-3"), at=5)
    told = kept_status("i-1", "i-2", "i-3", retiring=("i-1",), servers={"i-1": flight})

    called = replace(told, calls=(Call(kind=CallKind.TERMINATE, at=T0, instance_id="i-1"),))
    just_now = replace(told, servers={"i-1": replace(flight, deregistered_at=later(1))})
    reloaded = replace(told, servers={"i-1": replace(flight, attempt=1)})

    assert [_select(rollout(), seen, one).retiring for one in (called, just_now, reloaded)] == [("i-1",)] * 3


def test_a_deregistration_that_had_no_effect_for_long_was_none() -> None:
    flight = Server(phase=ServerPhase.DRAINING, since=T0, targets=(ON_WEB,), deregistered_at=T0)
    before = kept_status("i-1", "i-2", "i-3", retiring=("i-1",), servers={"i-1": flight})
    seen = look(instance("i-1"), instance("i-2"), _ill("i-3"), at=15)

    assert _select(rollout(), seen, before).retiring == ()


# --- double-half, launch first --------------------------------------------------------------------------------------


def _doubled(*new: Instance, serving: tuple[str, ...], **kept: object) -> Status:
    ours = rollout(FleetKind.AUTO_SCALING, unavailable="0", surge="100%", strategy=Strategy.DOUBLE_HALF)
    desired = Desired(goal=2, expected=4, previous=2, moved_at=T0)
    seen = group_look(member("i-1"), member("i-2"), *new, seen=group(desired=4))
    return _select(ours, seen, kept_status(desired=desired, serving=serving, **kept))


def test_double_half_holds_every_old_one_until_all_the_new_ones_serve() -> None:
    both = (member("i-8", NEW), member("i-9", NEW))

    assert _doubled(*both, serving=("i-8",)).retiring == ()
    assert _doubled(*both, serving=("i-8", "i-9")).retiring == ("i-1", "i-2")


def test_one_whose_replacement_serves_goes_before_the_others_and_one_that_waits_for_it_stays() -> None:
    launches = tuple(
        Launch(number=number, token="t", at=T0, replaces=old, instance_ids=(new,), settled=True)
        for number, old, new in ((1, "i-2", "i-8"), (2, "i-1", "i-9"))
    )
    kept = kept_status("i-1", "i-2", "i-3", launches=launches, serving=("i-8",))
    new = (instance("i-8", NEW), instance("i-9", NEW, TargetState.INITIAL))
    seen = look(instance("i-1"), instance("i-2"), instance("i-3"), *new)

    assert _select(rollout(unavailable="0", surge="2"), seen, kept).retiring == ("i-2",)


# --- more than there should be --------------------------------------------------------------------------------------


def _surplus(*, expected: int, ours: Rollout = GROUP, **kept: object) -> Status:
    """A group all on the goal, of which somebody wants two while we have made it `expected`."""
    members = [member(f"i-{number}", NEW) for number in range(expected)]
    desired = Desired(goal=2, expected=expected, previous=expected, moved_at=T0)
    serving = tuple(one.instance_id for one in members[1:])
    seen = group_look(*members, seen=group(desired=expected))
    return _select(ours, seen, kept_status(desired=desired, serving=serving, **kept))


def test_our_surplus_goes_when_somebody_wants_fewer_what_does_not_serve_first() -> None:
    assert _surplus(expected=3).retiring == ("i-0",)
    assert _surplus(expected=4).retiring == ("i-0", "i-1")


def test_no_surplus_is_taken_while_desired_is_on_the_move_or_there_is_none() -> None:
    assert _surplus(expected=2).retiring == ()
    assert _surplus(expected=3, calls=(Call(kind=CallKind.SET_DESIRED, at=T0, number=3),)).retiring == ()


def test_a_reload_retires_nobody() -> None:
    assert _surplus(expected=3, ours=reload_rollout(FleetKind.AUTO_SCALING)).retiring == ()


def test_a_sick_one_goes_when_nothing_else_can_make_room_for_an_empty_place() -> None:
    """Going back: i-1 has ended, i-8 failed and serves all the same, i-9 is sick: there is no room anywhere."""
    sick = instance("i-9", NEW, state=TargetState.UNHEALTHY)
    seen = look(ended(instance("i-1")), instance("i-8", NEW), sick)
    before = kept_status("i-1", "i-9", rolling_back=True, failed=("i-8",))

    assert _select(rollout(), seen, before).retiring == ("i-9",)


def test_of_a_surplus_what_takes_no_requests_goes_and_one_that_does_only_while_the_floor_can_spare_it() -> None:
    kept = kept_status(serving=("i-2",), desired=Desired(goal=2, expected=4, previous=2, moved_at=T0))
    arriving = (member(name, NEW, targets=()) for name in ("i-3", "i-4"))
    seen = group_look(member("i-1", NEW), member("i-2", NEW), *arriving, at=60, seen=group(desired=4))

    assert _select(replace(GROUP, max_unavailable=Amount(value=0)), seen, kept).retiring == ("i-3", "i-4")
    ill = member("i-3", NEW, targets=())
    few = group_look(member("i-1", NEW), member("i-2", NEW), ill, at=60, seen=group(desired=4))
    assert _select(replace(GROUP, max_unavailable=Amount(value=0)), few, kept).retiring == ("i-3",)
