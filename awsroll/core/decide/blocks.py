"""Keeps a rollout from starting anything new while its windows are closed or a freeze lasts.

What is in flight comes to its end. Then the rollout is at rest, as at a closed gate: the group takes care of itself
until the rollout goes on. A rollback and a stop are never blocked, and neither is a bake time: then nothing new starts.
"""

from dataclasses import replace

from awsroll.core.classify.capacity import Capacity
from awsroll.core.classify.view import View
from awsroll.core.lifecycle import note
from awsroll.core.model.period import Schedule
from awsroll.core.model.rollout_events import Event, EventName
from awsroll.core.model.status import Status
from awsroll.core.model.status_parts import Blocked


def note_block(view: View, capacity: Capacity) -> Status:
    """Record whether something keeps the rollout from starting anything new, and whether it is at rest then."""
    status, at, cause = view.status, view.observation.at, _cause(view)
    known = status.blocked
    if cause is None:
        return status if known is None else unblocked(status)
    moving = bool(capacity.in_flight or view.leaving or view.returning or status.calls)
    blocked = Blocked(
        reason=cause.reason,
        since=at if known is None else known.since,
        until=cause.changes_at,
        rests=not moving or (known is not None and known.rests),
    )
    if known is None:
        status = note(status, Event(name=EventName.BLOCKED, fields={"reason": cause.reason}))
    return replace(status, blocked=blocked, progress_at=at if blocked.rests else status.progress_at)


def unblocked(status: Status) -> Status:
    """Return the record of a rollout that may go on."""
    if status.blocked is None:
        return status
    return note(replace(status, blocked=None), Event(name=EventName.UNBLOCKED))


def _cause(view: View) -> Schedule | None:
    """Return the schedule that is closed; None if nothing is blocked, or nothing is left to start."""
    schedule = view.observation.schedule
    if schedule is None or schedule.is_open or view.status.rolling_back:
        return None
    to_go = view.candidates or len(view.outdated) > len(view.skipped)
    return schedule if to_go and view.rollout.gates.is_scheduled else None
