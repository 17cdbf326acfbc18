"""Keeps the record's instances true to what a look shows: launches, places, those on their way out and back.

People may register and deregister targets by hand, instances end by themselves, launches whose answer was lost turn up:
each is taken as it is found. No calls are decided here.
"""

from collections.abc import Callable
from dataclasses import replace

from awsroll.core.classify.draining import active_registrations
from awsroll.core.classify.replacement import slot_of
from awsroll.core.classify.view import View
from awsroll.core.model.observation import FleetKind, Instance, TargetState
from awsroll.core.model.plan import add_warnings
from awsroll.core.model.status import Launch, Slots, Status

Update = Callable[[View], Status]


def refresh(view: View) -> Status:
    """Bring launches, places and chosen instances up to this look."""
    updates: tuple[Update, ...] = (
        _adopt_launches,
        _finish_retiring,
        _finish_launches,
        _drop_ended,
        _drop_ended_when_reloading,
    )
    if view.rollout.kind is FleetKind.STANDALONE:
        updates += (_add_registered_by_hand, _drop_deregistered_by_hand, _end_kept_without_a_place)
    for update in updates:
        view = replace(view, status=update(view))
    return view.status


def _drop_ended(view: View) -> Status:
    """Let go of rejected, kept and returning instances that are gone.

    One that ended on its way back returns no more, although its group still holds it: it goes, and is replaced.
    """
    status = view.status
    gone = {name for name in (*status.rejected, *status.kept, *status.returning) if _has_left(view, name)}
    ended = {name for name in status.returning if name in view.by_id and view.is_gone(view.by_id[name])}
    gone |= ended - {*status.rejected, *status.kept}
    if not gone:
        return status
    return replace(
        status,
        rejected=tuple(name for name in status.rejected if name not in gone),
        kept=tuple(name for name in status.kept if name not in gone),
        returning=tuple(name for name in status.returning if name not in gone),
    )


def _adopt_launches(view: View) -> Status:
    """Settle a launch whose answer was lost and whose instance a look shows: the token is on the instance."""
    if view.rollout.kind is not FleetKind.STANDALONE:
        return view.status  # a group's launch also moves desired, and may be several instances: its replay tells
    by_token: dict[str, str] = {one.client_token: one.instance_id for one in view.by_id.values() if one.client_token}
    launches = tuple(
        replace(launch, settled=True, instance_ids=(by_token[launch.token],))
        if not launch.settled and launch.token in by_token
        else launch
        for launch in view.status.launches
    )
    return replace(view.status, launches=launches)


def _finish_retiring(view: View) -> Status:
    """Let go of retired instances that are gone: from EC2 and, for a group, from the group."""
    status = view.status
    done = tuple(name for name in status.retiring if _has_left(view, name))
    if not done:
        return status
    replaced = sum(1 for name in done if name not in view.launched and name not in status.rejected)
    counters = replace(status.counters, replaced=status.counters.replaced + replaced)
    return replace(
        status,
        retiring=tuple(name for name in status.retiring if name not in done),
        calls=tuple(call for call in status.calls if call.instance_id not in done or not call.answered),
        counters=counters,
        progress_at=view.observation.at,
    )


def _has_left(view: View, name: str) -> bool:
    one = view.by_id.get(name)
    return one is None or (view.is_gone(one) and not view.is_ghost(one))


def _finish_launches(view: View) -> Status:
    """Let go of launches whose instances serve or have ended; a serving one takes over its predecessor's place."""
    launches: list[Launch] = []
    slots = view.status.slots
    rejected = set(view.status.rejected)
    for launch in view.status.launches:
        if _is_of_the_other_way(view, launch):
            rejected |= set(launch.instance_ids)
            unseen = _unseen(view, launch)
            launches += [replace(launch, instance_ids=unseen)] if unseen or not launch.settled else []
            continue
        kept = tuple(one for one in launch.instance_ids if not _has_arrived(view, launch, one))
        for one in set(launch.instance_ids) - set(kept):
            if launch.replaces and not _is_ended(view, one):
                slots = _hand_over(slots, launch.replaces, one)
        if kept or not launch.settled:
            launches.append(replace(launch, instance_ids=kept))
    return replace(view.status, launches=tuple(launches), slots=slots, rejected=tuple(sorted(rejected)))


def _is_of_the_other_way(view: View, launch: Launch) -> bool:
    """Tell whether a launch was asked for before the rollout was turned back: what comes of it goes again."""
    return view.status.backwards and launch.template is not None and launch.template == view.forward.template


def _unseen(view: View, launch: Launch) -> tuple[str, ...]:
    """Return the instances of a launch that EC2 does not show yet, for as long as that may be."""
    may_come = (view.observation.at - launch.at).total_seconds() < view.rollout.limits.launch_seconds
    return tuple(one for one in launch.instance_ids if may_come and not view.is_shown(one))


