"""The servers that leave next: as many as window and floor allow, and which are released again."""

from dataclasses import replace

import pytest

from awsroll.core.classify.capacity import measure
from awsroll.core.classify.view import View
from awsroll.core.decide.selection import select
from awsroll.core.model.amount import Amount
from awsroll.core.model.calls import Call, CallKind, Launch
from awsroll.core.model.observation import (
    FleetKind,
    Instance,
    Lifecycle,
    Observation,
    Target,
    TargetGroup,
    TargetKey,
    TargetState,
)
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_choices import SkipPolicy, Strategy
from awsroll.core.model.server_record import Server
from awsroll.core.model.status import Status
from awsroll.core.model.status_parts import Desired
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


def test_as_many_leave_as_the_floor_can_spare() -> None:
    names = ("i-1", "i-2", "i-3", "i-4")
    decided = _select(rollout(unavailable="2"), look(*map(instance, names), at=5), kept_status(*names))

    assert decided.retiring == ("i-1", "i-2")
    assert decided.servers["i-1"] == Server(phase=ServerPhase.DRAINING, since=later(5), targets=(ON_WEB,))
    assert decided.progress_at == later(5)


def test_a_server_that_does_not_serve_leaves_first_and_takes_a_slot_of_the_window() -> None:
    seen = look(instance("i-1"), instance("i-2"), _ill("i-3"))

    assert _select(rollout(), seen, kept_status("i-1", "i-2", "i-3")).retiring == ("i-3",)


def test_serving_servers_stay_while_the_floor_has_no_room() -> None:
    seen = look(instance("i-1"), instance("i-2"), _ill("i-3"), _ill("i-4"))
    decided = _select(rollout(unavailable="2"), seen, kept_status("i-1", "i-2", "i-3", "i-4"))

    assert decided.retiring == ("i-3", "i-4")


def test_no_server_leaves_while_the_window_is_full() -> None:
    before = kept_status("i-1", "i-2", "i-3", retiring=("i-1",))
    before = replace(before, servers={"i-1": Server(phase=ServerPhase.DRAINING, since=T0, deregistered_at=T0)})
    seen = look(instance("i-1", state=TargetState.DRAINING), instance("i-2"), instance("i-3"), at=5)

    assert _select(rollout(), seen, before) is before


def test_a_reload_chooses_servers_to_reload_and_records_which_are_in_standby() -> None:
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


def test_an_untouched_leaving_server_is_released_when_another_becomes_unhealthy() -> None:
    before = kept_status("i-1", "i-2", "i-3", retiring=("i-1",))
    before = replace(before, servers={"i-1": Server(phase=ServerPhase.DRAINING, since=T0, targets=(ON_WEB,))})
    decided = _select(rollout(), look(instance("i-1"), instance("i-2"), _ill("i-3"), at=5), before)

    assert (decided.retiring, decided.servers) == ((), {})


def test_a_server_with_a_terminate_call_is_not_released() -> None:
    flight = Server(phase=ServerPhase.DRAINING, since=T0, targets=(ON_WEB,))
    seen = look(instance("i-1"), instance("i-2"), _ill("i-3"), at=5)
    leaving = kept_status("i-1", "i-2", "i-3", retiring=("i-1",), servers={"i-1": flight})

    called = replace(leaving, calls=(Call(kind=CallKind.TERMINATE, at=T0, instance_id="i-1"),))
    just_now = replace(leaving, servers={"i-1": replace(flight, deregistered_at=later(1))})
    reloaded = replace(leaving, servers={"i-1": replace(flight, attempt=1)})

    assert [_select(rollout(), seen, one).retiring for one in (called, just_now, reloaded)] == [("i-1",)] * 3


def test_a_deregistration_that_had_no_effect_for_long_was_none() -> None:
    flight = Server(phase=ServerPhase.DRAINING, since=T0, targets=(ON_WEB,), deregistered_at=T0)
    before = kept_status("i-1", "i-2", "i-3", retiring=("i-1",), servers={"i-1": flight})
    seen = look(instance("i-1"), instance("i-2"), _ill("i-3"), at=15)

    assert _select(rollout(), seen, before).retiring == ()


