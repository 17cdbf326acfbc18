"""How long the servers of a past rollout took until they served, read from its course. Pure.

A course shows a new server only once an observation shows it. Its launch is known from what made room for it: the
k-th new server is launched when the (k - surge)-th old one leaves, and the first ones at the start.
"""

import math
from collections.abc import Iterable

from awsroll.core.model.phases import ServerPhase, UntouchedServer
from awsroll.core.model.rollout_events import EventName
from awsroll.core.timeline.course import Course, Lane

_LEAVES = (ServerPhase.DRAINING, ServerPhase.TERMINATING, ServerPhase.KEPT, None)
_SERVES = (UntouchedServer.CURRENT,)


def arrivals(course: Course) -> tuple[float, ...]:
    """Return for each new server how long it took from its launch until it served, in seconds."""
    lanes = [lane for lane in course.lanes if lane.stays]
    first = min((lane.stays[0].at for lane in lanes), default=0.0)  # the first observation is not exactly at the start
    old = [lane for lane in lanes if lane.stays[0].at == first]
    leaving = sorted(at for lane in old if (at := _first(lane, _LEAVES)) is not None)
    new = sorted(((lane.stays[0].at, lane) for lane in lanes if lane.stays[0].at > first), key=_seen)
    surge = _surge(course)
    opened = [fact.at for fact in course.facts if fact.name == EventName.CHECKPOINT_PASSED]
    found = []
    for number, (seen, lane) in enumerate(new):
        served, made_room = _first(lane, _SERVES), number - surge
        if served is not None and made_room < len(leaving):
            left = leaving[made_room] if made_room >= 0 else first
            launched = max([left, *(at for at in opened if at <= seen)])
            found.append(round(served - min(launched, seen), 1))
    return tuple(found)


def reloads(course: Course, drain: float) -> tuple[float, ...]:
    """Return for each reloaded server how long it took from the end of its drain until it served, in seconds.

    Args:
        course: the course.
        drain: how long a server drains, in seconds.
    """
    found = []
    for lane in course.lanes:
        left = _first(lane, (ServerPhase.DRAINING,))
        served = None if left is None else _first(lane, _SERVES, since=left)
        if left is not None and served is not None:
            found.append(round(max(0.0, served - left - drain), 1))
    return tuple(found)


def _seen(seen: tuple[float, Lane]) -> float:
    return seen[0]


def _surge(course: Course) -> int:
    first = course.samples[0][1] if course.samples else None
    return 0 if first is None else max(0, first.ceiling - first.desired)


def _first(
    lane: Lane, states: Iterable[ServerPhase | UntouchedServer | None], *, since: float = -math.inf
) -> float | None:
    wanted = tuple(states)
    return next((stay.at for stay in lane.stays if stay.state in wanted and stay.at >= since), None)
