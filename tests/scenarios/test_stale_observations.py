"""Observations that are older than our last call: AWS answers from copies that lag for some seconds."""

from dataclasses import replace
from typing import Any

import pytest

from awsroll.core.model import actions as act
from awsroll.core.model.action_results import Answer
from awsroll.core.model.amount import Amount
from awsroll.core.model.rollout_choices import Gates, ReloadCommand, Strategy
from awsroll.core.model.status import Mode, Outcome
from awsroll.core.model.user_requests import UserRequests
from awsroll.testing.fleet import FakeFleet
from tests.support.builders import NEW, OLD, auto_scaling, launch_first, rollout, standalone
from tests.support.drive import Driver, versions

UNDO = ReloadCommand(app_version="app-2", commands=("deploy app-2",))
KINDS = {"standalone": standalone, "auto-scaling": auto_scaling}


@pytest.fixture(params=KINDS, name="make")
def _make(request: pytest.FixtureRequest) -> Any:
    return KINDS[request.param]


def begun(fleet: FakeFleet, steps: int) -> Driver:
    """Take the first steps of a rollout that changes settings, then abort it while observations are stale."""
    driver = Driver(fleet, rollout(fleet, deregistration_delay_seconds=10))
    for _ in range(steps):
        driver.step()
    driver.status = driver.stopped()
    fleet.faults.stale_observations = 3
    return driver


def test_a_stale_observation_breaks_nothing(make: Any) -> None:
    fleet = make(outdated=4)
    driver = Driver(fleet, rollout(fleet))
    for _ in range(400):
        fleet.faults.stale_observations = 1
        driver.step()
        fleet.clock.sleep(driver.unhurried(driver.step()))
        if driver.ended:
            break
    assert driver.status.outcome is Outcome.SUCCEEDED
    assert versions(fleet) == {str(NEW): 4}


def test_an_observation_older_than_the_tags_does_not_end_the_rollout_before_they_are_removed(make: Any) -> None:
    fleet = make(outdated=2)
    driver = begun(fleet, 1)
    assert fleet.memory
    assert driver.run().outcome is Outcome.STOPPED
    assert (fleet.memory, driver.status.settings.found) == ({}, {})


def test_saved_settings_are_kept_if_the_observation_is_older_than_the_change(make: Any) -> None:
    fleet = make(outdated=2)
    driver = begun(fleet, 2)
    changed = driver.results[-1]
    assert (changed.answer, type(changed.action) in (act.SuspendProcesses, act.SetDeregistrationDelay)) == (
        Answer.DONE,
        True,
    )
    driver.run()
    kinds = [type(one.action) for one in driver.results[2:]]
    restoring = act.SetDeregistrationDelay if fleet.group is None else act.ResumeProcesses
    assert kinds.index(restoring) < kinds.index(act.ForgetSavedSettings)


def test_a_rollout_that_has_observed_its_settings_does_not_wait_at_its_end(make: Any) -> None:
    fleet = make(outdated=2)
    driver = Driver(fleet, rollout(fleet, deregistration_delay_seconds=10))
    while not driver.done(act.DeregisterTargets) and not driver.done(act.TerminateInGroup):
        fleet.clock.sleep(driver.unhurried(driver.step()))
    driver.status = driver.stopped()
    while not driver.done(act.ForgetSavedSettings):
        fleet.clock.sleep(driver.unhurried(driver.step()))
    forgotten_at = fleet.clock.now()
    driver.run()
    assert driver.status.ended_at == forgotten_at


@pytest.mark.parametrize("how", [{}, {"strategy": Strategy.RELOAD}], ids=["replace", "reload"])
@pytest.mark.parametrize("asked", [UserRequests(abort=True), UserRequests(rollback=True)], ids=["abort", "rollback"])
def test_an_observation_older_than_the_deregistration_does_not_leave_a_server_out(
    how: Any, asked: UserRequests
) -> None:
    fleet = standalone(outdated=2)
    driver = Driver(fleet, rollout(fleet, rollback_reload=UNDO if how else None, **how))
    driver.run_until(act.DeregisterTargets)
    driver.status = replace(driver.status, user_requests=asked)
    fleet.faults.stale_observations = 3

    assert driver.run().mode is Mode.ENDED
    fleet.clock.sleep(60)
    fleet.world.catch_up()
    assert len(fleet.safety.serving()) == 2


@pytest.mark.parametrize(
    "how", [launch_first(3), {"strategy": Strategy.DOUBLE_HALF}], ids=["launch-first", "double-half"]
)
def test_an_observation_older_than_several_launches_adds_no_launch(how: dict[str, Any]) -> None:
    fleet = auto_scaling(outdated=3)
    driver = Driver(fleet, rollout(fleet, **{"max_unavailable": Amount(value=0)} | how))
    driver.run_until(act.LaunchInGroup)
    fleet.faults.stale_observations = 3

    assert driver.run().outcome is Outcome.SUCCEEDED
    assert (driver.status.counters.launches, driver.status.failures) == (3, ())
    assert fleet.group is not None
    assert fleet.group.settings.desired == 3


@pytest.mark.parametrize("asked", [UserRequests(abort=True), UserRequests(rollback=True)], ids=["abort", "rollback"])
def test_an_observation_older_than_the_deregistrations_does_not_end_the_new_half_early(
    asked: UserRequests,
) -> None:
    fleet = standalone(outdated=4)
    driver = Driver(fleet, rollout(fleet, strategy=Strategy.DOUBLE_HALF, max_unavailable=Amount(value=0)))
    driver.run_until(act.DeregisterTargets)
    driver.status = replace(driver.status, user_requests=asked)
    fleet.faults.stale_observations = 3

    assert driver.run().mode is Mode.ENDED
    assert driver.status.counters.lowest_serving == 4


def test_an_observation_older_than_a_raised_capacity_does_not_raise_it_beyond_the_gate() -> None:
    fleet = auto_scaling(outdated=2, can_launch_instances=False)
    gates = Gates(checkpoints=(Amount(value=1),), needs_approval=True)
    driver = Driver(fleet, rollout(fleet, strategy=Strategy.DOUBLE_HALF, max_unavailable=Amount(value=0), gates=gates))
    driver.run_until(act.SetDesiredCapacity)
    fleet.faults.stale_observations = 3

    driver.wait(120)
    assert driver.status.gate.closed_since is not None
    assert fleet.group is not None
    assert fleet.group.settings.desired == 3


def test_an_observation_older_than_a_termination_does_not_raise_capacity_beyond_the_gate() -> None:
    fleet = auto_scaling(outdated=4, can_launch_instances=False)
    gates = Gates(checkpoints=(Amount(value=1),), needs_approval=True)
    amounts = {"max_unavailable": Amount(value=1), "max_surge": Amount(value=1)}
    driver = Driver(fleet, rollout(fleet, gates=gates, **amounts))
    driver.run_until(act.SetDesiredCapacity)
    fleet.faults.stale_observations = 1
    driver.run_until(act.TerminateInGroup)
    fleet.faults.stale_observations = 3

    driver.wait(120)
    assert driver.status.gate.closed_since is not None
    assert versions(fleet) == {str(OLD): 3, str(NEW): 1}
