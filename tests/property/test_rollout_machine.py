"""A rollout against everything that can happen to it: one state machine over both kinds of fleet and every strategy.

After every event and every action the fake fleet's safety checker holds invariants 1 to 4; the machine holds purity
and invariant 8 (no second effect), and at the end liveness (once the world is kind it ends) and invariants 6 and 7.

The profile `ci` is what runs by default; `AWSROLL_HYPOTHESIS=long` searches longer, with stale reads as well.
"""

import os
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from awsroll.core.actions import Answer
from awsroll.core.amount import Amount
from awsroll.core.desired import LAG_SECONDS, is_moving
from awsroll.core.fleet import InstanceState, Lifecycle, TargetKey, TargetState
from awsroll.core.planner import plan
from awsroll.core.rollout import Strategy
from awsroll.errors import AwsError
from awsroll.testing.faults import When
from awsroll.testing.fleet import FakeFleet
from awsroll.testing.instances import CallError, FakeInstance, Misbehaviour
from awsroll.testing.world import Physics
from tests.support.builders import API, LIMITS, NEW, OLD, OLDER, WEB, auto_scaling, rollout, standalone, target_group
from tests.support.drive import Driver
from tests.support.fingerprint import fingerprint

LONG = os.environ.get("AWSROLL_HYPOTHESIS") == "long"
PROFILE: dict[str, Any] = {
    "max_examples": 3000 if LONG else 150,
    "stateful_step_count": 60 if LONG else 25,
    "deadline": None,
    "derandomize": not LONG,
    "suppress_health_check": list(HealthCheck),
    "report_multiple_bugs": False,
}
SECOND_PORT = TargetKey(target_group=WEB, port=81)
OTHER = TargetKey(target_group=API, port=80)

strategies = st.sampled_from(
    [
        {"max_unavailable": Amount(value=1)},
        {"max_unavailable": Amount(value=2)},
        {"max_unavailable": Amount(value=50, is_percentage=True)},
        {"max_unavailable": Amount(value=0), "max_surge": Amount(value=1)},
        {"max_unavailable": Amount(value=0), "max_surge": Amount(value=2)},
        {"max_unavailable": Amount(value=1), "max_surge": Amount(value=1)},
        {"strategy": Strategy.DOUBLE_HALF, "max_unavailable": Amount(value=0)},
        {"strategy": Strategy.RELOAD, "max_unavailable": Amount(value=1)},
        {"strategy": Strategy.RELOAD, "max_unavailable": Amount(value=2)},
    ]
)
harms = st.sampled_from([None, None, None, *Misbehaviour])
physics = st.builds(Physics, visibility=st.sampled_from([0, 0, 4, 12]), group_reaction=st.sampled_from([1, 5, 20]))


