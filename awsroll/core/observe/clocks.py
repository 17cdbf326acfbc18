"""Brings the phase and the clocks of each server up to date with an observation.

The observation decides the phase. The record keeps only what AWS cannot show: since when, what was deregistered, and
how long the server has been healthy without a break. An observation that comes more than two health check intervals
after the last one proves nothing about the time between, so it restarts the healthy clock.
"""

import math
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, assert_never

from awsroll.core.classify import draining
from awsroll.core.classify.new_flows import seconds_of_new_flows
from awsroll.core.classify.view import View
from awsroll.core.lifecycle import ServerChanges
from awsroll.core.model.observation import Instance, InstanceState, Lifecycle, TargetState
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.replacing import replace
from awsroll.core.model.server_record import Server
from awsroll.core.model.status import Status
from awsroll.core.observe.hook_runs import is_admitted

_DRIVEN_SECONDS = 150  # no plan waits that long: after a longer gap the rollout was not driven in between
_ARRIVING = (ServerPhase.LAUNCHING, ServerPhase.VERIFYING, ServerPhase.SERVING)


def advance(view: View) -> Status:
    """Bring the phase and the clocks of each observed server up to this observation."""
    before, at = view.status, view.observation.at
    changes = ServerChanges(before)
    unwatched = {phase for phase in ServerPhase if _was_unwatched(view, deadline_seconds(view, phase))}
    for instance in view.observation.instances:
        _advance_server(view, changes, instance, unwatched)
    for name in before.servers.keys() - view.by_id.keys():
        if changes.phase_of(name) in _ARRIVING:
            changes.move(name, ServerPhase.NONE, at=at, reason="no longer shown")
    status = changes.status
    limit = view.rollout.limits.progress_seconds
    progressed = before.servers is not status.servers and _phases(before) != _phases(status)
    return replace(
        status,
        observed_at=at,
        shortage=replace(status.shortage, since=_shortage_since(view)),
        progress_at=at if progressed or _was_unwatched(view, limit) else status.progress_at,
    )


def _phases(status: Status) -> dict[str, ServerPhase]:
    return {name: server.phase for name, server in status.servers.items()}


def _advance_server(view: View, changes: ServerChanges, instance: Instance, unwatched: Collection[ServerPhase]) -> None:
    name, at = instance.instance_id, view.observation.at
    before = view.status.servers.get(name)
    if before is None and not (view.is_current(instance) or name in view.launched):
        return  # as most servers at the start of a rollout: untouched
    if before is not None and before.phase is ServerPhase.SERVING and _still_serves(view, instance, before):
        return  # as most servers at its end
    phase = _phase_shown(view, instance)
    if phase is ServerPhase.NONE:
        changes.move(name, phase, at=at, reason="no longer on its way in")
        return
    if not phase.is_timed or not has_clock(view, instance):
        return
    server = _observed(view, instance, phase, restarts=phase in unwatched)
    if phase is ServerPhase.VERIFYING and _is_verified(view, instance, server):
        changes.move(name, ServerPhase.SERVING, at=at, reason="healthy")
    elif before is not None and before.phase is phase:
        changes.observe(name, server)
    else:
        changes.move(name, phase, at=at, reason="as observed", **{name: getattr(server, name) for name in _CLOCKS})


def _still_serves(view: View, instance: Instance, server: Server) -> bool:
    """Return whether a server that has served arrives once more at `SERVING`, so that its record stays as it is."""
    if server.reloading or not view.is_in_service(instance) or not view.is_current(instance):
        return False
    return instance.lifecycle in (None, Lifecycle.IN_SERVICE) and view.is_member(instance)


_CLOCKS = (
    "since",
    "healthy_since",
    "targets",
    "deregistering_at",
    "deregistered_at",
    "draining_seen",
    "gone_since",
    "quiet_at",
    "is_early",
)


def _observed(view: View, instance: Instance, phase: ServerPhase, *, restarts: bool) -> Server:
    """Return the record that a server gets by this observation; a new record keeps where it is registered.

    Args:
        view: the observation and the record.
        instance: the server.
        phase: the phase that the observation shows.
        restarts: the clock of the phase starts again, because the rollout was not driven.
    """
    at, server = view.observation.at, view.status.in_flight(instance.instance_id)
    facts: dict[str, Any] = {}
    if server is None:
        server = Server(phase=phase, since=at, targets=draining.active_registrations(instance))
    elif server.phase is not phase or restarts:
        facts = {"since": at}
    facts |= _shown_drain(server, phase, instance, at)
    healthy_since = _healthy_since(view, instance, server)
    gone_since = None if instance.targets else server.gone_since or at
    return replace(server, phase=phase, **facts, healthy_since=healthy_since, gone_since=gone_since)


