"""When to observe again: as soon as something can have changed, not on a beat.

A wait has a usual length: AWS drains for the deregistration delay, and the servers of one fleet boot and become healthy
in about the same time. So the next observation is due when the first of the waits can be over, as far as this rollout
has seen. If it is not over then, awsroll looks again after a small share of the time that it has taken already.

No wait is longer than `LONGEST_SECONDS`: servers fail at any time, and people change the fleet. What decides about a
server is never older, because each choice of a server is made in an observation of the whole fleet.
"""

from collections.abc import Collection, Iterator
from datetime import datetime

from awsroll.core.classify.draining import CONFIRM_SECONDS, drain_seconds
from awsroll.core.classify.new_flows import seconds_of_new_flows
from awsroll.core.classify.view import View
from awsroll.core.decide import gates
from awsroll.core.model.observation import FleetKind, Lifecycle
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.plan import Hold
from awsroll.core.model.reasons import Reason
from awsroll.core.model.rhythm import Awaited, Seen, due
from awsroll.core.model.server_record import Server
from awsroll.core.observe import clocks
from awsroll.core.observe.early_drains import is_probed, may_end_early
from awsroll.core.observe.judging import seconds_until_sample
from awsroll.core.observe.learn_rhythm import awaited

LONGEST_SECONDS = 100.0
_SHORTEST_SECONDS = 1.0
_TOGETHER_SECONDS = 2.0  # what is due within this time after the first is observed with it

# If a wait can be over: the least seconds until the next look, and the share of the time waited until now. The end of a
# server comes long after its drain began, so there the share is of the time since it was due.
_LATE: dict[Awaited, tuple[float, float]] = {
    Awaited.BOOT: (1.5, 0.05),
    Awaited.ARRIVAL: (1.5, 0.05),
    Awaited.HEALTH: (1.5, 0.05),
    Awaited.COMMAND: (1.5, 0.05),
    Awaited.DRAIN: (1.0, 0.01),
    Awaited.EXIT: (5.0, 0.3),
}
# The same until the first server has shown how long it takes, and the seconds until the first look.
_UNKNOWN: dict[Awaited, tuple[float, float, float]] = {
    Awaited.BOOT: (6, 0.12, 24),
    Awaited.ARRIVAL: (6, 0.12, 30),
    Awaited.HEALTH: (2, 0.15, 2),
    Awaited.COMMAND: (2, 0.1, 2),
    Awaited.DRAIN: (1, 0.01, 0),
    Awaited.EXIT: (5, 0.1, 0),
}
# What has no usual length: the least seconds until the next look. It grows with the time without progress.
_BEATS: dict[Reason, float] = {
    Reason.DRAINING: 5,
    Reason.TERMINATING: 5,
    Reason.LAUNCHING: 4,
    Reason.VERIFYING: 3,
    Reason.RUNNING_COMMAND: 3,
    Reason.RUNNING_HOOK: 3,  # a hook in this process wakes its driver when it ends
    Reason.SETTLING: 3,
    Reason.CAPACITY: 5,
    Reason.SKIPPED: 30,
    Reason.CHECKPOINT: 15,
    Reason.APPROVAL: 5,
    Reason.JUDGING: 5,
    Reason.BAKING: 15,
    Reason.BLOCKED: LONGEST_SECONDS,
}
_BEAT_SECONDS = 5.0
_BEAT_SHARE, _LONGEST_BEAT_SECONDS = 0.1, 30.0
_PROBE_STARTS_SECONDS = 4.0  # until SSM has delivered a script
_SLACK = {Awaited.BOOT: 1.0, Awaited.ARRIVAL: 1.0}  # EC2 tells the second of a launch
_PRESENT = (Lifecycle.PENDING, Lifecycle.IN_SERVICE)
_FOR_LAUNCHES = (Reason.LAUNCHING, Reason.CAPACITY)
_STEADY = frozenset(
    {
        Reason.SETTLING,
        Reason.APPROVAL,
        Reason.CHECKPOINT,
        Reason.JUDGING,
        Reason.SKIPPED,
        Reason.BLOCKED,
    }
)


