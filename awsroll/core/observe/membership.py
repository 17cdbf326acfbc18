"""Brings the record's launches, slots and servers up to date with the members of the fleet.

People register and deregister targets by hand, instances end by themselves, and lost launches appear. This module
records what the observation shows. It decides no calls.
"""

from collections.abc import Callable, Iterable

from awsroll.core.classify.draining import active_registrations
from awsroll.core.classify.launch_tags import missing_tags
from awsroll.core.classify.replacement import slot_of
from awsroll.core.classify.serving import ALIVE
from awsroll.core.classify.view import View
from awsroll.core.lifecycle import ServerChanges, move, phase_of
from awsroll.core.model.calls import Launch
from awsroll.core.model.observation import FleetKind, Instance, Lifecycle, TargetState
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.plan import add_warnings
from awsroll.core.model.replacing import replace
from awsroll.core.model.server_record import Server, Slots
from awsroll.core.model.status import Status
from awsroll.core.observe.added_registrations import follow_added_registrations
from awsroll.core.observe.kept_failed import note_set_aside
from awsroll.core.observe.left_alone import take_up_registered_again
from awsroll.core.observe.rollback import fail_new_server, fits, leaves_again

Update = Callable[[View], Status]


def refresh(view: View) -> Status:
    """Bring launches, slots and servers up to this observation."""
    updates: tuple[Update, ...] = (
        _adopt_launches,
        note_set_aside,
        _finish_retiring,
        _finish_launches,
        _drop_ended,
        _drop_ended_when_reloading,
    )
    if view.rollout.kind is FleetKind.AUTO_SCALING:
        updates += (_drop_detached,)
    if view.rollout.kind is FleetKind.STANDALONE:
        updates = (
            take_up_registered_again,
            *updates,
            _add_registered_by_hand,
            follow_added_registrations,
            _drop_deregistered_by_hand,
            _retire_kept_without_a_slot,
        )
    for update in updates:
        view = view.with_status(update(view))
    return view.status


def _adopt_launches(view: View) -> Status:
    """Settle launches whose answer was lost and whose instances the observation shows: the instances have their token.

    A batch is settled once all of its instances show. If EC2 launched fewer, repeating the call tells.
    """
    if view.rollout.kind is not FleetKind.STANDALONE:
        return view.status  # a group's launch also moves desired and may be several instances: its replay settles it
    if all(launch.settled for launch in view.status.launches):
        return view.status
    by_token: dict[str, list[str]] = {}
    for name in sorted(view.by_id, reverse=True):
        by_token.setdefault(view.by_id[name].client_token, []).append(name)
    are_shown = {launch.token for launch in view.status.launches if len(by_token.get(launch.token, ())) == launch.batch}
    free = {token: [name for name in by_token[token] if name not in view.launched] for token in are_shown}
    launches = tuple(
        launch.settle((free[launch.token].pop(),)) if not launch.settled and free.get(launch.token) else launch
        for launch in view.status.launches
    )
    return replace(view.status, launches=launches)


def _finish_retiring(view: View) -> Status:
    """Finish retired servers that are gone: from EC2 and, for a group, from the group."""
    status, at = view.status, view.observation.at
    gone = tuple(name for name in status.retiring if view.has_left(name) or _is_given_up(view, name))
    if not gone:
        return status
    status = add_warnings(status, *(warning for name in gone if (warning := _warning_of_left(view, name))))
    replaced = sum(1 for name in gone if name not in view.launched and not status.servers[name].failed)
    counters = replace(status.counters, replaced=status.counters.replaced + replaced)
    left = frozenset(gone)
    calls = tuple(call for call in status.calls if call.instance_id not in left or not call.answered)
    status = replace(status, calls=calls, counters=counters, progress_at=at, left_at=at)
    return _without(view, status, gone)


def _is_given_up(view: View, name: str) -> bool:
    """Return whether AWS has been terminating a server for as long as a rollout may make no progress.

    The server takes no requests and its successor serves, so nothing is gained by a longer wait.
    """
    instance, server = view.by_id.get(name), view.status.in_flight(name)
    if instance is None or server is None or not view.is_ending(instance) or view.is_still_listed(instance):
        return False
    return (view.observation.at - server.since).total_seconds() >= view.rollout.limits.progress_seconds


