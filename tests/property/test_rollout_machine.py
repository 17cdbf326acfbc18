"""One state machine of rollouts for both kinds of fleet, every strategy, and every event that can occur.

The machine covers rollbacks, retries, gates, bake times, alarms, kept old servers, and people who approve, reject,
pause, resume, abort or request a rollback at any moment. The fake fleet checks invariants 1 to 5 after every event and
every action. The machine checks that planning is pure, and invariant 8 (no second effect). At the end it checks
liveness (without further faults, the rollout ends) and invariants 6 and 7, and ten minutes later invariant 12.

The profile `ci` is what runs by default; `AWSROLL_HYPOTHESIS=long` searches longer, with stale reads as well.
"""

from typing import Any

from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import initialize, rule

from awsroll.core.classify.instance_facts import LAG_SECONDS
from awsroll.core.model.action_results import Answer
from awsroll.core.model.observation import AlarmState, Lifecycle
from awsroll.core.model.status import Outcome
from awsroll.core.planner import plan
from awsroll.errors import AwsError
from awsroll.testing.instances import FakeInstance, Misbehaviour
from tests.property.happenings import Happenings
from tests.property.requests import ALARM, Asked, Found, begun, founds, requests
from tests.support.drive import StuckError
from tests.support.fingerprint import fingerprint
from tests.support.launching import launching_batches
from tests.support.search import LONG

PROFILE: dict[str, Any] = {
    "max_examples": 3000 if LONG else 150,
    "stateful_step_count": 60 if LONG else 25,
    "deadline": None,
    "derandomize": not LONG,
    "suppress_health_check": list(HealthCheck),
    "report_multiple_bugs": False,
}
ENDS = {"group.terminating", "instance.shutting-down", "instance.died"}
PATIENCE = 2  # times that people resume a paused rollout before they fix its version


