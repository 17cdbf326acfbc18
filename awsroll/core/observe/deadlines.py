"""Detects failures: passed deadlines, instances that ended or became unhealthy, and capacity that did not arrive.

Each failure is noted with the cause that AWS gives. `verdict` decides what follows.
"""

from collections.abc import Iterator
from datetime import timedelta

from awsroll.core.classify.ended_by import owner_of_ending, shut_itself_down
from awsroll.core.classify.view import View
from awsroll.core.model.observation import CommandState, Instance, InstanceState, Lifecycle, TargetState
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.plan import add_failures, add_warnings
from awsroll.core.model.server_record import Server
from awsroll.core.model.status import Mode, Status
from awsroll.core.model.status_parts import Failure, Owner
from awsroll.core.observe.clocks import deadline_seconds, has_clock, is_drained, overdue
from awsroll.core.observe.early_drains import is_quiet
from awsroll.core.observe.refused_launches import given_up, refused_launches


def check_deadlines(view: View) -> Status:
    """Note a failure, with its cause, for every deadline that has passed; warn of servers that leave late."""
    launches = (*refused_launches(view), *given_up(view), *_shortage(view))
    status = _note(view, (*_overdue(view), *launches, *_stall(view)))
    return add_warnings(status, *_late_retirements(view))


def check_deaths(view: View) -> Status:
    """Note a failure for every new or reloading instance that has ended or become unhealthy."""
    return _note(view, (*_ended(view), *_shut_down(view), *_unhealthy(view)))


def _note(view: View, failures: tuple[Failure, ...]) -> Status:
    if view.status.mode is Mode.ROLLING:
        return add_failures(view.status, *failures)
    known = {_warning(failure) for failure in view.status.failures}
    warnings = (_warning(failure) for failure in failures)
    return add_warnings(view.status, *(warning for warning in warnings if warning not in known))


def _warning(failure: Failure) -> str:
    return f"{failure.instance_id}: {failure.cause}" if failure.instance_id else failure.cause


def _overdue(view: View) -> list[Failure]:
    return [
        Failure(
            instance_id=instance.instance_id,
            cause=_why_late(view, instance, server),
            at=view.observation.at,
            owner=Owner.OTHERS if _is_deregistered(view, instance) else owner_of_ending(instance),
        )
        for instance, server in _late(view)
        if not _leaves_the_fleet(server)
    ]


def _late_retirements(view: View) -> list[str]:
    """Return a warning for each server that leaves later than expected. Its successor serves, so nothing is missing.

    The time without progress is the bound of this wait.
    """
    late = ((instance, server) for instance, server in _late(view) if _leaves_the_fleet(server))
    return [
        f"{instance.instance_id}: {LATE[server.phase]} within {deadline_seconds(view, server.phase):g} s; still waiting"
        for instance, server in late
    ]


def _leaves_the_fleet(server: Server) -> bool:
    return server.phase.is_way_out and not server.reloading


def _late(view: View) -> Iterator[tuple[Instance, Server]]:
    for name, server in overdue(view):
        instance = view.by_id.get(name)
        if instance is None or not has_clock(view, instance) or _waits_for_zone(instance, server):
            continue
        if not _has_finished(view, instance, server):
            yield instance, server


def _is_deregistered(view: View, instance: Instance) -> bool:
    """Return whether someone has deregistered a member: a group registers a member before it is in service."""
    registered = {target.key for target in instance.targets if target.state is not TargetState.DRAINING}
    return instance.lifecycle is Lifecycle.IN_SERVICE and not view.managed_keys <= registered


def _waits_for_zone(instance: Instance, server: Server) -> bool:
    """Return whether only the load balancer keeps a new server from serving: that is no failure of the server.

    A zonal shift keeps requests away, someone has disabled the zone, or the load balancer fails itself. The progress
    timeout limits the wait.
    """
    able = all(target.state is TargetState.HEALTHY or target.is_kept_away for target in instance.targets)
    waits = server.phase in (ServerPhase.VERIFYING, ServerPhase.RETURNING)
    return waits and able and any(target.is_kept_away for target in instance.targets)


def _has_finished(view: View, instance: Instance, server: Server) -> bool:
    """Return whether this observation shows that the phase is finished: it may be the first one after a crash."""
    if server.phase is ServerPhase.RELOADING:
        shown = view.invocations.get((instance.instance_id, server.attempt))
        return shown is not None and shown.state is CommandState.SUCCEEDED
    return server.phase is ServerPhase.DRAINING and (is_drained(view, instance) or is_quiet(view, instance))


