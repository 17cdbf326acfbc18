"""The design's invariants, one function each, checked against the true state of the small fleet.

A violation is reported only if an action of awsroll makes the state worse. An observation shows the true state, and
nothing happens between an observation and its calls. So a call whose precondition does not hold is a violation,
although AWS would refuse the call.
"""

from collections.abc import Iterator
from typing import NamedTuple

from awsroll.core.classify.capacity import bounds
from awsroll.core.model import actions as act
from awsroll.core.model.actions import Action
from awsroll.core.model.observation import FleetKind, InstanceState, Lifecycle, TargetKey, TargetState
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_choices import SkipPolicy, Strategy
from awsroll.core.model.status import Mode, Outcome, Status
from tests.model.world import API, WEB, Server, World

_STANDBY = (Lifecycle.STANDBY, Lifecycle.ENTERING_STANDBY)


class Found(NamedTuple):
    """The initial fleet, and the request."""

    rollout: Rollout
    world: World


class Deed(NamedTuple):
    """One executed call: the state before and after it, and the record that announced it.

    Attributes:
        peaceful: no fault has happened so far.
    """

    action: Action
    before: World
    after: World
    status: Status
    peaceful: bool


def wrongs(found: Found, deed: Deed) -> Iterator[str]:
    """Return the invariants that one call broke."""
    yield from _floor(found, deed)
    yield from _ceiling(found, deed)
    yield from _requests(deed)
    yield from _not_ours(found, deed)
    yield from _checkpoint(found, deed)
    yield from _window(found, deed)
    yield from _half(found, deed)
    yield from _kept(found, deed)
    yield from _choice(deed)
    yield from _decrement(deed)
    yield from _marks(deed)


def _touched(deed: Deed) -> list[tuple[str, Server]]:
    """Return the servers that a call takes out, ends or reloads, as they were before."""
    action, servers = deed.action, dict(deed.before.servers)
    match action:
        case act.DeregisterTargets() | act.TerminateInstance():
            names = (action.instance_id,)
        case act.TerminateInGroup() | act.DetachFromGroup() | act.EnterStandby() | act.SendCommand():
            names = action.instance_ids
        case _:
            names = ()
    return [(name, servers[name]) for name in names if name in servers]


def newly_taken(found: Found, deed: Deed) -> list[str]:
    """Return the old servers that a call takes out of service, except in a rollback."""
    if deed.status.rolling_back or deed.status.mode is not Mode.ROLLING:
        return []
    goal = found.rollout.to_version if found.rollout.reloads else "new"
    return [
        name
        for name, server in _touched(deed)
        if server.serves and not server.taken and (server.code if found.rollout.reloads else server.version) != goal
    ]


def _serving(world: World) -> set[str]:
    return {name for name, server in world.servers if server.serves}


def _floor(found: Found, deed: Deed) -> Iterator[str]:
    """Check invariant 1: after servers leave service, the floor remains."""
    if isinstance(deed.action, act.RegisterTargets):
        return  # a member that is first registered in a further target group serves as before, and more is asked of it
    before, after = _serving(deed.before), _serving(deed.after)
    floor = bounds(found.rollout, deed.after.goal).floor
    if before - after and len(after) < floor:
        yield f"invariant 1: takes {sorted(before - after)}, {len(after)} serve, the floor is {floor}"
    for key in (WEB, API) if found.world.has_second else ():
        yield from _floor_of(key, deed, floor)


def _floor_of(key: TargetKey, deed: Deed, floor: int) -> Iterator[str]:
    """Check invariant 1 for one target group: no fit server leaves it while it is below the floor.

    A server that never served, or that is unhealthy in one target group, is no capacity wherever else it is healthy.
    """
    left = {name for name, server in deed.after.servers if server.serves_on(key)}
    taken = [name for name, server in deed.before.servers if server.serves_on(key) and server.fit]
    if (gone := sorted(set(taken) - left)) and len(left) < floor:
        yield f"invariant 1: takes {gone}, {len(left)} serve on {key.target_group}, the floor is {floor}"


def _live(found: Found, world: World) -> int:
    return sum(_is_live(found, server) for _, server in world.servers) + world.owed


def _is_live(found: Found, server: Server) -> bool:
    if not server.lives or server.is_set_aside or server.held in ("foreign", "standby"):
        return False
    return not server.out or found.rollout.keep_old or found.rollout.reloads


def _running(world: World) -> int:
    alive = (InstanceState.PENDING, InstanceState.RUNNING)
    return sum(one.state in alive and one.held not in ("foreign", "standby") for _, one in world.servers) + world.owed


