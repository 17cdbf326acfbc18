"""Zones without requests are not counted and not launched into; a zone that only its own servers serve keeps one."""

from dataclasses import replace

from awsroll.core.classify.capacity import measure
from awsroll.core.classify.serving import ObstacleKind, obstacle
from awsroll.core.classify.view import View
from awsroll.core.decide.selection import select
from awsroll.core.model.observation import FleetKind, Instance, Observation, TargetState
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.server_record import Server
from awsroll.core.model.status import Status
from awsroll.core.model.status_parts import Desired
from awsroll.core.observe.deadlines import check_deadlines
from awsroll.core.observe.short_zones import note_shifted_zones, with_capacity
from awsroll.testing.clock import T0
from tests.support.looks import NEW, ON_WEB, ZONES, group, group_look, instance, later, look, member, rollout, status

A, B, C = ZONES


def _in(zone: str, name: str) -> Instance:
    return replace(instance(name), zone=zone)


def _shifted(one: Instance) -> Instance:
    return replace(one, targets=tuple(replace(target, shifted=True) for target in one.targets))


def _select(ours: Rollout, seen: Observation, kept: Status) -> Status:
    view = View(ours, seen, kept)
    return select(view, measure(view))


def _view(*instances: Instance, kept: Status | None = None, at: float = 0) -> View:
    return View(rollout(), look(*instances, at=at), kept or status(*(one.instance_id for one in instances)))


# --- zonal shifts -----------------------------------------------------------------------------------------------------


def test_a_healthy_target_that_a_shift_keeps_requests_from_does_not_serve() -> None:
    found = obstacle(_shifted(instance("i-1")), (ON_WEB,), in_group=False)
    assert found is not None
    assert (found.kind, found.key) == (ObstacleKind.TARGET, ON_WEB)


def test_servers_in_a_shifted_zone_are_not_counted_and_leave_first() -> None:
    view = _view(_in(A, "i-1"), _in(B, "i-2"), _shifted(_in(C, "i-3")))
    assert measure(view).serving == 2
    assert select(view, measure(view)).retiring == ("i-3",)


def test_the_others_stay_while_a_zone_is_shifted() -> None:
    servers = {"i-3": Server(phase=ServerPhase.DRAINING, since=T0)}
    kept = replace(status("i-1", "i-2", "i-3"), servers=servers)
    view = _view(_in(A, "i-1"), _in(B, "i-2"), _shifted(_in(C, "i-3")), kept=kept)
    assert select(view, measure(view)).retiring == ("i-3",)


def test_a_shifted_zone_is_launched_into_only_if_all_zones_are_shifted() -> None:
    view = _view(_shifted(_in(A, "i-1")), _in(B, "i-2"))
    assert with_capacity(view, ZONES) == (B, C)
    short = replace(view.status, shortage=replace(view.status.shortage, zones={B: T0, C: T0}))
    assert with_capacity(replace(view, status=short), ZONES) == (B, C)
    everywhere = _view(_shifted(_in(A, "i-1")), _shifted(_in(B, "i-2")), _shifted(_in(C, "i-3")))
    assert with_capacity(everywhere, ZONES) == ZONES


def test_a_shifted_zone_is_remembered_until_a_server_takes_requests_there() -> None:
    view = _view(_shifted(_in(A, "i-1")), _in(B, "i-2"))
    noted = note_shifted_zones(view, view.status)
    assert noted.shortage.shifted == (A,)
    without = _view(_in(B, "i-2"), kept=noted)
    assert note_shifted_zones(without, noted) is noted
    assert with_capacity(without, ZONES) == (B, C)
    assert note_shifted_zones(_view(_in(A, "i-1"), kept=noted), noted).shortage.shifted == ()


def test_a_new_server_that_waits_for_the_end_of_a_shift_is_no_failure() -> None:
    new = replace(_in(A, "i-2"), template=NEW)
    kept = replace(
        status("i-1", "i-2"), servers={"i-2": Server(phase=ServerPhase.VERIFYING, since=T0, targets=(ON_WEB,))}
    )
    late = rollout().limits.healthy_seconds + 1
    shifted = View(rollout(), look(_in(B, "i-1"), _shifted(new), at=late), kept)
    assert check_deadlines(shifted).failures == ()
    ill = replace(new, targets=tuple(replace(one, state=TargetState.UNHEALTHY) for one in new.targets))
    failures = check_deadlines(View(rollout(), look(_in(B, "i-1"), _shifted(ill), at=late), kept)).failures
    assert [(one.instance_id, one.at) for one in failures] == [("i-2", later(late))]
    assert "a zonal shift is active" in failures[0].cause


# --- zones that keep a server -----------------------------------------------------------------------------------------


def test_the_last_serving_server_of_a_zone_stays() -> None:
    seen = look(_in(A, "i-1"), _in(A, "i-2"), _in(B, "i-3"))
    kept = status("i-1", "i-2", "i-3")
    assert len(_select(rollout(unavailable="2"), seen, kept).retiring) == 2
    assert _select(rollout(unavailable="2", keeps_zones=True), seen, kept).retiring == ("i-1",)


def test_a_server_that_does_not_serve_leaves_its_zone_all_the_same() -> None:
    ill = replace(instance("i-2", state=TargetState.UNHEALTHY), zone=B)
    seen = look(_in(A, "i-1"), ill)
    assert _select(rollout(keeps_zones=True), seen, status("i-1", "i-2")).retiring == ("i-2",)


def test_the_last_server_leaves_once_another_serves_in_its_zone() -> None:
    ours = rollout(FleetKind.AUTO_SCALING, unavailable="0", surge="1", keeps_zones=True)
    kept = status(
        desired=Desired(goal=1, expected=2, previous=1, moved_at=T0),
        servers={"i-2": Server(phase=ServerPhase.SERVING, since=T0, targets=(ON_WEB,))},
    )
    for zone, leaving in ((A, ("i-1",)), (B, ())):
        old, new = replace(member("i-1"), zone=A), replace(member("i-2", NEW), zone=zone)
        assert _select(ours, group_look(old, new, seen=group(desired=2)), kept).retiring == leaving