class RolloutMachine(Happenings):
    """One rollout, and its environment."""

    @initialize(found=founds, asked=requests)
    def begin(self, found: Found, asked: Asked) -> None:
        self.driver = begun(found, asked)
        self.fleet = self.driver.fleet
        self.fleet.safety.compares = True

    # --- the rollout continues --------------------------------------------------------------------------------------

    @rule()
    def reconcile(self) -> None:
        self._guarded(self.driver.step)

    @rule(steps=st.integers(2, 25))
    def go_on(self, steps: int) -> None:
        for _ in range(steps):
            decided = self._guarded(self.driver.step)
            self.fleet.clock.sleep(1 if decided is None else self.driver.unhurried(decided))

    @rule()
    def planning_is_pure_and_a_quiet_world_stays_quiet(self) -> None:
        driver = self.driver
        observation = self._guarded(lambda: self.fleet.observe(driver.rollout, driver.status))
        if observation is None:
            return
        before = driver.status
        first = plan(driver.rollout, observation, before)
        assert first == plan(driver.rollout, observation, before)
        driver.save(first)
        driver.execute(first)
        done = {id(one.action) for one in driver.results[-len(first.actions) :] if one.answer is Answer.DONE}
        self.fleet.world.catch_up()
        now = fingerprint(self.fleet)
        self.fleet.faults.clear()
        self.fleet.execute(driver.target, [action for action in first.actions if id(action) in done])
        assert fingerprint(self.fleet) == now, f"a second effect of {first.actions}"

    @rule()
    def comes_to_rest_while_the_world_stands_still(self) -> None:
        for _ in range(60):
            decided = self._guarded(self.driver.step)
            if decided is not None and self.driver.unhurried(decided) > 0:
                break
            if self.driver.ended or self.driver.status.outcome is Outcome.PAUSED:
                break
        else:
            message = f"it never comes to rest: {self.driver.plans[-3:]}"
            raise AssertionError(message)

    # --- it crashes, at every point of a pass -----------------------------------------------------------------------

    @rule()
    def crash_before_the_plan_is_executed(self) -> None:
        decided = self._guarded(self.driver.look)
        if decided is not None:
            self.driver.save(decided)
        self.fleet.clock.sleep(LAG_SECONDS)  # until then an observation may be older than a call

    @rule()
    def crash_before_the_results_are_saved(self) -> None:
        decided = self._guarded(self.driver.look)
        if decided is not None:
            self.driver.save(decided)
            self.fleet.execute(self.driver.target, decided.actions)

    @rule(done=st.integers(1, 3))
    def crash_in_the_middle_of_the_plan(self, done: int) -> None:
        decided = self._guarded(self.driver.look)
        if decided is not None:
            self.driver.save(decided)
            self.fleet.execute(self.driver.target, decided.actions[:done])
        self.fleet.clock.sleep(LAG_SECONDS)

    # --- the end ----------------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        if not hasattr(self, "driver"):
            return
        self.fleet.faults.clear()
        self.fleet.fail_launches(0)
        self._fix_all()
        for version, harm in tuple(self.fleet.instances.bad_versions.items()):
            if harm in (Misbehaviour.FLAPS, Misbehaviour.DIES):  # the state never repeats, so it never settles
                self.fleet.instances.bad_versions[version] = Misbehaviour.NEVER_HEALTHY
        self.fleet.alarms[ALARM] = AlarmState.OK
        self._run_to_the_end()
        assert self.driver.ended
        self._check_that_the_end_lasts()

    def _run_to_the_end(self) -> None:
        """Run the rollout to its end: people approve each gate and resume each pause."""
        resumed = 0
        for _ in range(2500):
            if self.driver.ended:
                break
            if self.driver.status.outcome is Outcome.PAUSED:
                self.resume()
                resumed += 1
                if resumed == PATIENCE:
                    self.fleet.instances.bad_versions.clear()
                    self._fix_all()
            self.change_user_requests(pause=False, approved=self.driver.status.gate.passed + 1)
            self.fleet.clock.sleep(self.driver.unhurried(self.driver.step()))
        else:
            message = f"no end: {self.driver.status}\n{self.driver.plans[-1]}\n{self.fleet.world.history(30)}"
            raise StuckError(message)

    def _check_that_the_end_lasts(self) -> None:
        """Check invariant 12: nothing that the rollout left behind ends a server that serves."""
        begun_at = len(self.fleet.world.journal)
        serving = {one.instance_id for one in self.fleet.instances.all() if self._serves(one)}
        self.fleet.clock.sleep(600)
        ended = {entry.instance_id for entry in self.fleet.world.journal[begun_at:] if entry.name in ENDS}
        assert not serving & ended, (
            f"ended ten minutes later: {serving & ended}\n{self.driver.status.outcome}\n{self.fleet.world.history(30)}"
        )

    def _serves(self, instance: FakeInstance) -> bool:
        name = instance.instance_id
        member = None if self.fleet.group is None else self.fleet.group.members.get(name)
        return self._is_healthy(name) and (member is None or member.lifecycle is Lifecycle.IN_SERVICE)

    def _fix_all(self) -> None:
        for one in self.fleet.instances.all():
            if one.broken:
                self.fleet.somebody.fixes(one.instance_id)

    def _guarded(self, step: Any) -> Any:
        try:
            return step()
        except AwsError:
            return None


class BatchMachine(RolloutMachine):
    """The same, where one call launches all standalone servers of a subnet."""

    def __init__(self) -> None:
        super().__init__()
        self._launching = launching_batches()
        self._launching.__enter__()

    def teardown(self) -> None:
        try:
            super().teardown()
        finally:
            self._launching.__exit__(None, None, None)


BatchMachine.TestCase.settings = settings(**PROFILE | {"max_examples": PROFILE["max_examples"] // 5})
TestBatchMachine = BatchMachine.TestCase
RolloutMachine.TestCase.settings = settings(**PROFILE)
TestRolloutMachine = RolloutMachine.TestCase
