"""The anomaly flags of a load balancer: they come with the observation, and can only turn a version back."""

from collections.abc import Callable
from dataclasses import replace

from awsroll.core.model.amount import Amount
from awsroll.core.model.hooks import Hook, HookPoint
from awsroll.core.model.observation import Instance, Observation
from awsroll.core.model.plan import Plan
from awsroll.core.model.rollout_choices import Gates, OnFailure
from awsroll.core.model.status import Outcome
from tests.support.builders import NEW, OLD, rollout, standalone
from tests.support.drive import Driver, versions

FLAGS = Hook(point=HookPoint.WHILE_JUDGING, name="anomalies", anomalies=True)
CANARY = Gates(checkpoints=(Amount(value=1),), delay_seconds=900)


class Flagged(Driver):
    """A rollout whose targets have flags."""

    is_flagged: Callable[[Instance], bool | None] = staticmethod(lambda _: False)

    def planned(self, observation: Observation) -> Plan:
        """Plan, given an observation."""
        instances = tuple(
            replace(one, targets=tuple(replace(each, is_anomalous=self.is_flagged(one)) for each in one.targets))
            for one in observation.instances
        )
        return super().planned(replace(observation, instances=instances))


def flagged(is_flagged: Callable[[Instance], bool | None]) -> Flagged:
    fleet = standalone(outdated=10)
    driver = Flagged(fleet, rollout(fleet, hooks=(FLAGS,), gates=CANARY, on_failure=OnFailure.ROLLBACK))
    driver.is_flagged = is_flagged
    return driver


def test_a_new_server_that_stays_anomalous_is_rolled_back() -> None:
    driver = flagged(lambda one: one.template == NEW)
    status = driver.run()

    assert (status.outcome, versions(driver.fleet)) == (Outcome.ROLLED_BACK, {str(OLD): 10})
    assert "worse than the old version by anomalies" in status.reason
    assert driver.hooks.events == []


def test_flags_of_all_servers_or_none_turn_nothing_back() -> None:
    assert flagged(lambda _: True).run().outcome is Outcome.SUCCEEDED
    assert flagged(lambda _: None).run().outcome is Outcome.SUCCEEDED


def test_a_flag_that_stays_for_three_minutes_is_one_event() -> None:
    driver = flagged(lambda one: one.template == NEW)
    while driver.status.gate.closed_since is None:
        driver.fleet.clock.sleep(driver.unhurried(driver.step()))
    driver.wait(170)
    driver.is_flagged = lambda _: False

    assert driver.run().outcome is Outcome.SUCCEEDED


def test_no_gate_waits_for_flags() -> None:
    driver = flagged(lambda _: False)
    driver.rollout = replace(driver.rollout, gates=replace(CANARY, delay_seconds=30))

    assert (driver.run().outcome, driver.status.warnings) == (Outcome.SUCCEEDED, ())
