"""What follows from a failure, or from what a person asks: try again, pause, stop, or go back.

`decide_on_failure` is the only place where a rollout changes its direction. A failed replacement goes like an outdated
server, and its slot is filled again, as often as `max_failures` allows. Rolling back is the same engine with the
baseline as its goal: servers that were leaving and still run return to service, new servers go.
"""

from dataclasses import replace
from datetime import datetime

from awsroll.core.classify.view import View
from awsroll.core.model.plan import add_failures, pause
from awsroll.core.model.rollout import OnFailure, Rollout
from awsroll.core.model.status import TERMINATING_CALLS, Failure, Flight, Mode, Outcome, Slots, Status, Step
from awsroll.core.observe.hook_runs import announce_failure, forget

_ARRIVING = (Step.LAUNCHING, Step.VERIFYING, Step.RETURNING)

_REFRESHED = (
    "an instance refresh of group {} is under way: two that replace the same servers would end more than either may; "
    "cancel it or wait until it has ended"
)


def decide_on_failure(view: View) -> Status:
    """Draw the consequence of failures since the last look, and heed what people have asked for."""
    if view.status.mode is not Mode.ROLLING:
        return view.status
    status = _apply_requests(view)
    turned = status.mode is not Mode.ROLLING or status.backwards is not view.status.backwards
    if turned or status.outcome is not Outcome.RUNNING:
        return status
    new = status.failures[status.judged :]
    if not new:
        return status
    view = replace(view, status=replace(status, judged=len(status.failures)))
    last = new[-1]
    named = f"{last.instance_id}: " if last.instance_id else ""
    if status.backwards:
        return announce_failure(view, stop(view.status, f"the rollback failed: {named}{last.cause}"))
    counted = [one for one in status.failures[status.forgiven :] if not one.final]
    if not any(one.final for one in new) and len(counted) <= view.rollout.max_failures:
        return _reject(view, new)
    first = next((one for one in new if one.final), new[0])
    return _give_up(view, f"{first.instance_id}: {first.cause}" if first.instance_id else first.cause, new)


def _give_up(view: View, reason: str, failures: tuple[Failure, ...]) -> Status:
    match view.rollout.on_failure:
        case OnFailure.STOP:
            return announce_failure(view, stop(view.status, reason))
        case OnFailure.ROLLBACK:
            return announce_failure(view, start_rollback(view, reason))
        case OnFailure.PAUSE:
            status = _reject(view, failures)
            return replace(pause(status, reason), forgiven=len(status.failures))


def _apply_requests(view: View) -> Status:
    """Do what people have asked for, each wish once; who has the group refresh itself wants this one to rest."""
    status, user_requests = view.status, view.status.user_requests
    if user_requests.abort:
        return stop(status, "aborted by request")
    if user_requests.rollback and not status.backwards:
        return start_rollback(view, "rolled back by request")
    if user_requests.rejected and status.gate_since is not None:
        status = replace(status, user_requests=replace(user_requests, rejected=False))
        refused = Failure(instance_id="", cause="refused by a person", at=view.observation.at, final=True)
        return add_failures(status, refused)
    group = view.observation.group
    if group is not None and group.refresh_active:
        return pause(status, _REFRESHED.format(group.name))
    if user_requests.pause is not bool(status.pausing):
        return replace(status, pausing="paused by request" if user_requests.pause else "")
    return status


def stop(status: Status, reason: str) -> Status:
    """Settle what is in flight, restore the settings, and end with the fleet as it is then."""
    return replace(status, mode=Mode.STOPPING, reason=reason, pausing="", gate_since=None)


def _reject(view: View, failures: tuple[Failure, ...]) -> Status:
    """Have failed servers go (or take the reload again), and start other clocks of what failed anew."""
    status, at = view.status, view.observation.at
    failed = {one.instance_id for one in failures}
    arriving = {name for name, flight in status.flights.items() if flight.step in _ARRIVING}
    gone = {name for name in failed if name in view.by_id and view.is_gone(view.by_id[name])}
    again = {name for name in failed - gone if name in status.reloading}
    rejected = ((failed & (arriving | view.launched)) | (again & arriving)) - gone
    flights = {name: flight for name, flight in status.flights.items() if name not in rejected or name in again}
    flights |= {name: replace(flights[name], since=at) for name in failed & flights.keys()}
    for name in again & flights.keys():
        flights[name] = _afresh(flights[name], at)
    return replace(
        forget(drop_launched(status, rejected), rejected),
        flights=flights,
        rejected=tuple(sorted({*status.rejected, *rejected})),
        shortage_since=None if "" in failed else status.shortage_since,
        progress_at=at,
    )


def drop_launched(status: Status, names: set[str]) -> Status:
    """Take instances out of the launches that brought them, so that their places are free again."""
    launches = tuple(
        replace(launch, instance_ids=tuple(one for one in launch.instance_ids if one not in names))
        for launch in status.launches
    )
    return replace(status, launches=tuple(one for one in launches if one.instance_ids or not one.settled))


