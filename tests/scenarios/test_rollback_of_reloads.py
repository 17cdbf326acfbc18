"""Rollbacks of a reload: the previous code on the same servers, and new servers for those that died."""

from dataclasses import replace
from typing import Any

import pytest

from awsroll.core.model.rollout_choices import OnFailure, ReloadCommand, Strategy
from awsroll.core.model.status import Outcome
from awsroll.core.model.user_requests import UserRequests
from awsroll.testing.instances import Misbehaviour
from tests.support.builders import (
    LIMITS,
    auto_scaling,
    rollout,
    standalone,
)
from tests.support.drive import Driver, versions

KINDS = {"standalone": standalone, "auto-scaling": auto_scaling}
UNDO = ReloadCommand(app_version="app-2", commands=("deploy app-2",))
RELOADS: dict[str, Any] = {"strategy": Strategy.RELOAD, "rollback_reload": UNDO}
BACK: dict[str, Any] = {"on_failure": OnFailure.ROLLBACK}


@pytest.fixture(params=KINDS, name="make")
def _make(request: pytest.FixtureRequest) -> Any:
    return KINDS[request.param]


def settled(fleet: Any) -> dict[str, int]:
    fleet.clock.sleep(300)
    fleet.world.catch_up()
    return versions(fleet)


@pytest.mark.parametrize("steps", range(1, 50, 3))
def test_a_reload_is_rolled_back_on_request_at_any_moment(make: Any, steps: int) -> None:
    fleet = make(outdated=3)
    for one in fleet.instances.all():
        fleet.instances.run_version(one, "app-2")
    driver = Driver(fleet, rollout(fleet, **RELOADS))
    for _ in range(steps):
        if not driver.ended:
            fleet.clock.sleep(driver.unhurried(driver.step()))
    if driver.ended:
        return
    driver.status = replace(driver.status, user_requests=UserRequests(rollback=True))
    status = driver.run()
    assert settled(fleet) == {("app-2" if status.outcome is Outcome.ROLLED_BACK else "app-3"): 3}
    assert len(fleet.safety.serving()) == 3


def test_a_reload_command_that_fails_is_undone_where_it_ran(make: Any) -> None:
    fleet = make(outdated=3)
    for one in fleet.instances.all():
        fleet.instances.run_version(one, "app-2")
    fleet.commands.failing = 1
    driver = Driver(fleet, rollout(fleet, **RELOADS, **BACK))
    status = driver.run()
    assert status.outcome is Outcome.ROLLED_BACK
    assert "reload command failed" in status.reason
    assert settled(fleet) == {"app-2": 3}


def test_a_rollback_of_a_reload_keeps_the_groups_template_version() -> None:
    fleet = auto_scaling(outdated=2, version="$Latest")
    driver = Driver(fleet, rollout(fleet, **RELOADS))
    driver.wait(60)
    driver.status = replace(driver.status, user_requests=UserRequests(rollback=True))
    assert driver.run().outcome is Outcome.ROLLED_BACK
    assert fleet.group is not None
    assert fleet.group.settings.version == "$Latest"
    assert not [one for one in fleet.world.journal if one.name == "group.version-set"]


@pytest.mark.parametrize("harmed_at", [10, 35, 45, 54, 56, 60])
def test_a_member_that_dies_in_its_reload_is_ended_and_its_replacement_reloaded(harmed_at: int) -> None:
    fleet = auto_scaling(outdated=3)
    driver = Driver(fleet, rollout(fleet, **RELOADS, max_failures=1, **BACK))
    driver.wait(harmed_at, look_every=1)
    fleet.somebody.kills((*driver.status.reloading, *driver.status.serving)[0])
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert settled(fleet) == {"app-3": 3}
    assert len(fleet.safety.serving()) == 3


def test_a_reload_that_kills_its_servers_is_rolled_back() -> None:
    fleet = auto_scaling(outdated=3)
    fleet.instances.bad_versions["app-3"] = Misbehaviour.DIES
    driver = Driver(fleet, rollout(fleet, **RELOADS, **BACK, limits=replace(LIMITS, min_healthy_seconds=60)))
    status = driver.run()
    assert status.outcome is Outcome.ROLLED_BACK
    assert "app-3" not in settled(fleet)
    assert len(fleet.safety.serving()) == 3
