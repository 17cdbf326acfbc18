"""The way out, for each instance that was chosen to go: mark, deregister, wait out the drain, terminate.

A standalone instance takes all four steps. A group does the last three by itself when it is told to terminate a member;
only registrations that the group does not manage are drained by us first. Each step follows from what a look shows, so
it does not matter who made the one before, or whether its answer was lost.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from awsroll.core.classify.desired import surplus
from awsroll.core.classify.draining import active_registrations, is_out_of_group
from awsroll.core.classify.replacement import owner_tags
from awsroll.core.classify.view import View
from awsroll.core.model import actions as act
from awsroll.core.model.actions import Action, Reason
from awsroll.core.model.hooks import HookPoint
from awsroll.core.model.observation import FleetKind, Instance, Lifecycle, TargetKey
from awsroll.core.model.proposals import Proposals
from awsroll.core.model.status import TERMINATING_CALLS, Call, CallKind, Flight, Mode, Status, Step
from awsroll.core.observe.clocks import is_drained
from awsroll.core.observe.hook_runs import awaits
from awsroll.core.tags import RETIRING


def mark(view: View, ids: Iterable[str], role: str = RETIRING) -> act.TagInstances:
    """Return the call that tags instances before anything is done to them."""
    return act.TagInstances(instance_ids=tuple(ids), tags=owner_tags(view.rollout, role), reason=Reason.PREPARING)


def is_marked(view: View, one: Instance) -> bool:
    """Tell whether the instance carries this rollout's mark."""
    return one.rollout == view.rollout.rollout_id and bool(one.role)


def retire(view: View) -> tuple[Status, Proposals]:  # noqa: C901  (one branch a step)
    """Propose the next step for every instance in `status.retiring`."""
    proposals, ready, unmarked, keeping = Proposals(), [], [], _Keeping([], [])
    for name in view.status.retiring:
        one = view.by_id.get(name)
        if one is None or (view.is_leaving(one) and not view.is_ghost(one)) or _is_ending(view.status, name):
            if one is not None:
                proposals.wait(Reason.TERMINATING, name)
            continue
        step = _next_step(view, one, proposals)
        if step == "mark":
            unmarked.append(name)
        elif step == "terminate" and _shall_be_kept(view, one):
            _keep(view, one, proposals, keeping)
        elif step == "terminate":
            ready.append(one)
        elif isinstance(step, act.DeregisterTargets):
            proposals.writes.append(step)
        elif step == "drain":
            proposals.wait(Reason.DRAINING, name)
    if unmarked:
        proposals.writes.insert(0, mark(view, unmarked))
    status = note_deregistered(view, proposals.writes)
    status = _collect_kept(view, status, keeping, proposals)
    if ready:
        status, terminations = _terminate(replace(view, status=status), ready)
        proposals.writes += terminations
    return status, proposals


@dataclass(frozen=True, slots=True)
class _Keeping:
    """Old instances that are to be kept: those that still must go to standby, and those that are out."""

    entering: list[str]
    out: list[str]


def _shall_be_kept(view: View, one: Instance) -> bool:
    """Tell whether a drained old instance runs on, out of traffic, until the bake time has passed."""
    rolling = view.status.mode is Mode.ROLLING and not view.status.baked
    return view.rollout.keep_old and rolling and not view.is_current(one) and not _has_failed(view, one)


def _has_failed(view: View, one: Instance) -> bool:
    return one.instance_id in view.status.rejected or view.is_gone(one)


def _keep(view: View, one: Instance, proposals: Proposals, keeping: _Keeping) -> None:
    if is_out_of_group(one):
        keeping.out.append(one.instance_id)
    elif one.lifecycle is not Lifecycle.IN_SERVICE:
        proposals.wait(Reason.DRAINING, one.instance_id)
    elif any(call.instance_id == one.instance_id for call in view.status.calls):
        proposals.wait(Reason.SETTLING, one.instance_id)
    else:
        keeping.entering.append(one.instance_id)


def _collect_kept(view: View, status: Status, keeping: _Keeping, proposals: Proposals) -> Status:
    names, at = set(keeping.out), view.observation.at
    if keeping.entering:
        calls = tuple(Call(kind=CallKind.ENTER_STANDBY, at=at, instance_id=name) for name in keeping.entering)
        status = replace(status, calls=status.calls + calls)
        proposals.writes.append(
            act.EnterStandby(group=view.rollout.group, instance_ids=tuple(keeping.entering), reason=Reason.OUTDATED)
        )
    if not names:
        return status
    return replace(
        status,
        retiring=tuple(name for name in status.retiring if name not in names),
        kept=(*status.kept, *keeping.out),
        progress_at=at,
    )


def awaits_leave(view: View, one: Instance, proposals: Proposals) -> bool:
    """Tell whether a server that takes requests must wait for its hooks before anything is done to it."""
    flight = view.status.flights.get(one.instance_id)
    begun = flight is not None and flight.deregistered_at is not None
    if begun or not active_registrations(one) or view.is_gone(one):
        return False
    return awaits(view, proposals, HookPoint.BEFORE_DEREGISTER, one.instance_id)


