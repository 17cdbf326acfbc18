"""Terminates drained servers: itself, or by their group. Each call is announced in the record before it is made."""

from collections.abc import Iterable

from awsroll.core.classify.desired import surplus
from awsroll.core.classify.view import View
from awsroll.core.model import actions as act
from awsroll.core.model.actions import Action
from awsroll.core.model.calls import Call, CallKind
from awsroll.core.model.observation import FleetKind, Instance, TargetKey
from awsroll.core.model.reasons import Reason
from awsroll.core.model.replacing import replace
from awsroll.core.model.status import Status
from awsroll.core.observe.early_drains import is_quiet, note_saved


def announce(view: View, status: Status, kind: CallKind, names: Iterable[str]) -> Status:
    """Put calls into the record before they are made."""
    at = view.observation.at
    return replace(status, calls=status.calls + tuple(Call(kind=kind, at=at, instance_id=name) for name in names))


def terminate(view: View, ready: list[Instance]) -> tuple[Status, list[Action]]:
    """Propose the calls that terminate drained servers, and announce them in the record."""
    if view.rollout.kind is FleetKind.STANDALONE:
        ids = tuple(instance.instance_id for instance in ready)
        status = announce(view, note_saved(view, view.status, ids), CallKind.TERMINATE, ids)
        return status, [_terminate_one(view, instance) for instance in ready]
    lowering = _to_decrement(view, ready)
    lowered = {instance.instance_id for instance in lowering}
    others = [instance for instance in ready if instance.instance_id not in lowered]
    status, writes = view.status, list[Action]()
    for members, decrement in ((lowering, True), (others, False)):
        if members:
            kind = CallKind.TERMINATE_AND_DECREMENT if decrement else CallKind.TERMINATE
            status = announce(view, status, kind, (instance.instance_id for instance in members))
            writes.append(_terminate_members(view, members, decrement=decrement))
    return status, writes


def _to_decrement(view: View, ready: list[Instance]) -> list[Instance]:
    """Return the members that leave with a lower desired capacity: as many as the surplus.

    Desired must not fall below its goal by our doing. A member in standby does not count towards desired.
    """
    pending = (CallKind.TERMINATE_AND_DECREMENT,)
    unanswered = sum(1 for call in view.status.calls if call.kind in pending and not call.answered)
    counted = [instance for instance in ready if not view.is_in_standby(instance)]
    return counted[: max(0, surplus(view) - unanswered)]


def _was_registered(view: View, instance: Instance) -> tuple[TargetKey, ...]:
    server = view.status.in_flight(instance.instance_id)
    recorded = () if server is None else server.targets
    return tuple(sorted({*recorded, *view.slots.get(instance.instance_id, ())}))


def _terminate_one(view: View, instance: Instance) -> act.TerminateInstance:
    return act.TerminateInstance(
        instance_id=instance.instance_id,
        not_registered=_was_registered(view, instance),
        template=instance.template,
        may_be_draining=is_quiet(view, instance),
        reason=Reason.DRAINED,
    )


def _terminate_members(view: View, members: list[Instance], *, decrement: bool) -> act.TerminateInGroup:
    drained = {key for instance in members for key in _was_registered(view, instance) if key not in view.managed_keys}
    return act.TerminateInGroup(
        group=view.rollout.group,
        instance_ids=tuple(instance.instance_id for instance in members),
        decrement=decrement,
        not_registered=tuple(sorted(drained)),
        reason=Reason.SURPLUS if decrement else Reason.OUTDATED,
    )
