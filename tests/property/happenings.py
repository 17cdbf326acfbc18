"""Rules of the state machine for events outside the rollout: changes by AWS and by people."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from hypothesis import assume, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from awsroll.core.classify.desired import is_moving
from awsroll.core.classify.instance_facts import LAG_SECONDS
from awsroll.core.model.observation import AlarmState, InstanceState, Lifecycle, TargetKey, TargetState
from awsroll.core.model.status import Outcome
from awsroll.testing.faults import When
from awsroll.testing.fleet import FakeFleet
from awsroll.testing.instances import CallError, FakeInstance, Misbehaviour
from tests.property.requests import ALARM
from tests.support.builders import OLD
from tests.support.drive import Driver
from tests.support.search import LONG

ENDINGS = ("Server.SpotInstanceTermination", "Client.UserInitiatedShutdown", "Client.InstanceInitiatedShutdown")


class Happenings(RuleBasedStateMachine):
    """A fleet, its rollout, and the events outside the rollout."""

    fleet: FakeFleet
    driver: Driver
    changed_at: datetime | None = None  # when people last changed the desired capacity

    # --- user requests --------------------------------------------------------------------------------------------

    def change_user_requests(self, **changes: Any) -> None:
        status = self.driver.status
        self.driver.status = replace(status, user_requests=replace(status.user_requests, **changes))

    def resume(self) -> None:
        """Resume after a pause, as `awsroll resume` does."""
        self.change_user_requests(pause=False)
        if self.driver.status.outcome is Outcome.PAUSED:
            self.driver.resume()

    @rule()
    def a_person_approves(self) -> None:
        self.change_user_requests(approved=self.driver.status.user_requests.approved + 1)

    @rule()
    def a_person_rejects(self) -> None:
        self.change_user_requests(rejected=True)

    @rule()
    def a_person_pauses(self) -> None:
        self.change_user_requests(pause=True)

    @rule()
    @precondition(lambda self: self.driver.status.outcome is Outcome.PAUSED or self.driver.status.user_requests.pause)
    def a_person_resumes(self) -> None:
        self.resume()

    @rule()
    def a_person_aborts(self) -> None:
        self.change_user_requests(abort=True)

    @rule()
    def a_person_asks_for_a_rollback(self) -> None:
        self.change_user_requests(rollback=True)

    # --- the world --------------------------------------------------------------------------------------------------

    @rule(state=st.sampled_from([AlarmState.ALARM, AlarmState.OK]))
    def an_alarm_turns(self, state: AlarmState) -> None:
        self.fleet.alarms[ALARM] = state

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
        self.fleet.somebody.fixes(broken[which % len(broken)].instance_id)

    @rule(which=st.integers(0, 20), reason=st.sampled_from(ENDINGS))
    def an_instance_vanishes(self, which: int, reason: str) -> None:
        self.fleet.somebody.kills(self._one(which).instance_id, reason)

    @rule(desired=st.integers(0, 7))
    @precondition(lambda self: self.fleet.group is not None)
    def somebody_scales(self, desired: int) -> None:
        assume(not self.driver.ended)  # changes after the end do not concern the rollout
        assume(desired != self.fleet.group.settings.desired)  # an unchanged value cannot be observed
        known = self.driver.status.desired
        assume(known is None or desired != known.expected)  # neither can a reverted change
        assume(not is_moving(self.driver.status))
        self._assume_that_observations_are_current()
        if known is not None and (self.fleet.clock.now() - known.moved_at).total_seconds() < LAG_SECONDS:
            low, high = sorted((known.previous, known.expected))
            assume(not low <= desired <= high)  # indistinguishable from our own call that is not visible yet
        away = (Lifecycle.ENTERING_STANDBY, Lifecycle.STANDBY)
        members = self.fleet.group.members.values()
        assume(not any(member.lifecycle in away for member in members))  # ambiguous while members move
        try:
            self.fleet.somebody.scales(desired)
        except CallError:
            assume(False)

    @rule(which=st.integers(0, 20))
    @precondition(lambda self: self.fleet.group is None)
    def somebody_deregisters(self, which: int) -> None:
        self.fleet.world.catch_up()
        status = self.driver.status
        assume(not is_moving(status))  # a launch without an answer is repeated as it was, for the capacity of then
        ours = {*status.retiring, *status.reloading, *status.returning}
        slots = {one for place in status.slots for one in place.instance_ids} - ours
        succeeded = {launch.replaces for launch in status.launches}
        settled = [one for one in slots - succeeded if self._is_healthy(one) and not self._will_die(one)]
        assume(settled)
        self.fleet.somebody.deregisters(sorted(settled)[which % len(settled)])

    @rule()
    @precondition(lambda self: self.fleet.group is None)
    def somebody_registers(self) -> None:
        self._assume_that_observations_are_current()
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
        self.fleet.faults.failing_observations = 1

    @rule(looks=st.integers(1, 3))
    @precondition(lambda _: LONG)
    def looks_will_be_stale(self, looks: int) -> None:
        since = self.changed_at
        assume(since is None or (self.fleet.clock.now() - since).total_seconds() >= LAG_SECONDS)
        self.fleet.faults.stale_observations = looks

    def _assume_that_observations_are_current(self) -> None:
        """Assume that the next observation is current: the rollout can only follow a capacity that it observes."""
        assume(self.fleet.faults.stale_observations == 0)
        self.changed_at = self.fleet.clock.now()

    def _will_die(self, instance_id: str) -> bool:
        """Return whether the instance may end before an observation shows that someone deregistered it."""
        version = self.fleet.instances[instance_id].application_version
        return self.fleet.instances.bad_versions.get(version) is Misbehaviour.DIES

    def _one(self, which: int) -> FakeInstance:
        self.fleet.world.catch_up()
        slots = {one for place in self.driver.status.slots for one in place.instance_ids}
        live = [
            one
            for one in self.fleet.instances.all()
            if one.state is InstanceState.RUNNING and (one.is_new or one.instance_id in slots or self.fleet.group)
            if one.instance_id not in self.fleet.somebody.deregistered
        ]
        assume(live)
        return live[which % len(live)]

    def _is_healthy(self, instance_id: str) -> bool:
        entries = self.fleet.targets.of(instance_id)
        one = self.fleet.instances[instance_id]
        healthy = all(entry.state is TargetState.HEALTHY for entry in entries)
        return bool(entries) and healthy and one.state is InstanceState.RUNNING
