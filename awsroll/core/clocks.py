"""The clocks of instances in flight: on which step each is, since when, and which deadline has passed.

The step is derived from the look; what is kept is only since when, what was deregistered, and how long it has been
healthy without a break. A look that comes more than two health check intervals after the last one proves nothing about
the time between, so it starts the healthy clock anew.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from awsroll.core.fleet import CommandState, Instance, InstanceState, Lifecycle, TargetState
from awsroll.core.plan import add_failures, add_warnings
from awsroll.core.refusals import refused_launches
from awsroll.core.status import CallKind, Failure, Flight, Mode, Status, Step
from awsroll.core.view import View

_ENDING_CALLS = (CallKind.TERMINATE, CallKind.TERMINATE_AND_DECREMENT)
CONFIRM_SECONDS = 2  # how long "registered nowhere" must hold when no look has shown the draining itself


def advance(view: View) -> Status:
    """Bring flights and verified instances up to this look."""
    status, at = view.status, view.observation.at
    flights: dict[str, Flight] = {}
    serving: list[str] = []
    first_look = status.looked_at is None
    for one in view.observation.instances:
        name = one.instance_id
        step = _step(view, one)
        if step is None:
            continue
        flight = _moved(view, one, status.flights.get(name), step)
        if step is Step.VERIFYING and _is_verified(view, one, flight, first_look=first_look):
            serving.append(name)
        else:
            flights[name] = flight
    limit = view.rollout.limits.progress_seconds
    progressed = len(serving) != len(status.serving) or _has_moved(status.flights, flights)
    return replace(
        status,
        flights=flights,
        serving=tuple(sorted(serving)),
        looked_at=at,
        shortage_since=_shortage_since(view),
        progress_at=at if progressed or _unwatched_seconds(view) >= limit else status.progress_at,
    )


def _has_moved(before: dict[str, Flight], after: dict[str, Flight]) -> bool:
    return {name: flight.step for name, flight in before.items()} != {
        name: flight.step for name, flight in after.items()
    }


def _step(view: View, one: Instance) -> Step | None:
    """Tell on which step the instance is; None when it is not in flight. A serving one is a verified `VERIFYING`."""
    name, status = one.instance_id, view.status
    if name in status.retiring:
        return None if view.is_gone(one) else _retire_step(view, one)
    if view.is_leaving(one) or not view.is_member(one):
        return None
    if name in status.reloading:
        return _reload_step(view, one)
    if name in status.returning:
        return Step.RETURNING
    arrives = view.is_current(one) and not view.is_away(one)  # what a person holds in standby goes nowhere
    return _arrival_step(view, one) if arrives else None


def _retire_step(view: View, one: Instance) -> Step:
    ending = any(call.instance_id == one.instance_id and call.kind in _ENDING_CALLS for call in view.status.calls)
    return Step.TERMINATING if ending or view.is_leaving(one) else Step.DRAINING


def _arrival_step(view: View, one: Instance) -> Step:
    return Step.VERIFYING if _is_registered(view, one) else Step.LAUNCHING


def _reload_step(view: View, one: Instance) -> Step:
    if view.is_current(one):
        return Step.VERIFYING if _is_registered(view, one) else Step.RETURNING
    flight = view.status.flights.get(one.instance_id)
    return Step.RELOADING if flight is not None and flight.attempt else Step.DRAINING


def _is_registered(view: View, one: Instance) -> bool:
    if one.state is InstanceState.PENDING or one.lifecycle not in (None, Lifecycle.IN_SERVICE):
        return False
    return all(one.target(key) is not None for key in view.required(one))


def _moved(view: View, one: Instance, flight: Flight | None, step: Step) -> Flight:
    at = view.observation.at
    if flight is None:
        targets = tuple(target.key for target in one.targets if target.state is not TargetState.DRAINING)
        flight = Flight(step=step, since=at, targets=targets)
    elif flight.step is not step or _unwatched_seconds(view) >= deadline_seconds(view, step):
        flight = replace(flight, step=step, since=at)
    draining = any(target.state is TargetState.DRAINING for target in one.targets)
    gone_since = None if one.targets else (flight.gone_since or at)
    return replace(
        flight,
        healthy_since=_healthy_since(view, one, flight),
        draining_seen=flight.draining_seen or draining,
        gone_since=gone_since,
    )


def _shortage_since(view: View) -> datetime | None:
    """Start the clock of missing instances anew after a whole deadline unwatched."""
    since = view.status.shortage_since
    watched = _unwatched_seconds(view) < view.rollout.limits.launch_seconds
    return since if since is None or watched else view.observation.at


def _unwatched_seconds(view: View) -> float:
    """Return how long nobody has looked. A whole deadline unwatched (a crash, a pause) is not held against anybody."""
    last = view.status.looked_at
    return 0 if last is None else (view.observation.at - last).total_seconds()


def _healthy_since(view: View, one: Instance, flight: Flight) -> datetime | None:
    at, last = view.observation.at, view.status.looked_at
    if not view.is_in_service(one):
        return None
    longest_gap = 2 * max((group.health_interval_seconds for group in view.observation.target_groups), default=30)
    seen_throughout = last is not None and at - last <= timedelta(seconds=longest_gap)
    return flight.healthy_since if flight.healthy_since is not None and seen_throughout else at


def _is_verified(view: View, one: Instance, flight: Flight, *, first_look: bool) -> bool:
    if flight.healthy_since is None:
        return False
    if first_look or one.instance_id in view.status.serving:
        return True
    slow_start = max((group.slow_start_seconds for group in view.observation.target_groups), default=0)
    needed = max(view.rollout.limits.min_healthy_seconds, slow_start)
    return view.observation.at - flight.healthy_since >= timedelta(seconds=needed)


def is_drained(view: View, one: Instance) -> bool:
    """Tell whether no target group of ours can still send the instance a request.

    A look must show it registered nowhere, draining included. Where no earlier look has shown the draining itself,
    the deregistration delay must have passed, or the absence must hold for a moment: one odd answer is not believed.
    """
    if one.targets:
        return False
    flight = view.status.flights.get(one.instance_id)
    if flight is None or flight.deregistered_at is None or flight.draining_seen:
        return True
    at = view.observation.at
    delay = max((group.deregistration_delay_seconds for group in view.observation.target_groups), default=0)
    held = flight.gone_since is not None and at - flight.gone_since >= timedelta(seconds=CONFIRM_SECONDS)
    return held or at - flight.deregistered_at >= timedelta(seconds=delay)


# --- deadlines ------------------------------------------------------------------------------------------------------


def check_deadlines(view: View) -> Status:
    """Note a failure, with its cause, for every deadline that has passed."""
    return _note(view, (*_overdue(view), *refused_launches(view), *_owed(view), *_stuck(view)))


def check_deaths(view: View) -> Status:
    """Note a failure for every new or reloading instance that has ended without us since the last look."""
    return _note(view, _dead(view))


def _note(view: View, failures: tuple[Failure, ...]) -> Status:
    status = view.status
    known = {(failure.instance_id, failure.cause) for failure in status.failures}
    new = tuple(one for one in failures if (one.instance_id, one.cause) not in known)
    if status.mode is Mode.ROLLING:
        return add_failures(status, new)
    return add_warnings(status, *(f"{one.instance_id}: {one.cause}" if one.instance_id else one.cause for one in new))


def deadline_seconds(view: View, step: Step) -> float:
    """Return how long an instance may stay on a step."""
    limits = view.rollout.limits
    match step:
        case Step.DRAINING | Step.TERMINATING:
            return limits.drain_seconds
        case Step.LAUNCHING | Step.RELOADING:
            return limits.launch_seconds
        case Step.VERIFYING | Step.RETURNING:
            return limits.healthy_seconds + limits.min_healthy_seconds


def is_overdue(view: View, flight: Flight) -> bool:
    """Tell whether the flight's step has lasted longer than it may."""
    return view.observation.at - flight.since >= timedelta(seconds=deadline_seconds(view, flight.step))


