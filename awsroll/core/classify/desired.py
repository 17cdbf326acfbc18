"""Tracks who changed the group's desired capacity: awsroll or someone else.

Calls of awsroll change it: a launch raises it, terminate-with-decrement and standby lower it. People, schedules and
alarms can change it at any time. `Desired.expected` follows awsroll's calls. Another observed value was set by someone
else and becomes the goal; the surge is not subtracted from it. While the outcome of a call that changes desired is
unknown, or its effect may not be visible yet, an observed difference means nothing.

Someone may also detach a member, terminate it or put it in standby, with a decrement. Such a call sets no value: it
lowers by one whatever the group has. The goal then moves by the same number, and the surge stays awsroll's. Example: a
group of 3 has a surge of 3, so its desired capacity is 6. Someone detaches a member: 5. The goal is 2, not 5.
"""

from datetime import datetime, timedelta

from awsroll.core.classify.instance_facts import LAG_SECONDS
from awsroll.core.classify.view import View
from awsroll.core.model.calls import LEAVING_CALLS, CallKind
from awsroll.core.model.observation import Lifecycle
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.replacing import replace
from awsroll.core.model.status import Status
from awsroll.core.model.status_parts import Desired

_OLDEST_ANSWER = timedelta(seconds=60)  # how old an answer of AWS can be, as far as is known
_MOVING = (
    CallKind.TERMINATE_AND_DECREMENT,
    CallKind.ENTER_STANDBY,
    CallKind.EXIT_STANDBY,
    CallKind.SET_DESIRED,
)


def read(view: View) -> Status:
    """Bring `Desired` up to date with this observation."""
    status, group, at = view.status, view.observation.group, view.observation.at
    if group is None:
        return status
    known = status.desired
    if known is None:
        initial = Desired(goal=group.desired, expected=group.desired, previous=group.desired, moved_at=at)
        return replace(status, desired=initial)
    if group.minimum > known.goal:  # awsroll never sets it so high: the group must have this many from now on
        known = replace(known, goal=group.minimum)
        status = replace(status, desired=known, progress_at=at)
    if group.desired == known.expected or is_moving(status):
        return status
    if is_outdated(view):
        return status
    low, high = sorted((known.previous, known.expected))
    if at - known.moved_at < timedelta(seconds=LAG_SECONDS) and low <= group.desired <= high:
        return status
    goal = group.desired
    if known.goal != known.expected and _was_moved_by_others(view, known.expected, group.desired):
        goal = max(group.minimum, known.goal + group.desired - known.expected)
    changed = replace(known, goal=goal, expected=group.desired, previous=group.desired, moved_at=at)
    return replace(status, desired=changed, progress_at=at)


def _was_moved_by_others(view: View, before: int, after: int) -> bool:
    """Return whether calls of other people on single members lead from one desired capacity to the other."""
    group, status = view.observation.group, view.status
    moves = () if group is None else group.capacity_moves
    ours = {call.instance_id for call in status.calls} | {*status.reloading, *status.returning}
    ours.update(status.in_phase(ServerPhase.TERMINATING))
    steps = {(move.before, move.after) for move in moves if move.instance_id not in ours}
    reached = {before}
    while new := {end for start, end in steps if start in reached} - reached:
        reached |= new
    return after in reached


def is_moving(status: Status) -> bool:
    """Return whether a call of awsroll that changes desired has no known outcome."""
    waiting = any(call.kind in _MOVING and not call.answered for call in status.calls)
    return waiting or any(not launch.settled for launch in status.launches)


def is_outdated(view: View) -> bool:
    """Return whether the group's answer is older than awsroll's last calls: it lacks what they have changed.

    A launched instance is no member yet, or a terminated member is still in service. For example after LaunchInstances
    for the members 5 to 8, an answer with 4 members and the desired capacity 4 was not set by someone else. Someone may
    have detached the instance, so this holds for a minute only.
    """
    known, at = view.status.desired, view.observation.at
    if known is None or at - known.moved_at >= _OLDEST_ANSWER:
        return False
    members = {one.instance_id: one.lifecycle for one in view.observation.instances if one.lifecycle is not None}
    ended = (call.instance_id for call in view.status.calls if call.answered and call.kind in LEAVING_CALLS)
    if any(members.get(name) is Lifecycle.IN_SERVICE for name in ended):
        return True
    return any(name not in members and not _has_ended(view, name) for name in view.launched)


def _has_ended(view: View, name: str) -> bool:
    instance = view.by_id.get(name)
    return instance is not None and view.is_gone(instance)


def moved(status: Status, by: int, at: datetime) -> Status:
    """Record that a call of awsroll has changed desired by `by`."""
    if status.desired is None or by == 0:
        return status
    known, expected = status.desired, status.desired.expected + by
    before = [known.expected]
    if at - known.moved_at < timedelta(seconds=LAG_SECONDS):
        before.append(known.previous)  # an observation may be older than several changes
    furthest = max(before, key=lambda value: abs(value - expected))
    return replace(status, desired=replace(known, previous=furthest, expected=expected, moved_at=at))


def raised_unseen(view: View) -> int:
    """Return the desired capacity that awsroll has just raised and this observation may not show yet; otherwise 0."""
    known, group, at = view.status.desired, view.observation.group, view.observation.at
    if known is None or group is None:
        return 0
    if is_outdated(view):
        return known.expected if group.desired < known.expected else 0
    if at - known.moved_at >= timedelta(seconds=LAG_SECONDS):
        return 0
    return known.expected if known.previous <= group.desired < known.expected else 0


def surplus(view: View) -> int:
    """Return by how much awsroll has raised desired above its goal, counting the members that it put in standby."""
    known = view.status.desired
    if known is None:
        return 0
    return known.expected + len(_put_in_standby(view, view.status.reloading)) - known.goal


def shortfall(view: View) -> int:
    """Return by how much desired stays below its goal: members that ended in standby do not raise it again."""
    known, status = view.status.desired, view.status
    if known is None or any(call.kind in _MOVING for call in status.calls):
        return 0
    away = _put_in_standby(view, (*status.reloading, *status.returning))
    return max(0, known.goal - known.expected - len(away))


def in_our_standby(view: View) -> tuple[str, ...]:
    """Return the members that awsroll has put in standby, or that are entering it."""
    status = view.status
    return _put_in_standby(view, (*status.reloading, *status.returning, *status.kept))


def _put_in_standby(view: View, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return which of these members awsroll has put in standby, each once."""
    servers = view.status.servers
    return tuple(
        name
        for name in dict.fromkeys(names)
        if name in view.by_id
        and view.is_in_standby(view.by_id[name])
        and not (name in servers and servers[name].was_in_standby)
    )