_MOST_NAMED = 5
LATE = {
    ServerPhase.DRAINING: "not drained",
    ServerPhase.TERMINATING: "not terminated by its group",
    ServerPhase.LAUNCHING: "not in service",
    ServerPhase.VERIFYING: "not healthy",
    ServerPhase.RELOADING: "reload command not finished",
    ServerPhase.RETURNING: "not back in service",
    ServerPhase.KEPT: "still kept",
}


def _why_late(view: View, instance: Instance, server: Server) -> str:
    seconds = deadline_seconds(view, server.phase)
    details = [words] if (words := _mark(view, instance, server)) else []
    details += [states] if (states := _target_states(view, instance)) else []
    if instance.lifecycle not in (None, Lifecycle.IN_SERVICE):
        details.append(f"lifecycle state {instance.lifecycle_detail or instance.lifecycle}")
    if instance.state is not InstanceState.RUNNING:
        details.append(f"instance {instance.state}" + (f" ({instance.state_reason})" if instance.state_reason else ""))
    if server.phase is ServerPhase.LAUNCHING and not instance.targets:
        details.append("registered in no target group")
    return f"{LATE[server.phase]} within {seconds:g} s: {', '.join(details) or 'no reason given'}"


def _mark(view: View, instance: Instance, server: Server | None = None) -> str:
    """Return what the group's Unhealthy mark says about a member; empty if it has none."""
    group = view.observation.group
    if group is None or not instance.marked_unhealthy:
        return ""
    words = f"marked unhealthy by group {group.name}: grace period {group.grace_seconds:g} s"
    if server is None or server.healthy_since is None or instance.launched_at is None:
        return words
    return f"{words}, healthy after {(server.healthy_since - instance.launched_at).total_seconds():.0f} s"


def _target_group_name(view: View, arn: str) -> str:
    return next((group.name for group in view.observation.target_groups if group.arn == arn), arn)


_ARRIVING = (ServerPhase.LAUNCHING, ServerPhase.VERIFYING)


def _ended(view: View) -> tuple[Failure, ...]:
    """Return a failure for each arriving or reloading instance that has ended by itself.

    An instance that its group ends (someone scaled in) is no failure: the desired capacity allows it.
    """
    status, at, group, failures = view.status, view.observation.at, view.observation.group, []
    arriving = {name for name, server in status.servers.items() if server.phase in _ARRIVING}
    reloading = frozenset(status.reloading)
    for name in sorted((arriving | view.launched | reloading) - set(status.retiring)):
        instance = view.by_id.get(name)
        if instance is None or not _has_ended(view, instance):
            continue
        if instance.lifecycle is None or view.is_still_listed(instance):
            why = instance.state_reason or str(instance.state)
            what = "ended during its reload" if name in reloading else "ended before it served"
            ended_by_group = group is not None and name in group.terminations
            owner = Owner.VERSION if ended_by_group else owner_of_ending(instance)
            failures.append(Failure(instance_id=name, cause=f"{what}: {why}", at=at, owner=owner))
    return tuple(failures)


def _has_ended(view: View, instance: Instance) -> bool:
    """Return whether EC2 has ended the instance, or stopped it. A standalone server that reloads may start again."""
    if view.is_gone(instance) or view.is_still_listed(instance):
        return True
    server = view.status.servers.get(instance.instance_id)
    waits = instance.lifecycle is None and server is not None and server.reloading
    return view.is_stopped(instance) and not waits


def _shut_down(view: View) -> list[Failure]:
    """Return a failure for each new server that served and then shut itself down. Other endings are only replaced."""
    status, at = view.status, view.observation.at
    if status.rolling_back:
        return []
    return [
        Failure(instance_id=name, cause=f"ended after it served: {instance.state_reason}", at=at)
        for name in sorted(set(status.serving) - set(status.current_at_start) - view.launched)
        if (instance := view.by_id.get(name)) is not None and _has_ended(view, instance) and shut_itself_down(instance)
    ]