def seconds_until_next_look(view: View, holds: Collection[Hold]) -> float:
    """Return in how many seconds to observe again: when something that is awaited can have changed."""
    launches = dict(_launch_waits(view))
    held = {name for hold in holds if hold.reason is Reason.CAPACITY for name in hold.instance_ids}
    waits_of_servers = _server_waits(view, exits=False)
    by_name = launches | {name: seconds for name, seconds in waits_of_servers if name not in held}
    awaited_holds = tuple(hold for hold in holds if hold.reason is not Reason.TERMINATING)
    if not by_name and not awaited_holds:
        by_name, awaited_holds = dict(_server_waits(view, exits=True)), tuple(holds)
    beats = [
        _beat(view, hold)
        for hold in awaited_holds
        if not (launches and hold.reason in _FOR_LAUNCHES) and not any(name in by_name for name in hold.instance_ids)
    ]
    waits = [*by_name.values(), *beats, *_owed_waits(view), *_known_ends(view)]
    first = min(waits, default=_BEAT_SECONDS)
    together = max((seconds for seconds in waits if seconds <= first + _TOGETHER_SECONDS), default=first)
    seconds = min(max(together, _SHORTEST_SECONDS), _longest(view))
    poll = view.rollout.limits.poll_seconds
    return seconds if poll is None else min(seconds, poll)


def _server_waits(view: View, *, exits: bool) -> Iterator[tuple[str, float]]:
    """Yield the servers in flight whose wait has a usual length, and in how many seconds it can be over.

    Args:
        view: the observation.
        exits: servers that end, instead of all the others. Nothing follows from their end but the end of the rollout.
    """
    for name, server in view.status.servers_in_flight.items():
        if (server.phase is ServerPhase.TERMINATING) is exits:
            waits = [_until_over(view, name, server), _until_early(view, name, server)]
            known = [seconds for seconds in waits if seconds is not None]
            if known:
                yield name, min(known)


def _until_over(view: View, name: str, server: Server) -> float | None:
    at, arriving = view.observation.at, server.phase in (ServerPhase.LAUNCHING, ServerPhase.VERIFYING)
    if arriving and server.healthy_since is not None:
        return _until_steady(view, server)
    if server.gone_since is not None and server.deregistered_at is not None:
        left = CONFIRM_SECONDS - (at - server.gone_since).total_seconds()
        return left if left > 0 and not seconds_of_new_flows(view, server) else None
    wait = awaited(view, server, view.by_id.get(name))
    if wait is None:
        return None
    kind, since = wait
    return _until_due(view, kind, (at - since).total_seconds())


def _until_early(view: View, name: str, server: Server) -> float | None:
    """Return in how many seconds a probe can start, or can have ended the drain; None if there is no (more) probe."""
    since, limits = server.last_deregistration, view.rollout.limits
    if server.phase is not ServerPhase.DRAINING or since is None or not may_end_early(view, name):
        return None
    if not (server.draining_seen and is_probed(view, name)):
        return _SHORTEST_SECONDS
    waited = (view.observation.at - since).total_seconds()
    first = limits.drain_floor_seconds
    if server.quiet_at is None:
        first = max(first, limits.drain_quiet_seconds + _PROBE_STARTS_SECONDS)
    return first - waited if waited < first else max(_BEATS[Reason.RUNNING_HOOK], _BEAT_SHARE * (waited - first))


def _launch_waits(view: View) -> Iterator[tuple[str, float]]:
    """Yield the launched instances that no observation has shown yet, and in how many seconds each can be ready."""
    kind = Awaited.ARRIVAL if view.rollout.kind is FleetKind.AUTO_SCALING else Awaited.BOOT
    for launch in view.status.launches:
        for name in launch.instance_ids:
            if not view.is_shown(name):
                yield name, _until_due(view, kind, (view.observation.at - launch.at).total_seconds())


def _owed_waits(view: View) -> Iterator[float]:
    """Yield in how many seconds a member can be shown that the group has yet to launch."""
    group = view.observation.group
    if group is None:
        return
    present = sum(1 for one in view.observation.instances if one.lifecycle in _PRESENT and not view.is_gone(one))
    if present < group.desired:
        yield _beat(view, Hold(reason=Reason.CAPACITY))


