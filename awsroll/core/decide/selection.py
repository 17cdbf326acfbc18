"""Chooses which instances go next: as many as the window and the floor allow, in the order of `victims`.

An instance that does not serve costs no capacity, so only the window holds it back. One that serves goes only while
more serve than the floor asks for. Double-half holds every old instance until all the new ones serve.
"""

from dataclasses import replace
from datetime import timedelta

from awsroll.core.classify.capacity import Capacity, vacancies
from awsroll.core.classify.desired import is_moving, surplus
from awsroll.core.classify.view import LAG_SECONDS, View
from awsroll.core.decide.gates import touches_left
from awsroll.core.decide.leaving_order import surplus_order
from awsroll.core.decide.victims import order
from awsroll.core.model.observation import FleetKind, Instance
from awsroll.core.model.rollout import Strategy
from awsroll.core.model.status import Flight, Status, Step


def select(view: View, capacity: Capacity) -> Status:
    """Add the next instances to those on their way out (or through a reload)."""
    if capacity.serving < capacity.limits.floor and (untouched := _seemingly_untouched(view) - _in_doubt(view)):
        return _released(view.status, untouched)
    if view.rollout.strategy is Strategy.DOUBLE_HALF and not _all_new_serve(view, capacity):
        return _chosen(view, _picks(view, capacity, only_failed=True))  # they hold the places of those that are to come
    if picks := _picks(view, capacity):
        return _chosen(view, picks, reloads=view.rollout.reloads)
    return _chosen(view, _surplus_picks(view, capacity))


def _chosen(view: View, picks: list[Instance], *, reloads: bool = False) -> Status:
    """Start the flights of the chosen instances."""
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
    if not reloads:
        return replace(status, retiring=status.retiring + names)
    alive = tuple(name for name in names if name not in ended)
    return replace(status, retiring=status.retiring + ended, reloading=status.reloading + alive)


def undecided(view: View, capacity: Capacity) -> frozenset[str]:
    """Return chosen instances that the fleet cannot spare any more, and that may or may not be on their way out.

    Their deregistration was announced a moment ago (by a process that has died since, perhaps). If it was made, a look
    will show it soon; if not, it must not be: they are let go of then.
    """
    if capacity.serving >= capacity.limits.floor:
        return frozenset()
    return _seemingly_untouched(view) & _in_doubt(view)


def _in_doubt(view: View) -> frozenset[str]:
    """Return the instances that were deregistered so short a time ago that a look may not show it yet."""
    since = view.observation.at - timedelta(seconds=LAG_SECONDS)
    flights = view.status.flights.items()
    return frozenset(name for name, one in flights if one.deregistered_at is not None and one.deregistered_at > since)


def _seemingly_untouched(view: View) -> frozenset[str]:
    """Return the chosen instances to which no look shows anything done: they serve as if they had not been chosen."""
    status = view.status
    called = {call.instance_id for call in status.calls}
    unchosen = replace(view, status=replace(status, flights={}))  # a flight asks for registrations it did not have
    return frozenset(
        name
        for name in view.chosen - called
        if name in view.by_id
        and unchosen.is_in_service(view.by_id[name])
        and _is_listed_as_before(view.by_id[name], status.flights.get(name))
    )


def _is_listed_as_before(one: Instance, flight: Flight | None) -> bool:
    if flight is None or flight.attempt:
        return flight is None
    return {target.key for target in one.targets} >= set(flight.targets)


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
    beyond the next gate goes all the same. What does not serve need not wait for a place in the window either, where
    an empty place holds it and the ceiling keeps it empty: nothing else could make room.
    """
    slots, room, touches = capacity.places_in_window, capacity.room, touches_left(view, capacity)
    blocked = bool(vacancies(view)) and capacity.live >= capacity.limits.ceiling
    picks: list[Instance] = []
    for one in _in_order(view):
        failed = one.instance_id in view.status.rejected and not view.rollout.reloads
        serves, touched = view.is_serving(one), not (failed or view.is_ghost(one))
        if only_failed and touched:
            continue
        unplaced = slots <= 0 and not failed and (serves or not blocked)
        if (serves and room == 0) or (touched and touches == 0) or unplaced:
            continue
        picks.append(one)
        room -= serves
        touches -= touched
        slots -= not failed
    return picks


def _in_order(view: View) -> tuple[Instance, ...]:
    """Order the candidates; a standalone one whose replacement already serves goes before the others."""
    ordered = order(view, view.candidates)
    if view.rollout.kind is not FleetKind.STANDALONE:
        return ordered
    relieved = {
        launch.replaces
        for launch in view.status.launches
        if launch.instance_ids and set(launch.instance_ids) <= set(view.status.serving)
    }
    waiting = {launch.replaces for launch in view.status.launches} - relieved
    rank = {True: 0, False: 1}
    free = [one for one in ordered if one.instance_id not in waiting or not view.is_serving(one)]
    return tuple(sorted(free, key=lambda one: rank[one.instance_id in relieved]))


def _surplus_picks(view: View, capacity: Capacity) -> list[Instance]:
    """Choose what is more than the fleet should have once nothing outdated is left (somebody lowered desired).

    Members that are to go but are not in service yet are part of it: they go once they are.
    """
    if view.candidates or view.chosen or is_moving(view.status):
        return []
    extra = excess(view, capacity) - len(view.outdated) + len(view.skipped)
    # One that is healthy but not verified yet takes requests too: it goes only while the floor can spare it.
    new = surplus_order(view.current, lambda one: (view.is_serving(one), view.is_in_service(one)))
    idle = sum(1 for one in new if not view.is_in_service(one))
    room = max(0, sum(1 for one in view.live if view.is_in_service(one)) - capacity.limits.floor)
    return list(new[: max(0, min(extra, idle + room))])


def excess(view: View, capacity: Capacity) -> int:
    """Return how many members a group has, by our raising desired, beyond what it should have."""
    if view.rollout.kind is FleetKind.STANDALONE:
        return 0
    return max(0, min(surplus(view), len(view.live) - capacity.limits.desired))