def _unhealthy(view: View) -> list[Failure]:
    """Return a failure for each new instance that became unhealthy while it was watched, such as a canary.

    An instance is watched within its minimum healthy time. A verified instance is watched while a gate is closed, the
    rollout is blocked at rest or the fleet bakes; then its group's mark counts too, because the group replaces marked
    members at that time.
    """
    status, at, serving = view.status, view.observation.at, frozenset(view.status.serving)
    watched = dict[str, str]()
    if view.rollout.limits.min_healthy_seconds:
        arriving = {ServerPhase.VERIFYING, ServerPhase.RETURNING}
        servers = status.servers_in_flight.items()
        healthy = (name for name, server in servers if server.healthy_since and server.phase in arriving)
        watched |= dict.fromkeys(healthy, "within its minimum healthy time")
    rests = status.blocked is not None and status.blocked.rests
    if rests or status.gate.closed_since is not None or status.gate.baking_since is not None:
        when = "at a checkpoint" if status.gate.closed_since is not None else "while the rollout waited"
        when = "while it baked" if status.gate.baking_since is not None else when
        watched |= dict.fromkeys(serving - set(status.current_at_start), when)
    return [
        Failure(instance_id=name, cause=f"turned unhealthy {when}: {_why_unhealthy(view, instance)}", at=at)
        for name, when in sorted(watched.items())
        if (instance := view.by_id.get(name)) is not None
        and (_is_unhealthy(view, instance) or (_is_marked(view, instance) and name in serving))
    ]


def _is_unhealthy(view: View, instance: Instance) -> bool:
    unhealthy = any(target.state is TargetState.UNHEALTHY and not target.is_kept_away for target in instance.targets)
    return unhealthy and instance.instance_id not in view.leaving and not view.is_ending(instance)


def _is_marked(view: View, instance: Instance) -> bool:
    """Return whether the group has marked a running instance unhealthy, or replaces it already for that reason."""
    return instance.marked_unhealthy and instance.instance_id not in view.leaving and not view.is_gone(instance)


def _why_unhealthy(view: View, instance: Instance) -> str:
    return ", ".join(words for words in (_mark(view, instance), _target_states(view, instance)) if words)


def _target_states(view: View, instance: Instance) -> str:
    details = [
        f"{_target_group_name(view, target.key.target_group)}:{target.key.port} {target.state}"
        + (f" ({target.why})" if target.why else "")
        + (" (no requests: a zonal shift is active)" if target.shifted else "")
        for target in instance.targets
        if not target.takes_requests
    ]
    return ", ".join(details)


def _shortage(view: View) -> list[Failure]:
    """Return a failure if EC2 or the group has not launched the instances that it should have launched in time."""
    status, at = view.status, view.observation.at
    since = status.shortage.since
    if since is None or at - since < timedelta(seconds=view.rollout.limits.launch_seconds):
        return []
    why = status.shortage.reason or "no reason given"
    cause = f"no new instance within {view.rollout.limits.launch_seconds:g} s: {why}"
    return [Failure(instance_id="", cause=cause, at=at)]


def _stall(view: View) -> list[Failure]:
    limit, at = view.rollout.limits.progress_seconds, view.observation.at
    if at - view.status.progress_at < timedelta(seconds=limit):
        return []
    cause = f"no progress for {limit:g} s: waiting for {_awaited(view)}"
    return [Failure(instance_id="", cause=cause, at=at, owner=_owner_of_stall(view), final=True)]


def _owner_of_stall(view: View) -> Owner:
    """Return to whom it is due that nothing moves: to others, if only load balancers keep the servers from serving."""
    arriving = (ServerPhase.LAUNCHING, ServerPhase.VERIFYING, ServerPhase.RETURNING)
    servers = [(view.by_id.get(name), server) for name, server in view.status.servers_in_flight.items()]
    awaited = [(one, server) for one, server in servers if one is not None and server.phase in arriving]
    return Owner.OTHERS if awaited and all(_waits_for_zone(*each) for each in awaited) else Owner.VERSION


def _awaited(view: View) -> str:
    """Return what the rollout waits for, in the words of the phases."""
    servers = sorted(view.status.servers_in_flight.items())
    waits = [_awaited_server(view, name, server) for name, server in servers if server.phase is not ServerPhase.KEPT]
    if view.status.shortage.since is not None:
        waits.append(f"new instances ({view.status.shortage.reason or 'no reason given'})")
    if view.status.hooks.announced:
        waits.append("hooks")
    hidden = len(waits) - _MOST_NAMED
    return ", ".join(waits[:_MOST_NAMED] + ([f"{hidden} more"] if hidden > 0 else [])) or "servers that do not serve"


def _awaited_server(view: View, name: str, server: Server) -> str:
    instance = view.by_id.get(name)
    details = _target_states(view, instance) if instance is not None else ""
    lifecycle = instance.lifecycle_detail if instance is not None else ""
    words = ", ".join(part for part in (lifecycle, details) if part)
    return f"{name} {server.phase}" + (f" ({words})" if words else "")
