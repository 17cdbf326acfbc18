"""A fake fleet whose calls take time, and whose steps act for ten seconds only, as on AWS."""

from collections.abc import Sequence

from awsroll.core.model.action_results import Result
from awsroll.core.model.actions import Action
from awsroll.core.model.observation import Observation
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Status
from awsroll.fleets.execute import execute_in_order
from awsroll.testing.fleet import FakeFleet


class SlowFleet(FakeFleet):
    """A fake fleet that makes one call for each action. Calls without a batch are the worst case for every clock.

    Attributes:
        call_seconds: how long one call takes.
    """

    call_seconds = 0.15

    def observe(self, rollout: Rollout, status: Status) -> Observation:
        seen = super().observe(rollout, status)
        self.clock.sleep(self.call_seconds)
        return seen

    def execute(self, rollout: Rollout, actions: Sequence[Action]) -> tuple[Result, ...]:
        def call(action: Action) -> Result:
            self.clock.sleep(self.call_seconds)
            (result,) = super(SlowFleet, self).execute(rollout, (action,))
            return result

        return execute_in_order(actions, call, self.clock)
