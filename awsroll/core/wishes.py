"""What people want of a rollout that runs elsewhere: said from another process or machine, kept beside its record.

Values only. What a wish means is the planner's part; keeping it is a store's.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """All that people have asked of one rollout so far.

    Attributes:
        pause: stop at the next safe point.
        abort: settle what is in flight, restore the settings, end.
        rollback: take the fleet back to its baseline.
        approved: how many gates and checkpoints have been approved so far.
        rejected: somebody has said no at a gate.
    """

    pause: bool = False
    abort: bool = False
    rollback: bool = False
    approved: int = 0
    rejected: bool = False