def _ceiling(found: Found, deed: Deed) -> Iterator[str]:
    """Check invariant 2: launches of awsroll or its group stay below the ceiling and the cap.

    A server that returns to traffic may exceed the ceiling while the serving capacity is at its floor.
    """
    limits = bounds(found.rollout, deed.after.goal)
    was, now = _live(found, deed.before), _live(found, deed.after)
    returns = isinstance(deed.action, act.RegisterTargets) and len(_serving(deed.before)) <= limits.floor
    if now > was and now > limits.ceiling and not returns:
        yield f"invariant 2: {now} live or owed, the ceiling is {limits.ceiling}"
    was, now = _running(deed.before), _running(deed.after)
    if limits.max_running is not None and was < now > limits.max_running:
        yield f"invariant 2: {now} running or owed, the cap is {limits.max_running}"


def _requests(deed: Deed) -> Iterator[str]:
    """Check invariant 3: a server that ends or is reloaded holds no request."""
    if isinstance(deed.action, act.TerminateInstance | act.SendCommand):
        for name, server in _touched(deed):
            if server.target is not None or server.second is not None:
                yield f"invariant 3: {name} is {server.target} and {server.second}, it may hold a request"
    if isinstance(deed.action, act.TerminateInGroup):
        for name, server in _touched(deed):
            if server.second is not None:
                yield f"invariant 3: {name} is {server.second} where its group does not drain it"


def _not_ours(found: Found, deed: Deed) -> Iterator[str]:
    """Check invariant 4: awsroll touches only servers that it may touch."""
    for name, server in _touched(deed):
        policy = found.rollout.standby if server.held == "standby" else found.rollout.protected
        if server.held and (server.held == "foreign" or policy is not SkipPolicy.REPLACE):
            yield f"invariant 4: {name} is {server.held}"


def _checkpoint(found: Found, deed: Deed) -> Iterator[str]:
    """Check invariant 5: the open gates allow all touched old servers and all launched new servers."""
    gates, status = found.rollout.gates, deed.status
    opened = deed.before.approved if gates.needs_approval else status.gate.passed
    if status.rolling_back or status.mode is not Mode.ROLLING or opened >= len(gates.checkpoints):
        return
    limit = max(1, gates.checkpoints[opened].rounded_down(deed.after.goal))
    touched = deed.before.touched + len(newly_taken(found, deed))
    if newly_taken(found, deed) and touched > limit:
        yield f"invariant 5: {touched} old servers touched, the gate is at {limit}"
    if isinstance(deed.action, act.LaunchInstance | act.LaunchInGroup):
        new = sum(server.version == "new" and server.lives and not server.sick for _, server in deed.after.servers)
        before = sum(server.version == "new" and server.lives and not server.sick for _, server in deed.before.servers)
        if before < new > limit:
            yield f"invariant 5: {new} new servers launched, the gate is at {limit}"


def _window(found: Found, deed: Deed) -> Iterator[str]:
    """Check that the servers in flight stay within the window, as long as no fault has happened."""
    fresh = [name for name, server in _touched(deed) if not server.taken and server.version == "old"]
    if not deed.peaceful or not fresh or deed.status.mode is not Mode.ROLLING:
        return
    world, window = deed.after, bounds(found.rollout, deed.after.goal).window
    out = sum(_is_out(found, server) for name, server in world.servers if server.taken or name in fresh)
    if found.rollout.kind is FleetKind.STANDALONE and not (found.rollout.keep_old or found.rollout.reloads):
        out = max(0, world.goal - _live(found, world))  # empty places, also while their servers drain
    out += sum(server.version == "new" and not server.serves for _, server in world.servers if server.lives)
    if out > window:
        yield f"the window: {out} servers are in flight, it is {window}"


def _is_out(found: Found, server: Server) -> bool:
    if not server.lives or server.serves:
        return False
    registered = server.target is not None or server.second is not None
    return found.rollout.reloads or registered or server.life is Lifecycle.ENTERING_STANDBY


def _half(found: Found, deed: Deed) -> Iterator[str]:
    """Check double-half: no old server leaves before all new servers serve."""
    if found.rollout.strategy is Strategy.DOUBLE_HALF and newly_taken(found, deed) and not deed.before.touched:
        old = sum(server.version == "old" and server.serves for _, server in deed.after.servers)
        if old >= deed.after.goal:  # the group has launched the old version beyond its goal
            return
        new = sum(server.version == "new" and server.serves for _, server in deed.before.servers)
        held = sum(bool(server.held) for _, server in deed.before.servers)
        if new < deed.before.goal - held:
            yield f"double-half: an old server goes while {new} of {deed.before.goal} new ones serve"