class RolloutMachine(RuleBasedStateMachine):
    """One rollout, and the world around it."""

    fleet: FakeFleet
    driver: Driver

    @initialize(
        is_group=st.booleans(),
        outdated=st.integers(0, 5),
        current=st.integers(0, 2),
        second=st.sampled_from(["", "", "group", "port"]),
        how=strategies,
        world=physics,
        options=st.fixed_dictionaries(
            {
                "harm": harms,
                "min_healthy": st.sampled_from([0, 0, 20]),
                "older": st.booleans(),
                "surges": st.booleans(),
                "delay": st.sampled_from([None, None, 10]),
            }
        ),
    )
    def begin(
        self,
        is_group: bool,
        outdated: int,
        current: int,
        second: str,
        how: dict[str, Any],
        world: Physics,
        options: dict[str, Any],
    ) -> None:
        reloads = how.get("strategy") is Strategy.RELOAD
        extra = {"": (), "group": (OTHER,), "port": (SECOND_PORT,)}[second]
        groups = (target_group(managed=is_group), *((target_group(API),) if second == "group" else ()))
        if is_group:
            self.fleet = auto_scaling(
                outdated=outdated,
                current=0 if reloads else current,
                target_groups=groups,
                extra=extra,
                physics=world,
                maximum=outdated + current + 1,
                can_launch_instances=options["surges"],
                version=OLD.template_id and ("$Latest" if options["older"] else str(OLD.number)),
            )
        else:
            keys = (TargetKey(target_group=WEB, port=80), *extra)
            count = 0 if reloads else current
            self.fleet = standalone(outdated=outdated, current=count, target_groups=groups, keys=keys, physics=world)
            if options["older"]:
                self.fleet.add(OLDER, keys=keys)
        if options["harm"] is not None:
            self.fleet.instances.bad_versions["app-3" if reloads else str(NEW)] = options["harm"]
        limits = replace(LIMITS, min_healthy_seconds=options["min_healthy"])
        changes = {"limits": limits, "extra_targets": extra if is_group else (), **how}
        changes["deregistration_delay_seconds"] = options["delay"]
        self.driver = Driver(self.fleet, rollout(self.fleet, **changes))

    # --- the rollout goes on ----------------------------------------------------------------------------------------

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
        self.fleet.execute(driver.rollout, [action for action in first.actions if id(action) in done])
        assert fingerprint(self.fleet) == now, f"a second effect of {first.actions}"

    @rule()
    def comes_to_rest_while_the_world_stands_still(self) -> None:
        for _ in range(60):
            decided = self._guarded(self.driver.step)
            if decided is not None and self.driver.unhurried(decided) > 0:
                break
            if self.driver.ended:
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
        self.fleet.clock.sleep(LAG_SECONDS)  # until then a look may be older than a call that may have been made

    @rule()
    def crash_before_the_results_are_saved(self) -> None:
        decided = self._guarded(self.driver.look)
        if decided is not None:
            self.driver.save(decided)
            self.fleet.execute(self.driver.rollout, decided.actions)

    @rule(done=st.integers(1, 3))
    def crash_in_the_middle_of_the_plan(self, done: int) -> None:
        decided = self._guarded(self.driver.look)
        if decided is not None:
            self.driver.save(decided)
            self.fleet.execute(self.driver.rollout, decided.actions[:done])
        self.fleet.clock.sleep(LAG_SECONDS)

    # --- the world --------------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([1, 5, 15, 40, 90, 400]))
    def time_passes(self, seconds: float) -> None:
        self.fleet.clock.sleep(seconds)
        self.fleet.world.catch_up()

    @rule(which=st.integers(0, 20))
    def an_instance_turns_unhealthy(self, which: int) -> None:
        self.fleet.somebody.breaks(self._one(which).instance_id)

    @rule(which=st.integers(0, 20))
    def an_instance_turns_healthy(self, which: int) -> None:
        broken = [one for one in self.fleet.instances.all() if one.broken]
        assume(broken)
        self.fleet.somebody.mends(broken[which % len(broken)].instance_id)

    @rule(which=st.integers(0, 20))
    def an_instance_vanishes(self, which: int) -> None:
        self.fleet.somebody.kills(self._one(which).instance_id)

    @rule(desired=st.integers(0, 7))
    @precondition(lambda self: self.fleet.group is not None)
    def somebody_scales(self, desired: int) -> None:
        assume(desired != self.fleet.group.settings.desired)  # what changes nothing cannot be seen
        known = self.driver.status.desired
        assume(not is_moving(self.driver.status))
        if known is not None and (self.fleet.clock.now() - known.moved_at).total_seconds() < LAG_SECONDS:
            low, high = sorted((known.previous, known.expected))
            assume(not low <= desired <= high)  # looks like our own call that does not show yet
        away = (Lifecycle.ENTERING_STANDBY, Lifecycle.STANDBY)
        members = self.fleet.group.members.values()
        assume(not any(member.lifecycle in away for member in members))  # what would be meant, with some on their way
        try:
            self.fleet.somebody.scales(desired)
        except CallError:
            assume(False)

    @rule(which=st.integers(0, 20))
    @precondition(lambda self: self.fleet.group is None)
    def somebody_deregisters(self, which: int) -> None:
        self.fleet.world.catch_up()
        status = self.driver.status
        ours = {*status.retiring, *status.reloading, *status.returning}
        places = {one for place in status.places for one in place.occupants} - ours
        succeeded = {launch.succeeds for launch in status.launches}
        settled = [one for one in places - succeeded if self._is_healthy(one)]
        assume(settled)
        self.fleet.somebody.deregisters(sorted(settled)[which % len(settled)])

    @rule()
    @precondition(lambda self: self.fleet.group is None)
    def somebody_registers(self) -> None:
        keys = tuple(TargetKey(target_group=arn, port=80) for arn in self.driver.rollout.target_groups)
        one = self.fleet.add(OLD, keys=())[0]
        self.fleet.somebody.registers(one.instance_id, *keys)

    @rule(when=st.sampled_from(When), nth=st.integers(1, 3))
    def a_call_will_fail(self, when: When, nth: int) -> None:
        self.fleet.faults.lose_answer(None, when, nth=nth)

    @rule(times=st.integers(1, 2))
    def launches_will_fail(self, times: int) -> None:
        self.fleet.fail_launches(times)

    @rule()
    def a_look_will_fail(self) -> None:
        self.fleet.faults.failing_looks = 1

    @rule(looks=st.integers(1, 3))
    @precondition(lambda _: LONG)
    def looks_will_be_stale(self, looks: int) -> None:
        self.fleet.faults.stale_looks = looks

    # --- the end ----------------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        if not hasattr(self, "driver"):
            return
        self.fleet.faults.clear()
        self.fleet.fail_launches(0)
        for one in self.fleet.instances.all():
            if one.broken:
                self.fleet.somebody.mends(one.instance_id)
        for version, harm in tuple(self.fleet.instances.bad_versions.items()):
            if harm in (Misbehaviour.FLAPS, Misbehaviour.DIES):  # never the same: there is no world to come to rest in
                self.fleet.instances.bad_versions[version] = Misbehaviour.NEVER_HEALTHY
        self.driver.run(steps=2500)
        assert self.driver.ended

    def _guarded(self, step: Any) -> Any:
        try:
            return step()
        except AwsError:
            return None

    def _one(self, which: int) -> FakeInstance:
        self.fleet.world.catch_up()
        places = {one for place in self.driver.status.places for one in place.occupants}
        live = [
            one
            for one in self.fleet.instances.all()
            if one.state is InstanceState.RUNNING and (one.is_new or one.instance_id in places or self.fleet.group)
            if one.instance_id not in self.fleet.somebody.deregistered
        ]
        assume(live)
        return live[which % len(live)]

    def _is_healthy(self, instance_id: str) -> bool:
        entries = self.fleet.targets.of(instance_id)
        one = self.fleet.instances[instance_id]
        healthy = all(entry.state is TargetState.HEALTHY for entry in entries)
        return bool(entries) and healthy and one.state is InstanceState.RUNNING


RolloutMachine.TestCase.settings = settings(**PROFILE)
TestRolloutMachine = RolloutMachine.TestCase