def _awaits_drained(view: View, one: Instance, proposals: Proposals) -> bool:
    """Tell whether a drained server must wait for its hooks; a member of a group is drained once it is in standby."""
    flight = view.status.flights.get(one.instance_id)
    is_out = one.lifecycle is None or (one.lifecycle is Lifecycle.STANDBY and _shall_be_kept(view, one))
    if not is_out or flight is None or not flight.targets or view.is_gone(one):
        return False
    return awaits(view, proposals, HookPoint.AFTER_DRAIN, one.instance_id)


def _is_ending(status: Status, name: str) -> bool:
    return any(call.instance_id == name and call.kind in TERMINATING_CALLS for call in status.calls)


def ours_to_drain(view: View, one: Instance) -> tuple[TargetKey, ...]:
    """Return the registrations, draining ones included, that we and not the group must see the end of."""
    return tuple(target.key for target in one.targets if target.key not in view.managed_keys)


def registered_keys(view: View, one: Instance) -> tuple[TargetKey, ...]:
    """Return those of them that are still in force, not draining."""
    return tuple(key for key in active_registrations(one) if key not in view.managed_keys)


def _next_step(view: View, one: Instance, proposals: Proposals) -> "str | act.DeregisterTargets":
    if awaits_leave(view, one, proposals):
        return "hook"
    keys = ours_to_drain(view, one)
    needs_mark = bool(keys) or view.rollout.kind is FleetKind.STANDALONE or _shall_be_kept(view, one)
    if needs_mark and not is_marked(view, one):
        return "mark"
    registered = registered_keys(view, one)
    if registered:
        return act.DeregisterTargets(instance_id=one.instance_id, targets=registered, reason=Reason.OUTDATED)
    rest = replace(one, targets=tuple(target for target in one.targets if target.key in keys))
    if not is_drained(view, rest):
        return "drain"
    return "hook" if _awaits_drained(view, one, proposals) else "terminate"


def note_deregistered(view: View, writes: Sequence[Action]) -> Status:
    """Start the drain's clock for instances about to be deregistered, and keep where they were registered.

    Where another kind of write comes first, none is about to be.
    """
    if not (writes and isinstance(writes[0], act.DeregisterTargets)):
        return view.status
    flights, at = dict(view.status.flights), view.observation.at
    for write in writes:
        if isinstance(write, act.DeregisterTargets):  # one that served until now, chosen as surplus, has no flight yet
            flight = flights.get(write.instance_id) or Flight(step=Step.DRAINING, since=at)
            flights[write.instance_id] = replace(
                flight,
                deregistered_at=flight.deregistered_at or at,
                targets=tuple(sorted({*flight.targets, *write.targets})),
            )
    return replace(view.status, flights=flights)


def _terminate(view: View, ready: list[Instance]) -> tuple[Status, list[Action]]:
    if view.rollout.kind is FleetKind.STANDALONE:
        return _announce(view, CallKind.TERMINATE, ready), [_terminate_one(view, one) for one in ready]
    extra = max(0, surplus(view) - _pending_decrements(view.status))
    # Desired must not go below its goal by our doing: only the surplus is taken back, the rest is replaced.
    # A member in somebody's standby is not counted in desired: it goes without either.
    counted = [one for one in ready if not view.is_away(one)]
    lowering, others = counted[:extra], [one for one in ready if one not in counted[:extra]]
    status, writes = view.status, []
    for chosen, decrement in ((lowering, True), (others, False)):
        if chosen:
            kind = CallKind.TERMINATE_AND_DECREMENT if decrement else CallKind.TERMINATE
            status = _announce(replace(view, status=status), kind, chosen)
            writes.append(_terminate_members(view, chosen, decrement=decrement))
    return status, list(writes)


def _pending_decrements(status: Status) -> int:
    return sum(1 for call in status.calls if call.kind is CallKind.TERMINATE_AND_DECREMENT and not call.answered)


def _announce(view: View, kind: CallKind, ready: list[Instance]) -> Status:
    at = view.observation.at
    calls = tuple(Call(kind=kind, at=at, instance_id=one.instance_id) for one in ready)
    return replace(view.status, calls=view.status.calls + calls)


def _was_registered(view: View, one: Instance) -> tuple[TargetKey, ...]:
    flight = view.status.flights.get(one.instance_id)
    recorded = () if flight is None else flight.targets
    return tuple(sorted({*recorded, *view.occupants.get(one.instance_id, ())}))


def _terminate_one(view: View, one: Instance) -> act.TerminateInstance:
    return act.TerminateInstance(
        instance_id=one.instance_id,
        not_registered=_was_registered(view, one),
        template=one.template,
        reason=Reason.DRAINED,
    )


def _terminate_members(view: View, chosen: list[Instance], *, decrement: bool) -> act.TerminateInGroup:
    drained = {key for one in chosen for key in _was_registered(view, one) if key not in view.managed_keys}
    return act.TerminateInGroup(
        group=view.rollout.group,
        instance_ids=tuple(one.instance_id for one in chosen),
        decrement=decrement,
        not_registered=tuple(sorted(drained)),
        reason=Reason.SURPLUS if decrement else Reason.OUTDATED,
    )