# --- in several target groups ---------------------------------------------------------------------------------------

ON_API = TargetKey(target_group="arn:api", port=80)


def _on_both(name: str, api: TargetState | None, **more: object) -> Instance:
    others = () if api is None else (Target(key=ON_API, state=api),)
    return member(name, targets=(Target(key=ON_WEB, state=TargetState.HEALTHY), *others), **more)


def _in_api(*members: Instance, leaving: Server | None = None, unavailable: str = "1", **kept: object) -> Status:
    """Select in a group of three whose members are also in a target group that it does not manage."""
    web, api = (TargetGroup(arn=key.target_group, name="t", port=80, managed=key == ON_WEB) for key in (ON_WEB, ON_API))
    ours = replace(rollout(FleetKind.AUTO_SCALING, unavailable=unavailable), extra_targets=(ON_API,))
    servers = {} if leaving is None else {"i-1": leaving}
    before = kept_status(desired=Desired(goal=3, expected=3, previous=3, moved_at=T0), servers=servers, **kept)
    seen = group_look(*members, seen=group(desired=3), at=60)
    return _select(ours, replace(seen, target_groups=(web, api)), before)


_ILL = member("i-3", targets=(Target(key=ON_WEB, state=TargetState.UNHEALTHY),))
_LEAVING = Server(phase=ServerPhase.DRAINING, since=T0, served=True, targets=(ON_API, ON_WEB), deregistered_at=T0)


@pytest.mark.parametrize("api", [None, TargetState.DRAINING])
def test_a_server_that_has_left_a_part_of_its_target_groups_returns_when_another_falls_ill(
    api: TargetState | None,
) -> None:
    decided = _in_api(_on_both("i-1", api), _on_both("i-2", TargetState.HEALTHY), _ILL, leaving=_LEAVING)

    assert (decided.returning, decided.retiring) == (("i-1",), ())


def test_a_server_that_did_not_serve_when_it_was_chosen_does_not_return() -> None:
    leaving = replace(_LEAVING, served=False)
    decided = _in_api(_on_both("i-1", None), _on_both("i-2", TargetState.HEALTHY), _ILL, leaving=leaving)

    assert decided.retiring == ("i-1",)


def test_nothing_that_takes_requests_leaves_until_a_recalled_server_is_back() -> None:
    marked = _on_both("i-2", TargetState.HEALTHY, marked_unhealthy=True)
    back = (_on_both("i-1", TargetState.INITIAL), marked, _ILL)

    assert _in_api(*back, unavailable="2").retiring == ("i-3",)
    back = (_on_both("i-1", TargetState.HEALTHY), marked, _ILL)
    assert _in_api(*back, unavailable="2").retiring == ("i-2", "i-3")


@pytest.mark.parametrize(
    ("third", "comes_back"), [(TargetState.HEALTHY, False), (TargetState.UNHEALTHY, True)], ids=["others stay", "ill"]
)
def test_a_chosen_server_that_has_failed_comes_back_only_if_too_few_take_requests(
    third: TargetState, comes_back: bool
) -> None:
    """Otherwise it would be chosen again at once, and its hooks before the deregistration would run for ever."""
    chosen = Server(phase=ServerPhase.DRAINING, since=T0, failed=True, targets=(ON_WEB,))
    seen = group_look(
        member("i-1"),
        member("i-2", NEW, marked_unhealthy=True),
        member("i-3", NEW, marked_unhealthy=True),
        member("i-4", NEW, state=third, marked_unhealthy=True),
        at=60,
    )
    desired = Desired(goal=4, expected=4, previous=4, moved_at=T0)
    kept = kept_status(failed=("i-3", "i-4"), desired=desired)
    decided = _select(GROUP, seen, replace(kept, servers={**kept.servers, "i-2": chosen}))

    assert decided.servers["i-2"].phase is (ServerPhase.FAILED if comes_back else ServerPhase.DRAINING)