def _shown_drain(server: Server, phase: ServerPhase, instance: Instance, at: datetime) -> dict[str, Any]:
    """Return what the observation says about the drain of a server that is in a phase now.

    The drain's clock starts at the first observation that shows the drain, unless AWS's answer has started it. The
    deadline of the drain counts from the same instant: until then the server may have waited for its call.
    """
    facts: dict[str, Any] = {}
    has_asked = server.quiet_at is not None or server.deregistering_at is not None
    out = has_asked and not draining.active_registrations(instance)
    if server.quiet_at is not None and not out:  # someone has registered it again
        facts = {"quiet_at": None, "is_early": False}
    deregistered_at = server.deregistered_at
    if server.deregistering_at is not None and out:
        deregistered_at = at
        facts |= {"deregistering_at": None, "deregistered_at": at}
    if not server.draining_seen and TargetState.DRAINING in [target.state for target in instance.targets]:
        facts["draining_seen"] = True
        if phase is ServerPhase.DRAINING and deregistered_at in (None, at):
            facts["since"] = at
    return facts


def _phase_shown(view: View, instance: Instance) -> ServerPhase:
    """Return the phase that the observation shows for the instance.

    The result is `VERIFYING` for serving servers too: the caller decides whether the server is verified.
    """
    name = instance.instance_id
    server = view.status.servers.get(name)
    if server is not None and server.reloading:
        return server.phase if view.is_ending(instance) else _reload_phase(view, instance, server)
    match ServerPhase.NONE if server is None else server.phase:
        case ServerPhase.RETURNING | ServerPhase.KEPT | ServerPhase.FAILED | ServerPhase.RELOADING as phase:
            return phase
        case ServerPhase.DRAINING | ServerPhase.TERMINATING as phase:
            return phase if view.is_gone(instance) else _retire_phase(view, instance)
        case ServerPhase.NONE | ServerPhase.LAUNCHING | ServerPhase.VERIFYING | ServerPhase.SERVING:
            return _arrival_phase(view, instance)
        case _ as never:
            assert_never(never)


def _arrival_phase(view: View, instance: Instance) -> ServerPhase:
    if view.is_ending(instance) or not view.is_member(instance) or view.is_in_standby(instance):
        return ServerPhase.NONE  # a member that someone holds in standby is not arriving
    if not (view.is_current(instance) or instance.instance_id in view.launched):
        return ServerPhase.NONE
    return ServerPhase.VERIFYING if _is_registered(view, instance) else ServerPhase.LAUNCHING


def _retire_phase(view: View, instance: Instance) -> ServerPhase:
    name = instance.instance_id
    called = view.is_terminate_announced(name)
    return ServerPhase.TERMINATING if called or view.is_ending(instance) else ServerPhase.DRAINING


def _reload_phase(view: View, instance: Instance, server: Server) -> ServerPhase:
    if instance.instance_id in view.returning:  # a stop brings it back, whatever code it has
        return ServerPhase.RETURNING
    if view.is_current(instance):
        return ServerPhase.VERIFYING if _is_registered(view, instance) else ServerPhase.RETURNING
    return ServerPhase.RELOADING if server.attempt else ServerPhase.DRAINING


def _is_registered(view: View, instance: Instance) -> bool:
    if instance.state is InstanceState.PENDING or instance.lifecycle not in (None, Lifecycle.IN_SERVICE):
        return False
    listed = [target.key for target in instance.targets]
    return not [key for key in view.required(instance) if key not in listed]


def has_clock(view: View, instance: Instance) -> bool:
    """Return whether the deadline of the instance's phase counts: not while AWS is already ending the instance."""
    server = view.status.servers.get(instance.instance_id)
    if server is not None and server.phase.is_way_out and not server.reloading:
        return not view.is_gone(instance)
    return not view.is_ending(instance) and view.is_member(instance)