def _until_due(view: View, kind: Awaited, waited: float) -> float:
    seen = _known(view, kind)
    if seen is None:
        least, share, first = _UNKNOWN[kind]
        if kind is Awaited.HEALTH:  # it changes only at a health check
            interval = max((group.health_interval_seconds for group in view.observation.target_groups), default=0)
            least = max(least, interval / 4)
            first = 2 * least
        return max(first - waited, least, share * waited)
    least, share = _LATE[kind]
    left = due(seen) + _SLACK.get(kind, 0) - waited
    return left if left > 0 else max(least, share * (-left if kind is Awaited.EXIT else waited))


def _known(view: View, kind: Awaited) -> Seen | None:
    """Return how long a wait takes, by servers that have shown it and by the settings of the target groups."""
    groups, seen = view.observation.target_groups, view.status.rhythm.get(kind)
    if kind is Awaited.EXIT:
        groups = tuple(group for group in groups if group.managed)
    if kind not in (Awaited.DRAIN, Awaited.EXIT) or not groups:
        return seen
    seconds = max(drain_seconds(group) for group in groups)
    if seen is None or seen.done < seconds:
        return Seen(not_yet=seconds, done=seconds)
    return Seen(not_yet=max(seconds, seen.not_yet), done=seen.done)


def _until_steady(view: View, server: Server) -> float:
    """Return when a healthy server has been healthy for long enough, seen without a gap (`clocks.is_steady`)."""
    groups = view.observation.target_groups
    needed = max(view.rollout.limits.min_healthy_seconds, *(group.slow_start_seconds for group in groups), 0)
    since = server.healthy_since or view.observation.at
    left = needed - (view.observation.at - since).total_seconds()
    if left <= 0:
        return _BEATS[Reason.VERIFYING]
    return min(left, 1.5 * max((group.health_interval_seconds for group in groups), default=30))


def _beat(view: View, hold: Hold) -> float:
    least = _BEATS.get(hold.reason, _BEAT_SECONDS)
    if hold.reason is Reason.BAKING:
        interval = max((group.health_interval_seconds for group in view.observation.target_groups), default=least)
        return min(max(least, interval), _LONGEST_BEAT_SECONDS)
    if hold.reason in _STEADY:
        return least
    since = _begin_of_hooks(view) if hold.reason is Reason.RUNNING_HOOK else view.status.progress_at
    waited = (view.observation.at - since).total_seconds()
    return max(least, min(_BEAT_SHARE * waited, _LONGEST_BEAT_SECONDS))


def _begin_of_hooks(view: View) -> datetime:
    """Return when the last of the hooks that run was started."""
    began = (call.since for call in view.status.hooks.announced if call.since is not None)
    return max(began, default=view.observation.at)


def _known_ends(view: View) -> Iterator[float]:
    """Yield in how many seconds the gate opens, a put-off launch may be made, and a server has taken too long."""
    until_open = gates.seconds_until_open(view)
    if until_open is not None:
        yield until_open
    at = view.observation.at
    launch_after = view.status.shortage.launch_after
    if launch_after is not None and launch_after > at:
        yield (launch_after - at).total_seconds()
    until_sample = seconds_until_sample(view)
    if until_sample is not None:
        yield until_sample
    limits = {phase: clocks.deadline_seconds(view, phase) for phase in ServerPhase}
    for server in view.status.servers_in_flight.values():
        left = limits[server.phase] - (at - server.since).total_seconds()
        if left > 0:
            yield left
        if new_flows := seconds_of_new_flows(view, server):
            yield new_flows


def _longest(view: View) -> float:
    """Return the longest time between two observations: a server is seen at least once before its deadline."""
    limits = view.rollout.limits
    deadlines = (limits.drain_seconds, limits.launch_seconds, limits.healthy_seconds, limits.progress_seconds)
    return max(_SHORTEST_SECONDS, min(LONGEST_SECONDS, min(deadlines) / 2))
