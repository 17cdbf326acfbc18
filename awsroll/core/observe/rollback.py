"""The start of a rollback: the baseline becomes the target.

From then on the same planner works with the baseline as its target. Servers that were leaving and still run return to
service. New servers leave as soon as they can be spared.
"""

from dataclasses import dataclass
from datetime import datetime

from awsroll.core.classify.view import View
from awsroll.core.lifecycle import amend, move, note, phase_of
from awsroll.core.model.calls import Launch
from awsroll.core.model.observation import Instance
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.replacing import replace
from awsroll.core.model.rollout_events import Event, EventName
from awsroll.core.model.server_record import Server, Slots
from awsroll.core.model.status import Mode, Outcome, Status
from awsroll.core.model.status_parts import Gate, Rehearsal, Shortage


def start_rollback(view: View, reason: str, *, rehearses: bool = False) -> Status:
    """Make the baseline the target, and give each server the phase that fits it.

    Args:
        view: the observation.
        reason: why, for people.
        rehearses: the rollout begins after it.
    """
    at = view.observation.at
    rehearsal = Rehearsal.BACK if rehearses else Rehearsal.NONE
    turned = view.with_status(replace(view.status, rolling_back=True, rehearsal=rehearsal))
    fates = _fates(view, turned)
    slots, displaced = _give_slots_back(view, fates.restored)
    status = replace(turned.status, slots=slots)
    for name in sorted(fates.restored):
        status = _restore_to_service(view, status, name)
    for name in sorted(fates.reloaded_again):
        unfinished = not view.rollout.is_current(view.by_id[name])
        status = begin_reload_again(status, name, at, failed=status.servers[name].failed or unfinished)
    for name in sorted((fates.new | displaced) - fates.leaving):
        status = fail_new_server(status, name, at, "rolled back")
    for name in sorted(fates.leaving & status.servers.keys()):
        status = amend(status, name, failed=False)  # it leaves as an old server now
    for name in sorted(fates.lost):
        status = move(status, name, ServerPhase.NONE, at=at, reason="no longer shown")
    status = _verify_again(view.with_status(status), fates)
    status = drop_launched(status, {name for name in view.launched if view.is_shown(name)})
    status = replace(
        status,
        reason=reason,
        progress_at=at,
        shortage=Shortage(zones=status.shortage.zones, excused_until=status.shortage.excused_until),
        skipped_since=None,
        counters=replace(status.counters, replaced_forward=status.counters.replaced),
        gate=Gate(passed=status.gate.passed),
        pausing="",
        blocked=None,
        judged=len(status.failures),
        forgiven=len(status.failures),
    )
    if rehearses:
        return status
    return note(status, Event(name=EventName.ROLLBACK_STARTED, fields={"reason": reason}))


@dataclass(frozen=True, slots=True)
class _Fates:
    """What a rollback does with the servers in flight.

    Attributes:
        leaving: they continue to leave: they are ending already, or do not run the baseline.
        restored: they return to service: nothing final was done to them, or they were kept.
        reloaded_again: the reload command may have begun: they are reloaded with the rollback command.
        new: they were launched for the old target, and leave.
        lost: the observation does not show them.
    """

    leaving: frozenset[str]
    restored: frozenset[str]
    reloaded_again: frozenset[str]
    new: frozenset[str]
    lost: frozenset[str]


def _fates(view: View, turned: View) -> _Fates:
    status = view.status
    ending = {name for name in status.retiring if _is_ending(turned, name)}
    leaving = {name for name in status.retiring if name in ending or not turned.is_current(turned.by_id[name])}
    again = {name for name in status.reloading if _may_have_new_code(view, name)}
    idle = (set(status.retiring) - leaving) | (set(status.reloading) - again) | set(status.kept)
    restored, lost = idle & view.by_id.keys(), idle - view.by_id.keys()
    new = {name for name in view.launched if name not in view.by_id or not view.is_gone(view.by_id[name])}
    return _Fates(frozenset(leaving), frozenset(restored), frozenset(again), frozenset(new), frozenset(lost))


def _restore_to_service(view: View, status: Status, name: str) -> Status:
    reason = "restored by the rollback"
    return move(status, name, ServerPhase.RETURNING, at=view.observation.at, reason=reason, reloading=False)


def fail_new_server(status: Status, name: str, at: datetime, reason: str) -> Status:
    """Have a server leave although it runs the version that was asked for; keep its phase if it is on another way."""
    if phase_of(status, name).is_idle:
        return move(status, name, ServerPhase.FAILED, at=at, reason=reason, failed=True)
    return amend(status, name, failed=True)