def _overdue(view: View) -> list[Failure]:
    at, found = view.observation.at, []
    for name, flight in view.status.flights.items():
        one = view.by_id.get(name)
        if one is not None and is_overdue(view, flight) and not _is_over(view, one, flight):
            found.append(Failure(instance_id=name, cause=_why_late(view, one, flight), at=at))
    return found


def _is_over(view: View, one: Instance, flight: Flight) -> bool:
    """Tell whether this look shows the end of what is waited for: nobody may have looked for long (a crash)."""
    if flight.step is Step.RELOADING:
        seen = (invocation for invocation in view.observation.invocations if invocation.instance_id == one.instance_id)
        return any(one.attempt == flight.attempt and one.state is CommandState.SUCCEEDED for one in seen)
    return flight.step is Step.DRAINING and is_drained(view, one)


_LATE = {
    Step.DRAINING: "not drained",
    Step.TERMINATING: "not terminated by its group",
    Step.LAUNCHING: "not in service",
    Step.VERIFYING: "not healthy",
    Step.RELOADING: "reload command not finished",
    Step.RETURNING: "not back in service",
}


def _why_late(view: View, one: Instance, flight: Flight) -> str:
    seconds = deadline_seconds(view, flight.step)
    details = [
        f"{_target_group_name(view, target.key.target_group)}:{target.key.port} {target.state}"
        + (f" ({target.reason}: {target.description})" if target.reason else "")
        for target in one.targets
        if target.state is not TargetState.HEALTHY
    ]
    if one.lifecycle not in (None, Lifecycle.IN_SERVICE):
        details.append(f"lifecycle state {one.lifecycle_detail or one.lifecycle}")
    if one.state is not InstanceState.RUNNING:
        details.append(f"instance {one.state}" + (f" ({one.state_reason})" if one.state_reason else ""))
    if flight.step is Step.LAUNCHING and not one.targets:
        details.append("registered in no target group")
    return f"{_LATE[flight.step]} within {seconds:g} s: {', '.join(details) or 'no reason given'}"


