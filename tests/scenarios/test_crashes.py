"""Drivers that die and are followed by others: what the time in between may and may not be held against."""

from dataclasses import replace

from awsroll.core.actions import RegisterTargets
from awsroll.core.status import Outcome
from tests.support.builders import LIMITS, launch_first, rollout, standalone
from tests.support.drive import Driver


def test_a_new_instance_is_not_late_because_two_drivers_died_before_they_could_register_it() -> None:
    fleet = standalone(outdated=2)
    driver = Driver(fleet, rollout(fleet, **launch_first()))
    while not any(isinstance(action, RegisterTargets) for action in driver.look().actions):
        fleet.clock.sleep(driver.step().requeue_seconds)
    for _ in range(3):
        fleet.clock.sleep(LIMITS.launch_seconds * 2 / 3)
        driver.save(driver.look())

    assert driver.run().outcome is Outcome.SUCCEEDED


def test_a_new_instance_is_not_late_because_drivers_died_while_it_had_to_stay_healthy() -> None:
    fleet = standalone(outdated=2)
    limits = replace(LIMITS, min_healthy_seconds=20)
    driver = Driver(fleet, rollout(fleet, limits=limits, **launch_first()))
    driver.run_until(RegisterTargets)
    for _ in range(3):
        fleet.clock.sleep(LIMITS.healthy_seconds * 2 / 3)
        driver.save(driver.look())

    assert driver.run().outcome is Outcome.SUCCEEDED