def _warning_of_left(view: View, name: str) -> str:
    """Return a warning about a server that has left the fleet but still runs; empty if it has ended."""
    instance = view.by_id.get(name)
    if instance is None or view.is_gone(instance) or name in view.status.left_alone or name in view.set_aside:
        return ""
    if instance.lifecycle is Lifecycle.RETAINED:
        return f"{name}: the group retains it ({Lifecycle.RETAINED}). It runs, at your cost, until you terminate it"
    return f"{name}: still {instance.lifecycle_detail or instance.state} after {_since(view, name):.0f} s; not awaited"


def _since(view: View, name: str) -> float:
    return (view.observation.at - view.status.servers[name].since).total_seconds()


def _drop_detached(view: View) -> Status:
    """Drop servers that someone has detached from the group: they are not of the fleet any longer.

    AWS refuses every call that would move such a server in the group. A server that was just launched may not be listed
    as a member yet.
    """
    status = view.status
    detached = {name for name, server in status.servers.items() if _is_detached(view, name, server)}
    if not detached:
        return status
    calls = tuple(call for call in status.calls if call.instance_id not in detached)
    warnings = (
        f"{name}: someone has detached it from the group. It is left alone, and the rollout continues without it"
        for name in sorted(detached)
    )
    return _without(view, add_warnings(replace(status, calls=calls), *warnings), detached)


def _is_detached(view: View, name: str, server: Server) -> bool:
    instance = view.by_id.get(name)
    if instance is None or instance.lifecycle is not None or view.is_gone(instance) or name in view.launched:
        return False
    known = not server.phase.is_idle and server.phase is not ServerPhase.FAILED
    return known and not view.is_terminate_announced(name)


def _without(view: View, status: Status, names: Iterable[str]) -> Status:
    changes = ServerChanges(status)
    for name in names:
        changes.move(name, ServerPhase.NONE, at=view.observation.at, reason="it has left the fleet")
    return changes.status


def _drop_ended(view: View) -> Status:
    """Drop failed, kept and returning servers that are gone.

    A returning server that has ended does not return, although its group may still hold it: it leaves and is
    replaced.
    """
    status = view.status
    retiring = frozenset(status.retiring)
    held = [name for name in (*status.failed, *status.kept, *status.returning) if name not in retiring]
    gone = {name for name in held if view.has_left(name) and not status.servers[name].reloading}
    returning = [name for name in status.returning if name in view.by_id and not status.servers[name].failed]
    gone |= {name for name in returning if view.is_gone(view.by_id[name])}
    return _without(view, status, sorted(gone))


def _finish_launches(view: View) -> Status:
    """Finish launches whose instances serve or have ended. A serving instance takes over its predecessor's slot."""
    launches: list[Launch] = []
    successors: dict[str, str] = {}
    status = view.status
    for launch in view.status.launches:
        if leaves_again(view, launch):
            status = _failed(view, status, launch.instance_ids)
            unseen = _unseen(view, launch)
            launches += [replace(launch, instance_ids=unseen)] if unseen or not launch.settled else []
            continue
        waiting = tuple(name for name in launch.instance_ids if not _has_arrived(view, launch, name))
        for name in launch.instance_ids:
            if name not in waiting and launch.replaces and not _is_ending(view, name):
                successors.setdefault(launch.replaces, name)
        if waiting == launch.instance_ids and (waiting or not launch.settled):
            launches.append(launch)
        elif waiting or not launch.settled:
            launches.append(replace(launch, instance_ids=waiting))
    return replace(status, launches=tuple(launches), slots=_hand_over(status.slots, successors))


def _failed(view: View, status: Status, names: Iterable[str]) -> Status:
    """Have servers leave although they run the version that was asked for at first."""
    for name in names:
        status = fail_new_server(status, name, view.observation.at, "launched before the rollback began")
    return status


def _unseen(view: View, launch: Launch) -> tuple[str, ...]:
    """Return the instances of a launch that EC2 does not show yet, for as long as that may be."""
    may_come = (view.observation.at - launch.at).total_seconds() < view.rollout.limits.launch_seconds
    return tuple(name for name in launch.instance_ids if may_come and not view.is_shown(name))


def _is_ending(view: View, name: str) -> bool:
    instance = view.by_id.get(name)
    return instance is not None and view.is_ending(instance)


def _has_arrived(view: View, launch: Launch, name: str) -> bool:
    """Return whether a launched instance needs no further watching: it has ended, or it serves in its own slot."""
    if _is_ending(view, name):
        return True
    if phase_of(view.status, name) is not ServerPhase.SERVING or missing_tags(view, launch):
        return False
    before = launch.replaces
    kept = phase_of(view.status, before) is ServerPhase.KEPT
    return not before or view.has_left(before) or kept or before not in view.slots