def _is_ended(view: View, name: str) -> bool:
    one = view.by_id.get(name)
    return one is not None and view.is_leaving(one)


def _has_arrived(view: View, launch: Launch, name: str) -> bool:
    """Tell whether a launched instance needs no more watching: it has ended, or it serves in its own place."""
    if _is_ended(view, name):
        return True
    if name not in view.status.serving:
        return False
    left = _has_left(view, launch.replaces) or launch.replaces in view.status.kept
    return not launch.replaces or left or launch.replaces not in view.occupants


def _hand_over(slots: tuple[Slots, ...], before: str, after: str) -> tuple[Slots, ...]:
    return tuple(
        replace(place, occupants=tuple(after if one == before else one for one in place.occupants)) for place in slots
    )


def _add_registered_by_hand(view: View) -> Status:
    """Give a place to a running instance that somebody has registered since."""
    status = view.status
    slots = {replace(place, occupants=()): place.occupants for place in status.slots}
    ours = {*status.retiring, *status.returning, *status.rejected, *status.kept}
    known = set(view.occupants) | view.launched | ours
    for one in view.observation.instances:
        if one.instance_id in known or view.is_leaving(one) or one.rollout == view.rollout.rollout_id:
            continue
        keys = active_registrations(one)
        if keys:
            shared = slot_of(one, keys)
            slots[shared] = (*slots.get(shared, ()), one.instance_id)
    return replace(status, slots=tuple(replace(shape, occupants=ids) for shape, ids in slots.items()))


def _drop_deregistered_by_hand(view: View) -> Status:
    """Take the place from a running instance that somebody has deregistered: it is no more of the fleet."""
    ours = view.chosen | {*view.status.returning, *view.status.kept}
    gone = {
        name
        for name in view.occupants
        if name not in ours and name in view.by_id and _is_out_of_service(view, view.by_id[name])
    }
    return _without_occupants(view, gone)


def _is_out_of_service(view: View, one: Instance) -> bool:
    return not view.is_gone(one) and all(target.state is TargetState.DRAINING for target in one.targets)


def _without_occupants(view: View, gone: set[str]) -> Status:
    if not gone:
        return view.status
    successors = {launch.replaces: launch.instance_ids[0] for launch in view.status.launches if launch.instance_ids}
    slots = view.status.slots
    for name in gone & set(successors):
        slots = _hand_over(slots, name, successors[name])
    slots = tuple(replace(place, occupants=tuple(one for one in place.occupants if one not in gone)) for place in slots)
    return replace(view.status, slots=tuple(place for place in slots if place.occupants))


def _end_kept_without_a_place(view: View) -> Status:
    """Choose kept instances to go whose successors somebody has deregistered: no place is left to take them back.

    They would count as live to the end, and could hold up the launches for the places that are left.
    """
    status = view.status
    kept = [name for name in status.kept if name not in view.occupants and name in view.by_id]
    spare, slots = kept, 0
    for place in status.slots:
        free = sum(1 for name in place.occupants if name not in view.by_id or not _is_old(view, view.by_id[name]))
        placed = [name for name in spare if _was_in(view, name, place)][:free]
        spare = [name for name in spare if name not in placed]
        slots += free
    spare = spare[: max(0, len(kept) - slots)]
    return replace(
        status,
        kept=tuple(name for name in status.kept if name not in spare),
        rejected=tuple(sorted({*status.rejected, *spare})),
        retiring=(*status.retiring, *spare),
    )


def _was_in(view: View, name: str, place: Slots) -> bool:
    one, flight = view.by_id[name], view.status.flights.get(name)
    targets = () if flight is None else tuple(sorted(flight.targets))
    return (one.zone, one.subnet_id, targets) == (place.zone, place.subnet_id, place.targets)


def _is_old(view: View, one: Instance) -> bool:
    return not view.is_current(one) and not view.is_leaving(one)


def _drop_ended_when_reloading(view: View) -> Status:
    """Let go of instances that ended by themselves: a group replaces them, a standalone fleet is smaller, and told so.

    A reload launches nothing.
    """
    if not view.rollout.reloads:
        return view.status
    status = view.status
    gone = {name for name in status.reloading if name in view.by_id and view.is_gone(view.by_id[name])}
    status = replace(status, reloading=tuple(name for name in status.reloading if name not in gone))
    ended = {name for name in view.occupants if name in view.by_id and view.is_gone(view.by_id[name])}
    status = replace(status, slots=_without_occupants(view, ended).slots)
    return add_warnings(
        status, *(f"{name} ended by itself; a reload launches no replacement" for name in sorted(ended))
    )
