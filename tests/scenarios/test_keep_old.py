"""Kept old servers: out of traffic but running, so that a rollback takes a health check and no boot."""

from dataclasses import replace
from typing import Any

import pytest

from awsroll.core.model.actions import LaunchInGroup, LaunchInstance
from awsroll.core.model.amount import EVERYTHING, Amount
from awsroll.core.model.observation import AlarmState
from awsroll.core.model.rollout_choices import Gates, OnFailure, Strategy
from awsroll.core.model.status import Outcome
from awsroll.core.model.user_requests import UserRequests
from tests.support.builders import NEW, OLD, auto_scaling, rollout, standalone
from tests.support.drive import Driver, versions

KINDS = {"standalone": standalone, "auto-scaling": auto_scaling}
HOW: dict[str, dict[str, Any]] = {
    "double-half": {"strategy": Strategy.DOUBLE_HALF, "max_unavailable": Amount(value=0)},
    "launch-first": {"max_unavailable": Amount(value=0), "max_surge": EVERYTHING},
}
KEEPING: dict[str, Any] = {"keep_old": True, "on_failure": OnFailure.ROLLBACK}


@pytest.fixture(params=KINDS, name="make")
def _make(request: pytest.FixtureRequest) -> Any:
    return KINDS[request.param]


@pytest.fixture(params=HOW, name="how")
def _how(request: pytest.FixtureRequest) -> dict[str, Any]:
    return HOW[request.param]


def baking(make: Any, how: dict[str, Any], outdated: int = 3) -> tuple[Any, Driver]:
    fleet = make(outdated=outdated)
    fleet.alarms["errors"] = AlarmState.OK
    gates = Gates(bake_seconds=900, alarms=("errors",))
    driver = Driver(fleet, rollout(fleet, gates=gates, **KEEPING, **how))
    while driver.status.gate.baking_since is None:
        assert not driver.ended
        fleet.clock.sleep(driver.unhurried(driver.step()))
    return fleet, driver


def test_old_servers_run_out_of_traffic_until_the_bake_time_has_passed(make: Any, how: dict[str, Any]) -> None:
    fleet, driver = baking(make, how)
    assert versions(fleet) == {str(OLD): 3, str(NEW): 3}
    old = {one.instance_id for one in fleet.instances.all() if one.application_version == str(OLD)}
    assert set(driver.status.kept) == old
    assert not fleet.safety.serving() & old
    assert driver.run().outcome is Outcome.SUCCEEDED
    fleet.clock.sleep(120)
    fleet.world.catch_up()
    assert versions(fleet) == {str(NEW): 3}
    assert len(fleet.safety.serving()) == 3


def test_an_alarm_returns_kept_servers_to_service_without_a_boot(make: Any, how: dict[str, Any]) -> None:
    fleet, driver = baking(make, how)
    launches = LaunchInstance if fleet.group is None else LaunchInGroup
    before = len(driver.done(launches))
    fleet.alarms["errors"] = AlarmState.ALARM
    began = fleet.clock.now()
    while len(fleet.safety.serving() & set(driver.status.serving)) < 3 or not driver.status.rolling_back:
        fleet.clock.sleep(driver.unhurried(driver.step()))
    assert (fleet.clock.now() - began).total_seconds() <= 60, "a health check, not a boot"
    assert driver.run().outcome is Outcome.ROLLED_BACK
    assert len(driver.done(launches)) == before
    fleet.clock.sleep(120)
    fleet.world.catch_up()
    assert versions(fleet) == {str(OLD): 3}
    assert len(fleet.safety.serving()) == 3
    assert fleet.safety.lowest_serving >= 3


@pytest.mark.parametrize("steps", range(1, 70, 5))
def test_a_rollout_with_kept_servers_is_rolled_back_at_any_moment(make: Any, how: dict[str, Any], steps: int) -> None:
    fleet = make(outdated=3)
    driver = Driver(fleet, rollout(fleet, gates=Gates(bake_seconds=300), **KEEPING, **how))
    for _ in range(steps):
        if not driver.ended:
            fleet.clock.sleep(driver.unhurried(driver.step()))
    if driver.ended:
        return
    driver.status = replace(driver.status, user_requests=UserRequests(rollback=True))
    status = driver.run()
    fleet.clock.sleep(200)
    fleet.world.catch_up()
    assert versions(fleet) == {str(OLD if status.outcome is Outcome.ROLLED_BACK else NEW): 3}
    assert len(fleet.safety.serving()) == 3
    assert fleet.safety.lowest_serving >= 3


def test_an_abort_in_the_bake_time_terminates_the_kept_servers(make: Any, how: dict[str, Any]) -> None:
    fleet, driver = baking(make, how)
    driver.status = replace(driver.status, user_requests=UserRequests(abort=True))
    assert driver.run().outcome is Outcome.STOPPED
    fleet.clock.sleep(200)
    fleet.world.catch_up()
    assert versions(fleet) == {str(NEW): 3}


def test_a_kept_server_leaves_when_someone_deregisters_its_replacement(how: dict[str, Any]) -> None:
    fleet = standalone(outdated=3)
    driver = Driver(fleet, rollout(fleet, gates=Gates(bake_seconds=900), **KEEPING, **how))
    while len(driver.status.kept) < 3:
        fleet.clock.sleep(driver.unhurried(driver.step()))
    driver.step()
    first = driver.status.slots[0].instance_ids[0]
    fleet.somebody.deregisters(first)
    driver.wait(60)
    assert len(driver.status.kept) == 2
    assert versions(fleet) == {str(OLD): 2, str(NEW): 3}
    driver.status = replace(driver.status, user_requests=UserRequests(rollback=True))
    assert driver.run().outcome is Outcome.ROLLED_BACK
    fleet.clock.sleep(120)
    fleet.world.catch_up()
    assert len(fleet.safety.serving()) == 2
    assert versions(fleet) == {str(OLD): 2, str(NEW): 1}
