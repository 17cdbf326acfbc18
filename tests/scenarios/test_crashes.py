"""Drivers that die and are followed by others: what the time in between may and may not be held against."""

from dataclasses import replace

import pytest

from awsroll.core.actions import Action, LaunchInGroup, RegisterTargets
from awsroll.core.plan import Plan
from awsroll.core.status import Outcome
from awsroll.testing.fleet import FakeFleet
from tests.support.builders import LIMITS, NEW, auto_scaling, launch_first, rollout, standalone
from tests.support.drive import Driver, versions


def _look_until(driver: Driver, wanted: type[Action]) -> Plan:
    """Go on until such an action is planned; it has not been carried out."""
    for _ in range(500):
        decided = driver.look()
        if any(isinstance(action, wanted) for action in decided.actions):
            return decided
        driver.fleet.clock.sleep(driver.step().requeue_seconds)
    pytest.fail(f"no {wanted.__name__}")


def test_a_new_instance_is_not_late_because_two_drivers_died_before_they_could_register_it() -> None:
    fleet = standalone(outdated=2)
    driver = Driver(fleet, rollout(fleet, **launch_first()))
    _look_until(driver, RegisterTargets)
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


def _dead_after_launching(fleet: FakeFleet, *, executed: bool) -> Driver:
    """A driver that died at its first launch, and whose successor looks 13 hours later."""
    driver = Driver(fleet, rollout(fleet, **launch_first()))
    decided = _look_until(driver, LaunchInGroup)
    driver.save(decided)
    if executed:
        fleet.execute(driver.rollout, decided.actions)
    fleet.clock.sleep(13 * 3600)
    return driver


def test_a_groups_launch_whose_token_is_forgotten_is_known_by_its_zone_and_time() -> None:
    fleet = auto_scaling(outdated=2, maximum=2)
    driver = _dead_after_launching(fleet, executed=True)

    assert driver.run().outcome is Outcome.SUCCEEDED
    assert versions(fleet) == {str(NEW): 2}
    assert len(fleet.instances.all()) == 4, "none was launched twice"
    assert fleet.group is not None
    assert (fleet.group.settings.desired, fleet.group.settings.maximum) == (2, 2)


def test_a_groups_launch_that_was_never_made_is_made_anew_when_its_token_is_forgotten() -> None:
    fleet = auto_scaling(outdated=2, maximum=2)
    driver = _dead_after_launching(fleet, executed=False)

    assert driver.run().outcome is Outcome.SUCCEEDED
    assert versions(fleet) == {str(NEW): 2}
    assert len(fleet.instances.all()) == 4


def test_a_scale_out_by_somebody_is_not_taken_for_a_launch_whose_token_is_forgotten() -> None:
    fleet = auto_scaling(outdated=2, maximum=4)
    driver = _dead_after_launching(fleet, executed=False)
    fleet.somebody.scales(3)

    assert driver.run().outcome is Outcome.SUCCEEDED
    assert versions(fleet) == {str(NEW): 3}