def test_a_member_that_its_group_launched_leaves_before_those_that_an_extra_target_group_needs() -> None:
    both = [_on_both(name, TargetState.HEALTHY) for name in ("i-1", "i-2")]

    assert _in_api(*both, _on_both("i-3", None), unavailable="1").retiring == ("i-3",)
    assert _in_api(*both, _on_both("i-3", None, protected=True), unavailable="1").retiring == ("i-1",)


# --- double-half, launch first --------------------------------------------------------------------------------------


def _doubled(*new: Instance, serving: tuple[str, ...], **kept: object) -> Status:
    ours = rollout(FleetKind.AUTO_SCALING, unavailable="0", surge="100%", strategy=Strategy.DOUBLE_HALF)
    desired = Desired(goal=2, expected=4, previous=2, moved_at=T0)
    seen = group_look(member("i-1"), member("i-2"), *new, seen=group(desired=4))
    return _select(ours, seen, kept_status(desired=desired, serving=serving, **kept))


def test_double_half_keeps_every_old_server_until_all_the_new_servers_serve() -> None:
    both = (member("i-8", NEW), member("i-9", NEW))

    assert _doubled(*both, serving=("i-8",)).retiring == ()
    assert _doubled(*both, serving=("i-8", "i-9")).retiring == ("i-1", "i-2")


def test_a_server_whose_replacement_serves_leaves_before_the_others() -> None:
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
    """Select in a group of current members with goal 2, after awsroll has raised desired to `expected`."""
    members = [member(f"i-{number}", NEW) for number in range(expected)]
    desired = Desired(goal=2, expected=expected, previous=expected, moved_at=T0)
    serving = tuple(one.instance_id for one in members[1:])
    seen = group_look(*members, seen=group(desired=expected))
    return _select(ours, seen, kept_status(desired=desired, serving=serving, **kept))


def test_the_surplus_leaves_when_someone_lowers_desired_unhealthy_servers_first() -> None:
    assert _surplus(expected=3).retiring == ("i-0",)
    assert _surplus(expected=4).retiring == ("i-0", "i-1")


def test_no_surplus_is_taken_while_desired_is_on_the_move_or_there_is_none() -> None:
    assert _surplus(expected=2).retiring == ()
    assert _surplus(expected=3, calls=(Call(kind=CallKind.SET_DESIRED, at=T0, number=3),)).retiring == ()


def test_a_reload_retires_no_server() -> None:
    assert _surplus(expected=3, ours=reload_rollout(FleetKind.AUTO_SCALING)).retiring == ()


def test_an_unhealthy_server_leaves_if_nothing_else_makes_room_for_an_empty_slot() -> None:
    """In a rollback i-1 has ended, i-8 failed but serves, and i-9 is unhealthy, so there is no room."""
    sick = instance("i-9", NEW, state=TargetState.UNHEALTHY)
    seen = look(ended(instance("i-1")), instance("i-8", NEW), sick)
    before = kept_status("i-1", "i-9", rolling_back=True, failed=("i-8",))

    assert _select(rollout(), seen, before).retiring == ("i-9",)


def test_a_surplus_server_that_takes_requests_leaves_only_while_the_floor_can_spare_it() -> None:
    kept = kept_status(serving=("i-2",), desired=Desired(goal=2, expected=4, previous=2, moved_at=T0))
    arriving = (member(name, NEW, targets=()) for name in ("i-3", "i-4"))
    seen = group_look(member("i-1", NEW), member("i-2", NEW), *arriving, at=60, seen=group(desired=4))

    assert _select(replace(GROUP, max_unavailable=Amount(value=0)), seen, kept).retiring == ("i-3", "i-4")
    ill = member("i-3", NEW, targets=())
    few = group_look(member("i-1", NEW), member("i-2", NEW), ill, at=60, seen=group(desired=4))
    assert _select(replace(GROUP, max_unavailable=Amount(value=0)), few, kept).retiring == ("i-3",)
