"""What people ask of a rollout while it runs, from any process or machine.

Each is a fact that stays until it is taken back, so that reading it twice, or late, is harmless. The store keeps them
beside the record; the controller copies them into the status before each step, and the planner heeds them.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRequests:
    """What people have asked for.

    Attributes:
        pause: come to rest at the next safe point and wait; taken back by `resume`.
        abort: settle what is in flight, restore the settings, and end with the fleet mixed.
        rollback: take the fleet back to the baseline.
        approved: so many gates were approved.
        rejected: a person has said no at a gate: that is a failure.
        resumed: so many times a person has had it go on, for whoever drives it step by step.
    """

    pause: bool = False
    abort: bool = False
    rollback: bool = False
    approved: int = 0
    rejected: bool = False
    resumed: int = 0

    def approving(self, gate: int) -> "UserRequests":
        """Return these wishes with a gate approved, counted from 1."""
        return replace(self, approved=max(self.approved, gate), rejected=False)

    def going_back(self) -> "UserRequests":
        """Return these wishes with the fleet to be taken back."""
        return replace(self, rollback=True, abort=False, pause=False)
