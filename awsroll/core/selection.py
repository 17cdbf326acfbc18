"""Chooses which instances go next: as many as the window and the floor allow, in the order of `victims`.

An instance that does not serve costs no capacity, so only the window holds it back. One that serves goes only while
more serve than the floor asks for. Double-half holds every old instance until all the new ones serve.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from awsroll.core.capacity import Capacity
from awsroll.core.desired import LAG_SECONDS, is_moving, surplus
from awsroll.core.fleet import FleetKind, Instance
from awsroll.core.gates import touches_left
from awsroll.core.rollout import Strategy
from awsroll.core.status import Flight, Status, Step
from awsroll.core.victims import order
from awsroll.core.view import View


def select(view: View, capacity: Capacity) -> Status:
    """Add the next instances to those on their way out (or through a reload)."""
    if capacity.serving < capacity.limits.floor and (untouched := _untouched(view)):
        return _released(view.status, untouched)
    strategy = view.rollout.strategy
    if strategy is Strategy.DOUBLE_HALF and not _all_new_serve(view, capacity):
        picks = _picks(view, capacity, only_failed=True)  # they hold the places of those that are to come instead
    else:
        picks = _picks(view, capacity) or _surplus_picks(view, capacity)
    if not picks:
        return view.status
    status, at = view.status, view.observation.at
    names = tuple(one.instance_id for one in picks)
    flights = dict(status.flights)
    for one in picks:
        keys = tuple(sorted(target.key for target in one.targets))
        away = view.is_away(one)
        flights[one.instance_id] = Flight(step=Step.DRAINING, since=at, targets=keys, stays_out=away)
    ended = tuple(one.instance_id for one in picks if view.is_ghost(one))  # its group replaces it once it is told
    rejected = tuple(sorted({*status.rejected, *ended}))
    status = replace(status, flights=flights, rejected=rejected, progress_at=at)
    if strategy is not Strategy.RELOAD:
        return replace(status, retiring=status.retiring + names)
    alive = tuple(name for name in names if name not in ended)
    return replace(status, retiring=status.retiring + ended, reloading=status.reloading + alive)


def _untouched(view: View) -> frozenset[str]:
    """Return the chosen instances to which nothing has been done yet: they serve as if they had not been chosen."""
    status, at = view.status, view.observation.at
    called = {call.instance_id for call in status.calls}
    unchosen = replace(view, status=replace(status, flights={}))  # a flight asks for registrations it did not have
    return frozenset(
        name
        for name in view.chosen - called
        if name in view.by_id
        and unchosen.is_in_service(view.by_id[name])
        and _is_untouched(view.by_id[name], status.flights.get(name), at)
    )


def _is_untouched(one: Instance, flight: Flight | None, at: datetime) -> bool:
    """Tell whether no call was made, or one so long ago that a look would show its effect, and shows none."""
    if flight is None or flight.attempt:
        return flight is None
    listed = {target.key for target in one.targets}
    may_not_show_yet = flight.deregistered_at is not None and at - flight.deregistered_at < timedelta(
        seconds=LAG_SECONDS
    )
    return listed >= set(flight.targets) and not may_not_show_yet


def _released(status: Status, names: frozenset[str]) -> Status:
    """Let go of chosen instances: the fleet can no longer spare them (others fell ill, or more are desired)."""
    return replace(
        status,
        flights={name: flight for name, flight in status.flights.items() if name not in names},
        retiring=tuple(name for name in status.retiring if name not in names),
        reloading=tuple(name for name in status.reloading if name not in names),
    )


def _all_new_serve(view: View, capacity: Capacity) -> bool:
    """Tell whether double-half may begin to retire, or has begun: then a straggler holds back only its own share."""
    retiring = set(view.status.retiring) - set(view.status.rejected)  # what has ended or failed goes before
    if retiring or view.status.kept or view.status.counters.replaced:
        return True
    return capacity.current_serving >= capacity.goal_current and capacity.inbound == 0


def _picks(view: View, capacity: Capacity, *, only_failed: bool = False) -> list[Instance]:
    """Choose in order, as far as window, floor and the next gate allow.

    What has failed holds a place in the window since it was launched, and needs none to go. What has ended or failed
    beyond the next gate goes all the same.
    """
    places, room, touches = capacity.places_in_window, capacity.room, touches_left(view, capacity)
    picks: list[Instance] = []
    for one in _in_order(view):
        failed = one.instance_id in view.status.rejected and not view.rollout.reloads
        serves, touched = view.is_serving(one), not (failed or view.is_ghost(one))
        if only_failed and touched:
            continue
        if (serves and room == 0) or (touched and touches == 0) or (places == 0 and not failed):
            continue
        picks.append(one)
        room -= serves
        touches -= touched
        places -= not failed
    return picks


def _in_order(view: View) -> tuple[Instance, ...]:
    """Order the candidates; a standalone one whose replacement already serves goes before the others."""
    ordered = order(view, view.candidates)
    if view.rollout.kind is not FleetKind.STANDALONE:
        return ordered
    relieved = {
        launch.succeeds
        for launch in view.status.launches
        if launch.instance_ids and set(launch.instance_ids) <= set(view.status.serving)
    }
    waiting = {launch.succeeds for launch in view.status.launches} - relieved
    rank = {True: 0, False: 1}
    free = [one for one in ordered if one.instance_id not in waiting or not view.is_serving(one)]
    return tuple(sorted(free, key=lambda one: rank[one.instance_id in relieved]))


def _surplus_picks(view: View, capacity: Capacity) -> list[Instance]:
    """Choose what is more than the fleet should have once nothing outdated is left (somebody lowered desired).

    Members that are to go but are not in service yet are part of it: they go once they are.
    """
    if view.rollout.kind is FleetKind.STANDALONE or view.candidates or view.chosen or is_moving(view.status):
        return []
    extra = min(surplus(view), len(view.live) - capacity.limits.desired) - len(view.outdated) + len(view.exempt)
    if extra <= 0 or view.rollout.strategy is Strategy.RELOAD:
        return []
    new = sorted(view.current, key=lambda one: (view.is_serving(one), one.instance_id))
    idle = sum(1 for one in new if not view.is_serving(one))
    return new[: min(extra, idle + capacity.room)]
