"""A group takes care of itself whenever a rollout is at rest, and a success is still a success ten minutes later."""

from dataclasses import replace
from typing import Any

import pytest

from awsroll.core.model.actions import (
    Action,
    ClearUnhealthyMarks,
    ResumeProcesses,
    SuspendProcesses,
    TerminateInGroup,
)
from awsroll.core.model.amount import Amount
from awsroll.core.model.observation import TemplateVersion
from awsroll.core.model.rollout_choices import Gates, OnFailure
from awsroll.core.model.status import Outcome
from awsroll.core.model.user_requests import UserRequests
from awsroll.testing.fleet import FakeFleet
from awsroll.testing.instances import Misbehaviour
from awsroll.testing.world import Physics
from tests.scenarios.test_gates import HOW, at_gate
from tests.support.builders import LIMITS, NEW, OLD, at_a_time, auto_scaling, rollout, standalone
from tests.support.drive import Driver, versions

CARE = {"ReplaceUnhealthy", "AZRebalance"}
SLOW = Physics(application=90, health_grace=10)


def suspended(fleet: FakeFleet) -> set[str]:
    assert fleet.group is not None
    return set(fleet.group.settings.suspended)


def launches(fleet: FakeFleet) -> TemplateVersion:
    assert fleet.group is not None
    return fleet.group.settings.template


# --- a success stays a success ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [how for how in HOW if how != "reload"])
def test_servers_that_boot_slower_than_the_grace_period_outlive_the_rollout(how: str) -> None:
    fleet = auto_scaling(outdated=4, physics=SLOW)
    driver = Driver(fleet, rollout(fleet, **HOW[how]))
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert driver.done(ClearUnhealthyMarks)
    assert any("health check grace period of 10 s" in warning for warning in driver.status.warnings)
    survivors = {one.instance_id for one in fleet.instances.all() if one.live}

    fleet.clock.sleep(600)

    assert {one.instance_id for one in fleet.instances.all() if one.live} == survivors
    assert versions(fleet) == {str(NEW): 4}


def test_a_mark_that_comes_back_is_a_failure_with_its_cause() -> None:
    fleet = auto_scaling(outdated=3)
    driver = Driver(fleet, rollout(fleet, on_failure=OnFailure.STOP, gates=Gates(bake_seconds=300)))
    driver.run_until(TerminateInGroup)
    while not driver.status.serving:
        fleet.clock.sleep(driver.unhurried(driver.step()))
    name = driver.status.serving[0]
    for _ in range(2):
        fleet.somebody.marks(name)
        driver.wait(5)
    driver.run()

    assert len(driver.done(ClearUnhealthyMarks)) == 1
    assert driver.status.outcome is Outcome.STOPPED
    assert "marked unhealthy by group web: grace period 120 s" in driver.status.reason


def test_marked_servers_that_take_requests_leave_one_after_the_other() -> None:
    """All new servers fail within seconds. The fake AWS checks that enough of them stay until others serve."""
    fleet = auto_scaling(outdated=5, physics=Physics(visibility=0, group_reaction=1, application=10))
    fleet.instances.bad_versions[str(NEW)] = Misbehaviour.IMPAIRED
    limits = replace(LIMITS, healthy_seconds=120)
    driver = Driver(fleet, rollout(fleet, on_failure=OnFailure.PAUSE, limits=limits, **at_a_time(1)))
    while len(driver.status.failures) < 3:
        if driver.status.outcome is Outcome.PAUSED:
            driver.resume()
        fleet.clock.sleep(driver.unhurried(driver.step()))

    assert all("marked unhealthy by group web" in failure.cause for failure in driver.status.failures)


def test_a_new_server_that_its_group_replaces_in_the_bake_time_is_a_failure() -> None:
    fleet = auto_scaling(outdated=3)
    driver = Driver(fleet, rollout(fleet, on_failure=OnFailure.ROLLBACK, gates=Gates(bake_seconds=600)))
    while driver.status.gate.baking_since is None:
        fleet.clock.sleep(driver.unhurried(driver.step()))
    driver.wait(20)
    fleet.somebody.marks(driver.status.serving[0])

    assert driver.run().outcome is Outcome.ROLLED_BACK
    assert "turned unhealthy while it baked: marked unhealthy by group web" in driver.status.reason


def test_a_marked_old_server_leaves_first() -> None:
    fleet = auto_scaling(outdated=4)
    driver = Driver(fleet, rollout(fleet))
    driver.run_until(SuspendProcesses)
    marked = fleet.instances.all()[2].instance_id
    fleet.somebody.marks(marked)
    first = driver.run_until(TerminateInGroup)

    assert [action.instance_ids for action in first.actions if isinstance(action, TerminateInGroup)] == [(marked,)]
    assert driver.run().outcome is Outcome.SUCCEEDED


# --- at rest ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", HOW)
def test_at_a_closed_gate_the_group_replaces_unhealthy_servers_by_the_baseline(how: str) -> None:
    fleet = auto_scaling(outdated=4)
    gates = Gates(checkpoints=(Amount(value=1),), needs_approval=True)
    driver = Driver(fleet, rollout(fleet, gates=gates, **HOW[how]))
    at_gate(fleet, driver)
    driver.wait(60)

    assert not suspended(fleet) & CARE
    assert launches(fleet).number == OLD.number


