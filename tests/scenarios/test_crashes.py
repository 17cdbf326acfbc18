"""Drivers that die and are replaced: the deadlines of the time without one, and the calls that they may have made."""

from dataclasses import replace

import pytest

from awsroll.core.classify.instance_facts import LAG_SECONDS
from awsroll.core.model.actions import Action, DeregisterTargets, LaunchInGroup, LaunchInstance, RegisterTargets
from awsroll.core.model.plan import Plan
from awsroll.core.model.status import Outcome
from awsroll.core.model.user_requests import UserRequests
from awsroll.testing.faults import When
from awsroll.testing.fleet import FakeFleet
from awsroll.testing.world import Physics
from tests.support.builders import LIMITS, NEW, OLD, auto_scaling, launch_first, rollout, standalone
from tests.support.drive import Driver, versions


def _look_until(driver: Driver, wanted: type[Action]) -> Plan:
    """Run until such an action is planned; do not execute the plan."""
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
    """Return a driver that died at its first launch; 13 hours have passed since."""
    driver = Driver(fleet, rollout(fleet, **launch_first()))
    decided = _look_until(driver, LaunchInGroup)
    driver.save(decided)
    if executed:
        fleet.execute(driver.rollout, decided.actions)
    fleet.clock.sleep(13 * 3600)
    return driver


def test_a_groups_launch_whose_token_has_expired_is_found_by_its_zone_and_time() -> None:
    fleet = auto_scaling(outdated=2, maximum=2)
    driver = _dead_after_launching(fleet, executed=True)

    assert driver.run().outcome is Outcome.SUCCEEDED
    assert versions(fleet) == {str(NEW): 2}
    assert len(fleet.instances.all()) == 4, "none was launched twice"
    assert fleet.group is not None
    assert (fleet.group.settings.desired, fleet.group.settings.maximum) == (2, 2)


def test_a_groups_launch_that_was_never_made_is_repeated_when_its_token_has_expired() -> None:
    fleet = auto_scaling(outdated=2, maximum=2)
    driver = _dead_after_launching(fleet, executed=False)

    assert driver.run().outcome is Outcome.SUCCEEDED
    assert versions(fleet) == {str(NEW): 2}
    assert len(fleet.instances.all()) == 4


def test_a_scale_out_by_somebody_is_not_mistaken_for_a_launch_whose_token_has_expired() -> None:
    fleet = auto_scaling(outdated=2, maximum=4)
    driver = _dead_after_launching(fleet, executed=False)
    fleet.somebody.scales(3)

    assert driver.run().outcome is Outcome.SUCCEEDED
    assert versions(fleet) == {str(NEW): 3}


LAUNCHES = {"standalone": (standalone, LaunchInstance), "auto-scaling": (auto_scaling, LaunchInGroup)}


@pytest.mark.parametrize("times", [1, 40], ids=["once", "many-times"])
@pytest.mark.parametrize("transient", [True, False], ids=["transient", "permanent"])
@pytest.mark.parametrize("when", When)
@pytest.mark.parametrize("kind", LAUNCHES)
def test_a_launch_whose_repetition_is_refused_is_neither_lost_nor_made_twice(
    kind: str, when: When, times: int, *, transient: bool
) -> None:
    make, launching = LAUNCHES[kind]
    fleet = make(outdated=2)
    driver = Driver(fleet, rollout(fleet, **launch_first()))
    fleet.faults.lose_answer(launching, when)
    driver.run_until(launching)
    fleet.faults.refuse(launching, "RequestLimitExceeded", transient=transient, times=times)
    while any(not one.settled for one in driver.status.launches):
        fleet.clock.sleep(driver.unhurried(driver.step()))
    fleet.faults.clear()

    assert driver.run().outcome is Outcome.SUCCEEDED
    assert versions(fleet) == {str(NEW): 2}
    assert len(fleet.instances.all()) == 4, "none was launched twice"


def test_an_instance_launched_late_is_not_lost_when_the_rollout_is_rolled_back() -> None:
    fleet = standalone(outdated=2, physics=Physics(visibility=12))
    driver = Driver(fleet, rollout(fleet, **launch_first()))
    driver.save(_look_until(driver, LaunchInstance))
    fleet.clock.sleep(LIMITS.launch_seconds + 1)
    driver.step()
    driver.status = replace(driver.status, user_requests=UserRequests(rollback=True))

    assert driver.run().outcome is Outcome.ROLLED_BACK
    assert versions(fleet) == {str(OLD): 2}


def test_a_baseline_launch_without_an_answer_makes_room_for_the_server_that_returns() -> None:
    fleet = standalone(outdated=1)
    driver = Driver(fleet, rollout(fleet))
    driver.run_until(DeregisterTargets)
    driver.status = replace(driver.status, user_requests=UserRequests(pause=True))
    decided = driver.look()
    (action,) = decided.actions
    assert isinstance(action, LaunchInstance)
    assert action.launch.template == OLD, "in a pause, an empty slot gets its baseline"
    driver.save(decided)  # the process dies before the call
    fleet.clock.sleep(LAG_SECONDS)
    driver.status = replace(driver.status, user_requests=UserRequests(rollback=True))
    status = driver.run()

    assert (status.outcome, status.failures, status.warnings) == (Outcome.ROLLED_BACK, (), ())
    assert versions(fleet) == {str(OLD): 1}
    assert fleet.safety.serving() == {"i-0001"}
