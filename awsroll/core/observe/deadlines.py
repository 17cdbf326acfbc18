"""What counts as a failure: a deadline that has passed, an instance that ended or fell ill, capacity that never came.

Each is noted with its cause in AWS's own words. What follows from it is decided in `verdict`.
"""

from datetime import timedelta

from awsroll.core.classify.view import View
from awsroll.core.model.observation import CommandState, Instance, InstanceState, Lifecycle, TargetState
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.plan import add_failures, add_warnings
from awsroll.core.model.status import Failure, Mode, Server, Status
from awsroll.core.observe.clocks import deadline_seconds, has_clock, is_drained, is_overdue
from awsroll.core.observe.refusals import refused_launches


def check_deadlines(view: View) -> Status:
    """Note a failure, with its cause, for every deadline that has passed."""
    return _note(view, (*_overdue(view), *refused_launches(view), *_owed(view), *_stuck(view)))


def check_deaths(view: View) -> Status:
    """Note a failure for every new or reloading instance that has ended, or fallen ill, since the last look."""
    return _note(view, (*_dead(view), *_ill(view)))


def _note(view: View, failures: tuple[Failure, ...]) -> Status:
    if view.status.mode is Mode.ROLLING:
        return add_failures(view.status, *failures)
    told = (f"{one.instance_id}: {one.cause}" if one.instance_id else one.cause for one in failures)
    known = {f"{one.instance_id}: {one.cause}" if one.instance_id else one.cause for one in view.status.failures}
    return add_warnings(view.status, *(one for one in told if one not in known))


def _overdue(view: View) -> list[Failure]:
    at, found = view.observation.at, []
    for name, server in view.status.servers_in_flight.items():
        one = view.by_id.get(name)
        if one is None or not has_clock(view, one):
            continue
        if is_overdue(view, server) and not _is_over(view, one, server):
            found.append(Failure(instance_id=name, cause=_why_late(view, one, server), at=at))
    return found


def _is_over(view: View, one: Instance, server: Server) -> bool:
    """Tell whether this look shows the end of what is waited for: nobody may have looked for long (a crash)."""
    if server.phase is ServerPhase.RELOADING:
        seen = (invocation for invocation in view.observation.invocations if invocation.instance_id == one.instance_id)
        return any(one.attempt == server.attempt and one.state is CommandState.SUCCEEDED for one in seen)
    return server.phase is ServerPhase.DRAINING and is_drained(view, one)


LATE = {
    ServerPhase.DRAINING: "not drained",
    ServerPhase.TERMINATING: "not terminated by its group",
    ServerPhase.LAUNCHING: "not in service",
    ServerPhase.VERIFYING: "not healthy",
    ServerPhase.RELOADING: "reload command not finished",
    ServerPhase.RETURNING: "not back in service",
    ServerPhase.KEPT: "still kept",
}


def _why_late(view: View, one: Instance, server: Server) -> str:
    seconds = deadline_seconds(view, server.phase)
    details = [complaint] if (complaint := _complaint(view, one)) else []
    if one.lifecycle not in (None, Lifecycle.IN_SERVICE):
        details.append(f"lifecycle state {one.lifecycle_detail or one.lifecycle}")
    if one.state is not InstanceState.RUNNING:
        details.append(f"instance {one.state}" + (f" ({one.state_reason})" if one.state_reason else ""))
    if server.phase is ServerPhase.LAUNCHING and not one.targets:
        details.append("registered in no target group")
    return f"{LATE[server.phase]} within {seconds:g} s: {', '.join(details) or 'no reason given'}"


def _target_group_name(view: View, arn: str) -> str:
    return next((group.name for group in view.observation.target_groups if group.arn == arn), arn)


_ARRIVING = (ServerPhase.LAUNCHING, ServerPhase.VERIFYING)


def _dead(view: View) -> tuple[Failure, ...]:
    """Find instances that were on their way in, or being reloaded, and have ended by themselves.

    One that its group is ending (somebody scaled in) is no failure: the desired capacity says that it may go.
    """
    status, at, found = view.status, view.observation.at, []
    arriving = {name for name, server in status.servers_in_flight.items() if server.phase in _ARRIVING}
    for name in sorted((arriving | view.launched | set(status.reloading)) - set(status.retiring)):
        one = view.by_id.get(name)
        if one is not None and view.is_gone(one) and (one.lifecycle is None or view.is_still_listed(one)):
            why = one.state_reason or str(one.state)
            what = "ended during its reload" if name in status.reloading else "ended before it served"
            found.append(Failure(instance_id=name, cause=f"{what}: {why}", at=at))
    return tuple(found)


def _ill(view: View) -> list[Failure]:
    """Find new instances that were healthy and are not, while they were still watched: a canary's whole purpose.

    Watched is one within its minimum healthy time, and every verified one while a gate is closed or the fleet bakes.
    """
    status, at = view.status, view.observation.at
    watched = dict[str, str]()
    if view.rollout.limits.min_healthy_seconds:
        arriving = {ServerPhase.VERIFYING, ServerPhase.RETURNING}
        healthy = (
            name for name, one in status.servers_in_flight.items() if one.healthy_since and one.phase in arriving
        )
        watched |= dict.fromkeys(healthy, "within its minimum healthy time")
    if status.gate.closed_since is not None or status.gate.baking_since is not None:
        when = "while it baked" if status.gate.baking_since is not None else "at a checkpoint"
        watched |= dict.fromkeys(set(status.serving) - set(status.current_at_start), when)
    return [
        Failure(instance_id=name, cause=f"turned unhealthy {when}: {_complaint(view, one)}", at=at)
        for name, when in sorted(watched.items())
        if (one := view.by_id.get(name)) is not None and _is_ill(view, one)
    ]


def _is_ill(view: View, one: Instance) -> bool:
    unhealthy = any(target.state is TargetState.UNHEALTHY for target in one.targets)
    return unhealthy and one.instance_id not in view.leaving and not view.is_ending(one)


def _complaint(view: View, one: Instance) -> str:
    details = [
        f"{_target_group_name(view, target.key.target_group)}:{target.key.port} {target.state}"
        + (f" ({target.reason}: {target.description})" if target.reason else "")
        for target in one.targets
        if target.state is not TargetState.HEALTHY
    ]
    return ", ".join(details)


def _owed(view: View) -> list[Failure]:
    """Instances that EC2 or the group should have launched and has not."""
    status, at = view.status, view.observation.at
    since = status.shortage.since
    if since is None or at - since < timedelta(seconds=view.rollout.limits.launch_seconds):
        return []
    why = status.shortage.reason or "no reason given"
    cause = f"no new instance within {view.rollout.limits.launch_seconds:g} s: {why}"
    return [Failure(instance_id="", cause=cause, at=at)]


def _stuck(view: View) -> list[Failure]:
    limit, at = view.rollout.limits.progress_seconds, view.observation.at
    if at - view.status.progress_at < timedelta(seconds=limit):
        return []
    return [Failure(instance_id="", cause=f"no progress for {limit:g} s", at=at, final=True)]
