"""An observation that the checks of a rollout have just made, so that its first step reads nothing a second time.

What was observed before the fleet was held decides only that a rollout has nothing to do. As soon as it has something
to do, the fleet is observed again.
"""

from dataclasses import dataclass

from awsroll.core.model.observation import Observation
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Mode, Status

_SECONDS = 10.0  # a fleet that had nothing to do so long ago has nothing to do
_SECONDS_TO_ACT = 2.0
_MOST_PASSES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownObservation:
    """An observation, and when it began.

    Attributes:
        at: seconds on the clock of this process.
        allows_changes: whether it was made while the fleet was held.
    """

    observation: Observation
    at: float
    allows_changes: bool

    def is_usable(self, now: float) -> bool:
        """Return whether a step may use it."""
        return now - self.at < (_SECONDS_TO_ACT if self.allows_changes else _SECONDS)


def has_nothing_to_do(rollout: Rollout, observation: Observation, status: Status) -> bool:
    """Return whether a rollout ends without a change, by this observation alone."""
    from awsroll.core.planner import plan  # noqa: PLC0415 - `awsroll plan` starts faster without

    for _ in range(_MOST_PASSES):
        planned = plan(rollout, observation, status)
        if planned.actions or planned.hooks:
            return False
        if planned.status.mode is Mode.ENDED:
            return True
        status = planned.status
    return False
