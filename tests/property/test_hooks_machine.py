"""The same rollouts with hooks at every point: hooks take long, fail, and are lost when the process dies.

The invariants hold, a rollout ends once its hooks succeed again, and no hook blocks a rollback.
"""

from dataclasses import replace

from hypothesis import settings, strategies as st
from hypothesis.stateful import initialize, rule

from awsroll.core.model.hooks import Hook, HookPoint
from awsroll.core.model.rollout import Rollout
from awsroll.preflight.hook_checks import refused_points
from tests.property.requests import Asked, Found, begun, founds, requests
from tests.property.test_rollout_machine import PROFILE, RolloutMachine

POINTS = st.sampled_from(list(HookPoint))


def hooks_of(rollout: Rollout) -> tuple[Hook, ...]:
    """Return one hook for every point that the rollout reaches."""
    every = [Hook(point=one, name=str(one), command=("true",), timeout_seconds=90) for one in HookPoint]
    if rollout.reloads:
        every = [one for one in every if one.point is not HookPoint.AFTER_LAUNCH]
    return tuple(one for one in every if not refused_points(rollout, (one,)))


class HookedMachine(RolloutMachine):
    """One rollout with hooks, and its environment."""

    @initialize(found=founds, asked=requests)
    def begin(self, found: Found, asked: Asked) -> None:
        self.driver = begun(found, asked)
        self.fleet = self.driver.fleet
        self.fleet.targets.connection_seconds = 0  # a drain probe may end each drain
        self.driver.rollout = replace(self.driver.rollout, hooks=hooks_of(self.driver.rollout))

    @rule(point=POINTS, times=st.integers(1, 3))
    def a_hook_fails(self, point: HookPoint, times: int) -> None:
        self.driver.hooks.fail(point, times)

    @rule(point=POINTS, seconds=st.sampled_from([0, 7, 60, 500]))
    def a_hook_takes_its_time(self, point: HookPoint, seconds: float) -> None:
        self.driver.hooks.seconds[point] = seconds

    @rule()
    def the_process_dies_with_its_hooks(self) -> None:
        self.driver.hooks.crash()

    def teardown(self) -> None:
        if not hasattr(self, "driver"):
            return
        self.driver.hooks.fix()
        super().teardown()
        assert self.driver.status.hooks.announced == ()


HookedMachine.TestCase.settings = settings(**PROFILE | {"max_examples": PROFILE["max_examples"] // 3})
TestHookedMachine = HookedMachine.TestCase