def _target_group_name(view: View, arn: str) -> str:
    return next((group.name for group in view.observation.target_groups if group.arn == arn), arn)


_ARRIVING = (Step.LAUNCHING, Step.VERIFYING)


def _dead(view: View) -> tuple[Failure, ...]:
    """Find instances that were on their way in, or being reloaded, and have ended by themselves.

    One that its group is ending (somebody scaled in) is no failure: the desired capacity says that it may go.
    """
    status, at, found = view.status, view.observation.at, []
    arriving = {name for name, flight in status.flights.items() if flight.step in _ARRIVING}
    for name in sorted((arriving | view.launched | set(status.reloading)) - set(status.retiring)):
        one = view.by_id.get(name)
        if one is not None and view.is_gone(one) and (one.lifecycle is None or view.is_ghost(one)):
            why = one.state_reason or str(one.state)
            what = "ended during its reload" if name in status.reloading else "ended before it served"
            found.append(Failure(instance_id=name, cause=f"{what}: {why}", at=at))
    return tuple(found)


def _owed(view: View) -> list[Failure]:
    """Instances that EC2 or the group should have launched and has not."""
    status, at = view.status, view.observation.at
    since = status.shortage_since
    if since is None or at - since < timedelta(seconds=view.rollout.limits.launch_seconds):
        return []
    why = status.shortage or "no reason given"
    cause = f"no new instance within {view.rollout.limits.launch_seconds:g} s: {why}"
    return [Failure(instance_id="", cause=cause, at=at)]


def _stuck(view: View) -> list[Failure]:
    limit, at = view.rollout.limits.progress_seconds, view.observation.at
    if at - view.status.progress_at < timedelta(seconds=limit):
        return []
    return [Failure(instance_id="", cause=f"no progress for {limit:g} s", at=at)]
