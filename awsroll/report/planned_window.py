"""When a planned rollout may go on, and whether it ends before its windows close. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from awsroll.core.model.observation import Observation


class Fit(StrEnum):
    """Whether the rollout ends before the windows close again."""

    INSIDE = "inside"  # nine of ten rollouts take less time
    PERHAPS = "perhaps"
    NOT_INSIDE = "not inside"  # nine of ten take longer
    UNKNOWN = "unknown"  # no opening is known


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedWindow:
    """The opening in which a rollout may go on next.

    Attributes:
        opens_at: when it opens; None: it is open now, or no opening is known.
        closes_at: when it closes; None: not in the foreseeable future, or no opening is known.
        fits: whether the rollout ends before that.
        reason: what the rollout waits for; empty if it is open now.
    """

    opens_at: datetime | None
    closes_at: datetime | None
    fits: Fit
    reason: str = ""


def planned_window(observation: Observation, *, low: float, high: float) -> PlannedWindow | None:
    """Return when a rollout may go on; None if it follows no windows and freezes.

    Args:
        observation: the fleet, with the schedule of the rollout.
        low: the shortest expected duration in seconds.
        high: the longest.
    """
    schedule = observation.schedule
    if schedule is None:
        return None
    opens_at = None if schedule.is_open else schedule.changes_at
    if not schedule.is_open and opens_at is None:
        return PlannedWindow(opens_at=None, closes_at=None, fits=Fit.UNKNOWN, reason=schedule.reason)
    closes_at = schedule.closes_at
    left = None if closes_at is None else (closes_at - (opens_at or observation.at)).total_seconds()
    fits = Fit.INSIDE if left is None or high <= left else Fit.NOT_INSIDE if low > left else Fit.PERHAPS
    return PlannedWindow(opens_at=opens_at, closes_at=closes_at, fits=fits, reason=schedule.reason)