def _shortage_since(view: View) -> datetime | None:
    """Return since when launches are overdue; restart that clock after a time in which the rollout was not driven.

    It also waits for the drains: a server that drains holds an address and a share of the quotas. It does not wait for
    drained servers that run on because their end would not help.
    """
    shortage = view.status.shortage
    if shortage.since is None:
        return None
    restarts = _was_unwatched(view, view.rollout.limits.launch_seconds)
    leaving = (view.by_id[name] for name in view.taken_out if view.is_live(view.by_id[name]))
    restarts = restarts or any(instance.targets or not shortage.keeps_drained for instance in leaving)
    return view.observation.at if restarts else shortage.since


def _was_unwatched(view: View, deadline: float) -> bool:
    """Return whether the rollout was not driven since the last observation (a crash, a pause).

    That time does not count against any deadline: what had to be done for a server was not done either. Several such
    times, each shorter than the deadline, would otherwise add up to it.
    """
    return view.since_last is not None and view.since_last.total_seconds() >= min(deadline, _DRIVEN_SECONDS)


def _healthy_since(view: View, instance: Instance, server: Server) -> datetime | None:
    if not view.is_healthy(instance):
        return None
    seen_throughout = view.since_last is not None and view.since_last <= view.longest_gap
    return server.healthy_since if server.healthy_since is not None and seen_throughout else view.observation.at


def _is_verified(view: View, instance: Instance, server: Server) -> bool:
    if server.healthy_since is None or instance.marked_unhealthy:
        return False
    first = view.status.observed_at is None
    if first or view.phase(instance) is ServerPhase.SERVING:
        return True
    return is_steady(view, server) and is_admitted(view, instance)


def is_steady(view: View, server: Server | None) -> bool:
    """Return whether a server has been healthy for as long as it must be before it may serve."""
    if server is None or server.healthy_since is None:
        return False
    slow_start = max((group.slow_start_seconds for group in view.observation.target_groups), default=0)
    needed = max(view.rollout.limits.min_healthy_seconds, slow_start)
    return view.observation.at - server.healthy_since >= timedelta(seconds=needed)


def is_drained(view: View, instance: Instance) -> bool:
    """Return whether none of the fleet's target groups can still send the instance a request.

    An observation must show the instance registered nowhere, draining included. If no earlier observation has shown the
    draining itself, the deregistration delay must have passed, or the absence must hold for `CONFIRM_SECONDS`: a single
    odd answer is not believed.
    """
    server = view.status.in_flight(instance.instance_id)
    if server is not None and seconds_of_new_flows(view, server) > 0:
        return False
    since = None if server is None else server.last_deregistration
    if server is None or since is None or server.draining_seen:
        return draining.is_drained(instance, is_certain=True)
    delay = max((group.deregistration_delay_seconds for group in view.observation.target_groups), default=0)
    is_certain = draining.is_absence_certain(
        deregistered_at=since,
        gone_since=server.gone_since,
        delay_seconds=delay,
        at=view.observation.at,
    )
    return draining.is_drained(instance, is_certain=is_certain)


def deadline_seconds(view: View, phase: ServerPhase) -> float:
    """Return how long a server may stay in a phase."""
    limits = view.rollout.limits
    match phase:
        case ServerPhase.NONE | ServerPhase.SERVING | ServerPhase.FAILED | ServerPhase.KEPT:
            return math.inf
        case ServerPhase.DRAINING | ServerPhase.TERMINATING:
            return limits.drain_seconds
        case ServerPhase.LAUNCHING | ServerPhase.RELOADING:
            return limits.launch_seconds
        case ServerPhase.VERIFYING | ServerPhase.RETURNING:
            return limits.healthy_seconds + limits.min_healthy_seconds
        case _ as never:
            assert_never(never)


def overdue(view: View) -> list[tuple[str, Server]]:
    """Return the servers that have been in their phase for longer than they may, with their records."""
    at = view.observation.at
    limits = {phase: deadline_seconds(view, phase) for phase in ServerPhase}
    longest = {phase: timedelta(seconds=limit) for phase, limit in limits.items() if limit < math.inf}
    servers = view.status.servers.items()
    return [(name, one) for name, one in servers if one.phase in longest and at - one.since >= longest[one.phase]]


def is_overdue(view: View, server: Server) -> bool:
    """Return whether the server has been in its phase for longer than it may."""
    return (view.observation.at - server.since).total_seconds() >= deadline_seconds(view, server.phase)