def start_rollback(view: View, reason: str) -> Status:
    """Make the baseline the goal: what is old and still runs returns, what is new goes as soon as it can be spared."""
    before, at = view.status, view.observation.at
    turned = replace(view, status=replace(before, backwards=True))
    ended = {name for name in before.retiring if _is_ending(turned, name)}
    staying = {name for name in before.retiring if name in ended or not turned.is_current(turned.by_id[name])}
    half_way = {name for name in before.reloading if _has_new_code(view, name)}
    untouched = (set(before.retiring) - staying) | (set(before.reloading) - half_way) | set(before.kept)
    launched = {name for name in view.launched if name not in view.by_id or not view.is_gone(view.by_id[name])}
    slots, displaced = _give_places_back(view, untouched)
    shown = {name for name in view.launched if view.is_shown(name)}  # others are looked for until EC2 knows them
    status = replace(drop_launched(before, shown), slots=slots)
    half_done = {name for name in half_way if not _is_finished(view, name)}
    rejected = {*status.rejected, *launched, *displaced, *half_done}
    serving = (one for one in turned.live if turned.is_current(one) and turned.is_in_service(one))
    busy = {*before.retiring, *before.reloading, *before.kept, *rejected}
    return replace(
        status,
        backwards=True,
        reason=reason,
        retiring=tuple(name for name in before.retiring if name in staying),
        reloading=tuple(name for name in before.reloading if name in half_way),
        returning=tuple(sorted({*before.returning, *untouched} & turned.by_id.keys())),
        kept=(),
        rejected=tuple(sorted(rejected - staying)),
        flights={name: _afresh(one, at) if name in half_way else one for name, one in before.flights.items()},
        serving=tuple(sorted(one.instance_id for one in serving if one.instance_id not in busy)),
        progress_at=at,
        shortage_since=None,
        shortage="",
        launch_after=None,
        skipped_since=None,
        gate_since=None,
        baking_since=None,
        baked=False,
        pausing="",
        judged=len(status.failures),
        forgiven=len(status.failures),
    )


def why_not_back(rollout: Rollout) -> str:
    """Return why the rollout has no way back; empty if it has one."""
    if rollout.reloads and rollout.rollback_reload is None:
        return "this reload was started without a --rollback-command: nothing is known that brings the old version back"
    if not rollout.reloads and rollout.baseline_template is None:
        return "no server came from another launch template version when this rollout began: nothing to go back to"
    return ""


def reopen(status: Status, at: datetime) -> Status:
    """Return the status of an ended rollout as it goes on: what is left of it is taken up where it stands."""
    return replace(
        status,
        mode=Mode.ROLLING,
        outcome=Outcome.RUNNING,
        reason="",
        ended_at=None,
        progress_at=at,
        desired=None,
        abandoned=(),
        judged=len(status.failures),
        forgiven=len(status.failures),
    )


def _give_places_back(view: View, returning: set[str]) -> tuple[tuple[Slots, ...], frozenset[str]]:
    """Give instances that were kept by a standalone fleet their places back; return also who held them meanwhile."""
    slots, displaced = list(view.status.slots), set[str]()
    for name in sorted(returning):
        flight, one = view.status.flights.get(name), view.by_id.get(name)
        if flight is None or one is None or name in view.occupants:
            continue
        for number, place in enumerate(slots):
            same = (place.zone, place.subnet_id, place.targets) == (
                one.zone,
                one.subnet_id,
                tuple(sorted(flight.targets)),
            )
            new = next((each for each in place.occupants if _is_new(view, each)), None)
            if same and new is not None:
                displaced.add(new)
                occupants = tuple(name if each == new else each for each in place.occupants)
                slots[number] = replace(place, occupants=occupants)
                break
    return tuple(slots), frozenset(displaced)


def _is_new(view: View, name: str) -> bool:
    one = view.by_id.get(name)
    return one is not None and name not in view.status.found and view.forward.is_current(one)


def _afresh(flight: Flight, at: datetime) -> Flight:
    """Start a flight again: the command that was sent does not count, but must have ended before the next is sent."""
    return Flight(
        step=Step.DRAINING,
        since=at,
        targets=flight.targets,
        void=flight.attempt or flight.void,
        stays_out=flight.stays_out,
        deregistered_at=flight.deregistered_at,
        draining_seen=flight.draining_seen,
    )


def _is_ending(view: View, name: str) -> bool:
    one = view.by_id.get(name)
    called = any(call.instance_id == name and call.kind in TERMINATING_CALLS for call in view.status.calls)
    return one is None or called or view.is_leaving(one)


def _has_new_code(view: View, name: str) -> bool:
    """Tell whether the reload command may have begun on an instance."""
    flight = view.status.flights.get(name)
    one = view.by_id.get(name)
    begun = flight is not None and flight.attempt > 0
    return one is not None and (begun or view.rollout.is_current(one))


def _is_finished(view: View, name: str) -> bool:
    return view.rollout.is_current(view.by_id[name])