def _hand_over(slots: tuple[Slots, ...], successors: dict[str, str]) -> tuple[Slots, ...]:
    """Return the slots, each with the successor of its instance where there is one."""
    if not successors:
        return slots
    return tuple(
        replace(shape, instance_ids=tuple(successors.get(name, name) for name in shape.instance_ids)) for shape in slots
    )


def _add_registered_by_hand(view: View) -> Status:
    """Give a slot to a running instance that someone has registered since."""
    status = view.status
    added: dict[Slots, list[str]] = {}
    ours = {*status.retiring, *status.returning, *status.failed, *status.kept}
    known = set(view.slots) | view.launched | ours
    for instance in view.observation.instances:
        name = instance.instance_id
        if name in known or instance.state not in ALIVE or instance.rollout == view.rollout.rollout_id:
            continue  # a stopped one belongs to the fleet once it runs
        if keys := active_registrations(instance):
            added.setdefault(slot_of(instance, keys), []).append(name)
    if not added:
        return status
    slots = {replace(shape, instance_ids=()): shape.instance_ids for shape in status.slots}
    slots |= {shape: (*slots.get(shape, ()), *names) for shape, names in added.items()}
    return replace(status, slots=tuple(replace(shape, instance_ids=ids) for shape, ids in slots.items()))


def _drop_deregistered_by_hand(view: View) -> Status:
    """Take the slot from a running instance that someone has deregistered: it is no longer in the fleet."""
    ours = view.leaving | view.returning | view.set_aside | {*view.status.kept, *view.status.left_alone}
    gone: set[str] = {
        name
        for name in view.slots
        if name not in ours and name in view.by_id and _is_out_of_service(view, view.by_id[name])
    }
    return replace(view.status, slots=_without_slots_of(view, gone)) if gone else view.status


def _is_out_of_service(view: View, instance: Instance) -> bool:
    if any(target.state is not TargetState.DRAINING for target in instance.targets):
        return False
    return not view.is_gone(instance)


def _without_slots_of(view: View, gone: set[str]) -> tuple[Slots, ...]:
    """Return the slots without those of some instances; a successor that was launched for one takes its slot."""
    slots = view.status.slots
    successors = {launch.replaces: launch.instance_ids[0] for launch in view.status.launches if launch.instance_ids}
    slots = _hand_over(slots, {name: successors[name] for name in gone & successors.keys()})
    slots = tuple(
        replace(shape, instance_ids=tuple(name for name in shape.instance_ids if name not in gone)) for shape in slots
    )
    return tuple(shape for shape in slots if shape.instance_ids)


def _retire_kept_without_a_slot(view: View) -> Status:
    """Retire kept instances whose successors someone has deregistered: no slot is left for them to return to.

    They would count as live to the end, and could hold up the launches for the slots that are left.
    """
    status, at = view.status, view.observation.at
    for name in _kept_without_a_slot(view):
        reason = "kept, and its slot is gone"
        status = move(status, name, ServerPhase.DRAINING, at=at, reason=reason, failed=True)
    return status


def _kept_without_a_slot(view: View) -> list[str]:
    kept = [name for name in view.status.kept if name not in view.slots and name in view.by_id]
    spare, count = kept, 0
    if not kept:
        return []
    for shape in view.status.slots:
        free = sum(1 for name in shape.instance_ids if name not in view.by_id or not _is_old(view, view.by_id[name]))
        placed = [name for name in spare if fits(shape, view.by_id[name], view.status.servers[name])][:free]
        spare = [name for name in spare if name not in placed]
        count += free
    return spare[: max(0, len(kept) - count)]


def _is_old(view: View, instance: Instance) -> bool:
    return not view.is_current(instance) and not view.is_ending(instance)


def _drop_ended_when_reloading(view: View) -> Status:
    """Drop servers that ended by themselves in a reload, which launches nothing.

    A group replaces them; a standalone fleet becomes smaller, with a warning.
    """
    if not view.rollout.reloads:
        return view.status
    status = view.status
    gone = [name for name in status.reloading if name in view.by_id and view.is_gone(view.by_id[name])]
    status = _without(view, status, gone)
    ended = {name for name in view.slots if name in view.by_id and view.is_gone(view.by_id[name])}
    status = replace(status, slots=_without_slots_of(view, ended))
    return add_warnings(
        status, *(f"{name} ended by itself; a reload launches no replacement" for name in sorted(ended))
    )