def _kept(found: Found, deed: Deed) -> Iterator[str]:
    """Check that servers kept for a rollback run until the bake time has passed."""
    status = deed.status
    if not found.rollout.keep_old or status.rolling_back or status.gate.baked or status.mode is not Mode.ROLLING:
        return
    if isinstance(deed.action, act.TerminateInstance | act.TerminateInGroup):
        for name, server in _touched(deed):
            if server.version == "old" and server.lives and name not in status.failed:
                yield f"keep-old: {name} is ended before the bake time has passed"


def _choice(deed: Deed) -> Iterator[str]:
    """Check that desired is never lowered so far that the group would end members."""
    if isinstance(deed.action, act.SetDesiredCapacity) and deed.after != deed.before:
        counted = sum(server.counted for _, server in deed.after.servers)
        if counted > deed.after.group.desired < deed.before.group.desired:
            yield f"the group is made to end {counted - deed.after.group.desired} members of its own choice"


def _decrement(deed: Deed) -> Iterator[str]:
    """Check that terminations never lower desired below its goal; servers in our standby count towards it."""
    if isinstance(deed.action, act.TerminateInGroup) and deed.after.group.desired < deed.before.group.desired:
        ours = sum(server.life in _STANDBY and not server.held for _, server in deed.after.servers)
        if deed.after.group.desired + ours < deed.after.goal:
            yield f"desired falls to {deed.after.group.desired}, it should be {deed.after.goal}"


def _marks(deed: Deed) -> Iterator[str]:
    """Check invariant 12: no member that serves loses its place because of a mark, once its group acts on marks again.

    A second mark of a server is right: the group has found a new failure.
    """
    if not isinstance(deed.action, act.ResumeProcesses) or "ReplaceUnhealthy" not in deed.action.processes:
        return
    for name, server in deed.before.servers:
        record = deed.status.servers.get(name)
        is_known = record is not None and (record.mark_cleared or record.failed)
        if server.marked and server.serves and not is_known:
            yield f"invariant 12: {name} serves and is marked, and the group may replace it now"


# --- the end ------------------------------------------------------------------------------------------------------


def end_wrongs(found: Found, world: World, status: Status) -> Iterator[str]:
    """Return the problems of the fleet after the end of a rollout."""
    yield from _set_aside(found, world, status)
    for name, server in world.servers:
        if server.lives and not server.held and not server.is_set_aside and _is_lost(server):
            yield f"invariant 7: {name} is left outside the fleet: {server}"
    if world.settings is not None:
        yield from _settings(found, world, status)
    if status.outcome is Outcome.STOPPED:
        return
    goal = "old" if status.rolling_back else "new"
    for name, server in world.servers:
        launched_since = found.rollout.reloads and not server.role  # a reload does not survive a scale-out
        is_left = server.held or launched_since or server.is_set_aside
        if server.lives and not is_left and not _is_on(found, server, goal):
            yield f"{status.outcome}, but {name} is not on the {goal} version: {server}"


def _set_aside(found: Found, world: World, status: Status) -> Iterator[str]:
    """Check that at most as many failed servers are kept as asked for, and that the record names each of them."""
    kept = {name for name, server in world.servers if server.lives and server.is_set_aside}
    if len(kept) > found.rollout.keep_failed:
        yield f"{sorted(kept)} are kept for inspection, {found.rollout.keep_failed} were asked for"
    if unnamed := kept - {one.instance_id for one in status.kept_failed}:
        yield f"{sorted(unnamed)} are kept for inspection, and the record does not say so"


def _is_on(found: Found, server: Server, goal: str) -> bool:
    if not found.rollout.reloads:
        return server.version == goal
    return (server.code == found.rollout.to_version) is (goal == "new")


def _is_lost(server: Server) -> bool:
    out = (None, TargetState.DRAINING)
    if server.life is None:
        is_out = server.target in out or (server.needs_second and server.second in out)
        return is_out or server.state is InstanceState.PENDING
    if server.taken and server.needs_second and server.second in out:
        return True
    return server.life in _STANDBY


def _settings(found: Found, world: World, status: Status) -> Iterator[str]:
    """Check invariant 6: the group's settings are restored, or a warning says why not."""
    now, before = world.group, found.world.group
    if now.desired != world.goal and not status.warnings:
        yield f"invariant 6: desired is {now.desired}, should be {world.goal}"
    if now.minimum != before.minimum or now.maximum != max(before.maximum, world.goal):
        yield f"invariant 6: bounds are {now.minimum}..{now.maximum}"
    if now.suspended != before.suspended or now.saved_settings or status.settings.found:
        yield f"invariant 6: left: {sorted(now.suspended)} {sorted(now.saved_settings)} {status.settings.found}"
    right = {"new"} if status.outcome is Outcome.SUCCEEDED and not found.rollout.reloads else {"old"}
    if now.version not in right:
        yield f"invariant 6: the group launches the {now.version} version"
