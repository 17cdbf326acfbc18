"""A person protects a standalone server from termination after the preflight: it is left alone, without a failure."""

from typing import Any

import pytest

from awsroll.core.model.actions import DeregisterTargets
from awsroll.core.model.observation import TargetKey
from awsroll.core.model.rollout_choices import OnFailure
from awsroll.core.model.status import Outcome
from awsroll.testing.fleet import FakeFleet
from awsroll.testing.instances import Misbehaviour
from tests.support.builders import NEW, OLD, WEB, at_a_time, launch_first, rollout, standalone
from tests.support.drive import Driver, versions

SHAPES: dict[str, dict[str, Any]] = {
    "one at a time": at_a_time(1),
    "launch first": launch_first(1),
}


def _protect_while_it_drains(fleet: FakeFleet, driver: Driver) -> str:
    plan = driver.run_until(DeregisterTargets)
    (name,) = [action.instance_id for action in plan.actions if isinstance(action, DeregisterTargets)]
    fleet.somebody.protects(name)
    return name


@pytest.mark.parametrize("shape", SHAPES)
def test_a_server_that_is_protected_while_it_drains_runs_on_and_its_place_is_filled(shape: str) -> None:
    fleet = standalone(outdated=3)
    driver = Driver(fleet, rollout(fleet, **SHAPES[shape]))
    name = _protect_while_it_drains(fleet, driver)
    status = driver.run()

    assert status.outcome is Outcome.SUCCEEDED, status.reason
    assert fleet.instances[name].live
    assert versions(fleet) == {str(NEW): 3, str(OLD): 1}
    assert len(fleet.safety.serving()) == 3
    assert not status.failures
    (warning,) = status.warnings
    assert warning.startswith(f"{name}: someone has protected it from termination")


def test_a_rollback_leaves_a_protected_server_alone_too() -> None:
    fleet = standalone(outdated=3)
    fleet.instances.bad_versions[str(NEW)] = Misbehaviour.NEVER_HEALTHY
    driver = Driver(fleet, rollout(fleet, on_failure=OnFailure.ROLLBACK))
    name = _protect_while_it_drains(fleet, driver)
    status = driver.run()

    assert status.outcome is Outcome.ROLLED_BACK, status.reason
    assert fleet.instances[name].live
    assert versions(fleet) == {str(OLD): 4}
    assert len(fleet.safety.serving()) == 3


def test_a_server_that_is_registered_again_belongs_to_the_fleet_again() -> None:
    fleet = standalone(outdated=3)
    driver = Driver(fleet, rollout(fleet))
    name = _protect_while_it_drains(fleet, driver)
    while not driver.status.left_alone:
        driver.wait(5)
    fleet.somebody.protects(name, protected=False)
    fleet.somebody.registers(name, TargetKey(target_group=WEB, port=80))
    status = driver.run()

    assert status.outcome is Outcome.SUCCEEDED, status.reason
    assert not fleet.instances[name].live
    assert versions(fleet) == {str(NEW): 3}
