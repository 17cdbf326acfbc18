"""Whose wish the group's desired capacity is.

Our own calls move it (a launch raises it, terminate-with-decrement and standby lower it), and so may people, schedules
and alarms at any time. `Desired.expected` follows our calls; a look that shows something else is somebody's wish, and
from then on the goal: our surge is not subtracted from it. While a call of ours that moves it has no known outcome, or
an answered one may not show yet, nothing is read into the number.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from awsroll.core.classify.view import LAG_SECONDS, View
from awsroll.core.model.status import CallKind, Desired, Status

_MOVING = (
    CallKind.TERMINATE_AND_DECREMENT,
    CallKind.ENTER_STANDBY,
    CallKind.EXIT_STANDBY,
    CallKind.SET_DESIRED,
)


def read(view: View) -> Status:
    """Bring `Desired` up to this look."""
    status, group, at = view.status, view.observation.group, view.observation.at
    if group is None:
        return status
    known = status.desired
    if known is None:
        found = Desired(goal=group.desired, expected=group.desired, previous=group.desired, moved_at=at)
        return replace(status, desired=found)
    if group.desired == known.expected or is_moving(status):
        return status
    low, high = sorted((known.previous, known.expected))
    if at - known.moved_at < timedelta(seconds=LAG_SECONDS) and low <= group.desired <= high:
        return status
    change_user_requests = replace(
        known, goal=group.desired, expected=group.desired, previous=group.desired, moved_at=at
    )
    return replace(status, desired=change_user_requests, progress_at=at)


def is_moving(status: Status) -> bool:
    """Tell whether a call of ours that moves desired has no known outcome."""
    waiting = any(call.kind in _MOVING and not call.answered for call in status.calls)
    return waiting or any(not launch.settled for launch in status.launches)


def moved(status: Status, by: int, at: datetime) -> Status:
    """Note that a call of ours has moved desired by `by`."""
    if status.desired is None or by == 0:
        return status
    known, expected = status.desired, status.desired.expected + by
    before = [known.expected]
    if at - known.moved_at < timedelta(seconds=LAG_SECONDS):
        before.append(known.previous)  # a look may be older than several moves
    furthest = max(before, key=lambda value: abs(value - expected))
    return replace(status, desired=replace(known, previous=furthest, expected=expected, moved_at=at))


def raised_unseen(view: View) -> int:
    """Return the desired capacity that we have given the group a moment ago, where this look may be older; else 0."""
    known, group, at = view.status.desired, view.observation.group, view.observation.at
    if known is None or group is None or at - known.moved_at >= timedelta(seconds=LAG_SECONDS):
        return 0
    return known.expected if known.previous <= group.desired < known.expected else 0


def surplus(view: View) -> int:
    """Return by how much desired stands above its goal by our doing; members in our standby are owed to it."""
    known = view.status.desired
    if known is None:
        return 0
    return known.expected + len(_out(view, view.status.reloading)) - known.goal


def shortfall(view: View) -> int:
    """Return by how much desired stands below its goal for good: members that ended in standby take no way back."""
    known, status = view.status.desired, view.status
    if known is None or any(call.kind in _MOVING for call in status.calls):
        return 0
    return max(0, known.goal - known.expected - len(_out(view, (*status.reloading, *status.returning))))


def in_our_standby(view: View) -> tuple[str, ...]:
    """Return the members that we have put in standby, or that are on the way there."""
    status = view.status
    return _out(view, (*status.reloading, *status.returning, *status.kept))


def _out(view: View, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return which of these are in standby, each once, without those that a person had put there."""
    servers = view.status.servers
    return tuple(
        name
        for name in dict.fromkeys(names)
        if name in view.by_id
        and view.is_in_standby(view.by_id[name])
        and not (name in servers and servers[name].was_in_standby)
    )
