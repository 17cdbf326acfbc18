"""The clocks of instances in flight: on which step each is, since when, and which deadline has passed.

The step is derived from the look; what is kept is only since when, what was deregistered, and how long it has been
healthy without a break. A look that comes more than two health check intervals after the last one proves nothing about
the time between, so it starts the healthy clock anew.
"""

import math
from dataclasses import replace
from datetime import datetime, timedelta

from awsroll.core.classify import draining
from awsroll.core.classify.view import View
from awsroll.core.model.observation import Instance, InstanceState, Lifecycle, TargetState
from awsroll.core.model.status import TERMINATING_CALLS, Flight, Status, Step
from awsroll.core.observe.hook_runs import is_admitted

_DRIVEN_SECONDS = 60  # no plan waits as long: after a longer gap nobody has driven the rollout meanwhile


def advance(view: View) -> Status:
    """Bring flights and verified instances up to this look."""
    status, at = view.status, view.observation.at
    flights: dict[str, Flight] = {}
    serving: list[str] = []
    first_look = status.observed_at is None
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
        observed_at=at,
        shortage_since=_shortage_since(view),
        progress_at=at if progressed or _was_unwatched(view, limit) else status.progress_at,
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
    if name in status.kept:
        return Step.KEPT
    # What a person holds in standby goes nowhere.
    arrives = (view.is_current(one) or name in view.launched) and not view.is_away(one)
    return _arrival_step(view, one) if arrives else None


def _retire_step(view: View, one: Instance) -> Step:
    ending = any(call.instance_id == one.instance_id and call.kind in TERMINATING_CALLS for call in view.status.calls)
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
    elif flight.step is not step or _was_unwatched(view, deadline_seconds(view, step)):
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
    """Start the clock of missing instances anew after a time in which nobody drove the rollout."""
    since = view.status.shortage_since
    unwatched = _was_unwatched(view, view.rollout.limits.launch_seconds)
    return view.observation.at if since is not None and unwatched else since


def _was_unwatched(view: View, deadline: float) -> bool:
    """Tell whether nobody has driven the rollout since the last look (a crash, a pause).

    That time is not held against anybody: what had to be done for an instance was not done either. Several such times,
    each shorter than the deadline, would otherwise add up to it.
    """
    last = view.status.observed_at
    return last is not None and (view.observation.at - last).total_seconds() >= min(deadline, _DRIVEN_SECONDS)


def _healthy_since(view: View, one: Instance, flight: Flight) -> datetime | None:
    at, last = view.observation.at, view.status.observed_at
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
    return is_steady(view, flight) and is_admitted(view, one)


def is_steady(view: View, flight: Flight | None) -> bool:
    """Tell whether an instance has been healthy for as long as it must be before it may serve."""
    if flight is None or flight.healthy_since is None:
        return False
    slow_start = max((group.slow_start_seconds for group in view.observation.target_groups), default=0)
    needed = max(view.rollout.limits.min_healthy_seconds, slow_start)
    return view.observation.at - flight.healthy_since >= timedelta(seconds=needed)


def is_drained(view: View, one: Instance) -> bool:
    """Tell whether no target group of ours can still send the instance a request.

    A look must show it registered nowhere, draining included. Where no earlier look has shown the draining itself,
    the deregistration delay must have passed, or the absence must hold for a moment: one odd answer is not believed.
    """
    flight = view.status.flights.get(one.instance_id)
    if flight is None or flight.deregistered_at is None or flight.draining_seen:
        return draining.is_drained(one, is_certain=True)
    delay = max((group.deregistration_delay_seconds for group in view.observation.target_groups), default=0)
    is_certain = draining.is_absence_certain(
        deregistered_at=flight.deregistered_at,
        gone_since=flight.gone_since,
        delay_seconds=delay,
        at=view.observation.at,
    )
    return draining.is_drained(one, is_certain=is_certain)


def deadline_seconds(view: View, step: Step) -> float:
    """Return how long an instance may stay on a step."""
    limits = view.rollout.limits
    match step:
        case Step.KEPT:
            return math.inf
        case Step.DRAINING | Step.TERMINATING:
            return limits.drain_seconds
        case Step.LAUNCHING | Step.RELOADING:
            return limits.launch_seconds
        case Step.VERIFYING | Step.RETURNING:
            return limits.healthy_seconds + limits.min_healthy_seconds


def is_overdue(view: View, flight: Flight) -> bool:
    """Tell whether the flight's step has lasted longer than it may."""
    return (view.observation.at - flight.since).total_seconds() >= deadline_seconds(view, flight.step)
