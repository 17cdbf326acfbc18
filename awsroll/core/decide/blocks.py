"""Keeps a rollout from starting anything new while its windows are closed or a freeze lasts.

What is in flight comes to its end. Then the rollout is at rest, as at a closed gate: the group takes care of itself
until the rollout goes on. A rollback and a stop are never blocked, and neither is a bake time: then nothing new starts.
"""

from dataclasses import dataclass
from datetime import datetime

from awsroll.core.classify.capacity import Capacity
from awsroll.core.classify.view import View
from awsroll.core.decide.gates import launches_left
from awsroll.core.decide.selection import can_pick
from awsroll.core.decide.zone_turns import zone_in_turn
from awsroll.core.lifecycle import note
from awsroll.core.model.replacing import replace
from awsroll.core.model.rollout_events import Event, EventName
from awsroll.core.model.status import Status
from awsroll.core.model.status_parts import Blocked


def note_block(view: View, capacity: Capacity) -> Status:
    """Record whether something keeps the rollout from starting anything new, and whether it is at rest then."""
    status, at = view.status, view.observation.at
    moving = bool(capacity.in_flight or view.leaving or view.returning or status.calls)
    cause, known = _cause(view, capacity, moving=moving), status.blocked
    if cause is None:
        return unblocked(status)
    blocked = Blocked(
        reason=cause.reason,
        since=at if known is None else known.since,
        until=cause.changes_at,
        rests=not moving or (known is not None and known.rests),
    )
    if known is None:
        status = note(status, Event(name=EventName.BLOCKED, fields={"reason": cause.reason}))
    return replace(
        status, blocked=blocked, progress_at=at if blocked.rests and cause.is_patient else status.progress_at
    )


def unblocked(status: Status) -> Status:
    """Return the record of a rollout that may go on."""
    if status.blocked is None:
        return status
    return note(replace(status, blocked=None), Event(name=EventName.UNBLOCKED))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cause:
    """What blocks a rollout.

    Attributes:
        is_patient: the wait may take as long as it takes. Otherwise it ends with the time without progress.
    """

    reason: str
    changes_at: datetime | None = None
    is_patient: bool = True


def _cause(view: View, capacity: Capacity, *, moving: bool) -> _Cause | None:
    """Return what blocks the rollout; None if nothing does, or nothing is left to start."""
    gates, schedule = view.rollout.gates, view.observation.schedule
    if view.status.rolling_back or not (gates.is_scheduled or gates.by_zone):
        return None
    if not view.candidates and len(view.outdated) <= len(view.skipped):
        return None  # nothing is left to start
    follows = gates.is_scheduled and not view.status.user_requests.override
    if follows and schedule is not None and not schedule.is_open:
        return _Cause(reason=schedule.reason, changes_at=schedule.changes_at)
    if not gates.by_zone:
        return None
    if shifted := sorted(view.shifted_zones.union(view.status.shortage.shifted)):
        return _Cause(reason=f"the end of the zonal shift away from {', '.join(shifted)}")
    return _other_zones(view, capacity, moving=moving)


def _other_zones(view: View, capacity: Capacity, *, moving: bool) -> _Cause | None:
    """Return that servers of other zones are missing, so that no server of the zone in turn can be spared.

    At rest the group replaces them.
    """
    zone, blocked = zone_in_turn(view), view.status.blocked
    rests = blocked is not None and blocked.rests
    if not zone or view.status.gate.closed_since is not None or (moving and not rests):
        return None
    free = view.with_status(replace(view.status, blocked=None))
    missing = capacity.serving < capacity.limits.desired
    surges = not rests and capacity.limits.max_surge > 0 and launches_left(free, capacity) > 0
    if not missing or surges or can_pick(free, capacity):
        return None
    return _Cause(reason=f"servers outside {zone} to serve again", is_patient=False)