def test_in_the_bake_time_the_group_replaces_unhealthy_servers_by_the_new_version() -> None:
    fleet = auto_scaling(outdated=3)
    driver = Driver(fleet, rollout(fleet, gates=Gates(bake_seconds=300)))
    while driver.status.gate.baking_since is None:
        fleet.clock.sleep(driver.unhurried(driver.step()))
    driver.wait(60)

    assert not suspended(fleet)
    assert launches(fleet).number == NEW.number
    assert driver.run().outcome is Outcome.SUCCEEDED


def paused_by_a_failure(fleet: FakeFleet) -> Driver:
    fleet.instances.bad_versions[str(NEW)] = Misbehaviour.NEVER_HEALTHY
    driver = Driver(fleet, rollout(fleet, on_failure=OnFailure.PAUSE))
    driver.run()
    fleet.instances.bad_versions.clear()
    return driver


def paused_by_a_refused_permission(fleet: FakeFleet) -> Driver:
    driver = Driver(fleet, rollout(fleet))
    driver.run_until(TerminateInGroup)
    fleet.faults.deny(TerminateInGroup, times=9)
    driver.run()
    fleet.faults.clear()
    return driver


def paused_by_a_person(fleet: FakeFleet) -> Driver:
    driver = Driver(fleet, rollout(fleet))
    driver.run_until(TerminateInGroup)
    driver.status = replace(driver.status, user_requests=UserRequests(pause=True))
    driver.run()
    driver.status = replace(driver.status, user_requests=UserRequests())
    return driver


@pytest.mark.parametrize("pause", [paused_by_a_failure, paused_by_a_refused_permission, paused_by_a_person])
def test_in_a_pause_nothing_is_suspended_and_resume_brings_the_rollout_to_its_end(pause: Any) -> None:
    fleet = auto_scaling(outdated=4)
    driver = pause(fleet)

    assert driver.status.outcome is Outcome.PAUSED
    assert not suspended(fleet)
    assert launches(fleet).number == OLD.number
    fleet.clock.sleep(300)
    driver.resume()
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert versions(fleet) == {str(NEW): 4}


def test_a_pause_without_the_permission_to_resume_processes_says_so_and_stays_paused() -> None:
    fleet = auto_scaling(outdated=4)
    driver = Driver(fleet, rollout(fleet))
    driver.run_until(TerminateInGroup)
    fleet.faults.deny(TerminateInGroup, times=9)
    fleet.faults.deny(ResumeProcesses, times=9)
    driver.run()

    assert driver.status.outcome is Outcome.PAUSED
    assert any("ResumeProcesses was refused" in warning for warning in driver.status.warnings)
    fleet.faults.clear()
    driver.resume()
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert not suspended(fleet)


# --- nothing to do ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [standalone, auto_scaling])
@pytest.mark.parametrize("how", [how for how in HOW if how != "reload"])
def test_a_fleet_on_the_version_is_not_touched(make: Any, how: str) -> None:
    fleet = (
        make(outdated=0, current=3, version=str(NEW.number)) if make is auto_scaling else make(outdated=0, current=3)
    )
    gates = Gates(checkpoints=(Amount(value=1),), needs_approval=True, bake_seconds=300)
    driver = Driver(fleet, rollout(fleet, gates=gates, **HOW[how]))

    assert driver.run().outcome is Outcome.SUCCEEDED
    assert driver.status.reason == f"already on version {NEW}: nothing to do"
    assert driver.results == []


@pytest.mark.parametrize("trouble", ["unhealthy", "other version"])
def test_a_fleet_that_is_not_as_it_should_be_is_rolled(trouble: str) -> None:
    version = OLD.number if trouble == "other version" else NEW.number
    fleet = auto_scaling(outdated=0, current=3, version=str(version))
    assert fleet.group is not None
    if trouble == "unhealthy":
        fleet.group.settings.suspended.add("ReplaceUnhealthy")
        fleet.somebody.breaks(fleet.instances.all()[0].instance_id)
        fleet.clock.sleep(120)
    actions: list[type[Action]] = [type(one.action) for one in _run(fleet).results]

    assert SuspendProcesses in actions


def _run(fleet: FakeFleet) -> Driver:
    driver = Driver(fleet, rollout(fleet))
    driver.wait(60)
    return driver


def test_a_server_that_is_reloaded_again_may_serve_although_its_group_has_marked_it() -> None:
    fleet = auto_scaling(outdated=2, physics=Physics(health_grace=5))
    fleet.instances.bad_versions["app-3"] = Misbehaviour.NEVER_HEALTHY
    driver = Driver(fleet, rollout(fleet, on_failure=OnFailure.PAUSE, max_failures=1, **HOW["reload"]))
    for _ in range(2):
        assert driver.run().outcome is Outcome.PAUSED
        driver.resume()
    fleet.instances.bad_versions.clear()
    for one in fleet.instances.all():
        fleet.somebody.fixes(one.instance_id)

    assert driver.run().outcome is Outcome.SUCCEEDED