def _verify_again(view: View, fates: _Fates) -> Status:
    """Take servers that are in service on the baseline as verified, and forget what was verified for the old target."""
    status, at = view.status, view.observation.at
    for instance in view.observation.instances:
        name, phase = instance.instance_id, view.phase(instance)
        if not phase.is_idle or name in fates.restored or name in view.leaving:
            continue
        if view.is_live(instance) and view.is_current(instance) and view.is_in_service(instance):
            status = move(status, name, ServerPhase.SERVING, at=at, reason="it runs the baseline")
        elif phase is ServerPhase.SERVING:
            status = move(status, name, ServerPhase.NONE, at=at, reason="it runs the failed version")
    return status


def begin_reload_again(status: Status, name: str, at: datetime, *, failed: bool) -> Status:
    """Begin a server's reload again.

    The command that was sent no longer counts, but must have ended before the next one is sent.
    """
    server = status.servers[name]
    fresh = Server(
        phase=ServerPhase.DRAINING,
        since=at,
        failed=failed,
        reloading=True,
        targets=server.targets,
        void_attempt=server.attempt or server.void_attempt,
        was_in_standby=server.was_in_standby,
        deregistering_at=server.deregistering_at,
        deregistered_at=server.deregistered_at,
        draining_seen=server.draining_seen,
    )
    facts = {field: getattr(fresh, field) for field in Server.__slots__ if field not in ("phase", "since")}
    moved = move(status, name, ServerPhase.DRAINING, at=at, reason="the reload begins again", **facts)
    return amend(moved, name, since=at)


def leaves_again(view: View, launch: Launch) -> bool:
    """Return whether the launch was asked for before the rollback began, and nothing needs its instances now.

    They run the failed version; or they run the baseline, and the server whose slot they were for keeps it. Without an
    answer, the launch was not known when the rollback began.
    """
    if not view.status.rolling_back:
        return False
    is_failed_version = launch.template is not None and launch.template == view.original.template
    return is_failed_version or _keeps_its_slot(view, launch.replaces)


def _keeps_its_slot(view: View, name: str) -> bool:
    instance = view.by_id.get(name)
    if instance is None or name in view.leaving or view.is_kept(instance):
        return False
    return view.is_live(instance) and view.is_current(instance)


def drop_launched(status: Status, names: set[str]) -> Status:
    """Take instances out of the launches that brought them, so that their slots are free again."""
    launches = tuple(
        replace(launch, instance_ids=tuple(name for name in launch.instance_ids if name not in names))
        for launch in status.launches
    )
    return replace(status, launches=tuple(launch for launch in launches if launch.instance_ids or not launch.settled))


def reopen(status: Status, at: datetime) -> Status:
    """Return the record of an ended rollout as one that continues from where its servers are."""
    return replace(
        status,
        mode=Mode.ROLLING,
        outcome=Outcome.RUNNING,
        reason="",
        aborted=False,
        ended_at=None,
        progress_at=at,
        desired=None,
        settings=replace(status.settings, abandoned=()),
        judged=len(status.failures),
        forgiven=len(status.failures),
    )


def _give_slots_back(view: View, restored: frozenset[str]) -> tuple[tuple[Slots, ...], frozenset[str]]:
    """Give kept servers of a standalone fleet their slots back; return also the servers that held the slots."""
    slots, displaced = list(view.status.slots), set[str]()
    for name in sorted(restored - view.slots.keys()):
        server, instance = view.status.in_flight(name), view.by_id[name]
        if server is None:
            continue
        for number, shape in enumerate(slots):
            new = next((holder for holder in shape.instance_ids if _is_new(view, holder)), None)
            if new is not None and fits(shape, instance, server):
                displaced.add(new)
                ids = tuple(name if holder == new else holder for holder in shape.instance_ids)
                slots[number] = replace(shape, instance_ids=ids)
                break
    return tuple(slots), frozenset(displaced)


def fits(shape: Slots, instance: Instance, server: Server) -> bool:
    """Return whether a server was in a slot of this shape: the same zone, subnet and registrations."""
    was = (instance.zone, instance.subnet_id, tuple(sorted(server.targets)))
    return was == (shape.zone, shape.subnet_id, shape.targets)


def _is_new(view: View, name: str) -> bool:
    instance = view.by_id.get(name)
    return instance is not None and name not in view.status.current_at_start and view.original.is_current(instance)


def _is_ending(view: View, name: str) -> bool:
    instance = view.by_id.get(name)
    called = view.is_terminate_announced(name)
    return instance is None or called or view.is_ending(instance)


def _may_have_new_code(view: View, name: str) -> bool:
    """Return whether the reload command may have begun on a server."""
    server, instance = view.status.in_flight(name), view.by_id.get(name)
    begun = server is not None and server.attempt > 0
    return instance is not None and (begun or view.rollout.is_current(instance))
