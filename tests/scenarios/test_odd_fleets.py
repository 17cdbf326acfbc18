"""Unusual fleets: each has a documented behaviour."""

from dataclasses import replace
from typing import Any

import pytest

from awsroll.core.model.actions import SendCommand, TagInstances, TerminateInGroup
from awsroll.core.model.observation import TargetKey
from awsroll.core.model.rollout_choices import ReloadCommand, SkipPolicy, Strategy
from awsroll.core.model.status import Mode, Outcome
from awsroll.core.model.user_requests import UserRequests
from awsroll.testing.fleet import FakeFleet
from tests.support.builders import NEW, OLD, OLDER, auto_scaling, launch_first, rollout, standalone
from tests.support.drive import Driver, drive, versions

KINDS = {"standalone": standalone, "auto-scaling": auto_scaling}


@pytest.fixture(params=KINDS, name="make")
def _make(request: pytest.FixtureRequest) -> Any:
    return KINDS[request.param]


def test_all_of_several_old_versions_are_replaced(make: Any) -> None:
    fleet = make(outdated=2, current=1)
    fleet.add(OLDER)
    if fleet.group is not None:
        fleet.group.settings.desired = fleet.group.settings.maximum = 4
    driver = drive(fleet, rollout(fleet))
    assert driver.status.outcome is Outcome.SUCCEEDED
    assert versions(fleet) == {str(NEW): 4}
    assert driver.status.counters.replaced == 3, "the server on the new version is skipped"


def test_a_fleet_on_the_new_version_is_left_alone(make: Any) -> None:
    fleet = make(outdated=0, current=3)
    driver = drive(fleet, rollout(fleet))
    assert driver.status.outcome is Outcome.SUCCEEDED
    assert len(fleet.instances.all()) == 3
    assert driver.status.counters.replaced == 0


def test_an_empty_fleet_succeeds_at_once(make: Any) -> None:
    fleet = make(outdated=0)
    driver = drive(fleet, rollout(fleet))
    assert driver.status.outcome is Outcome.SUCCEEDED
    assert not fleet.instances.all()


def test_an_empty_group_is_left_with_the_new_version_pinned() -> None:
    fleet = auto_scaling(outdated=0)
    drive(fleet, rollout(fleet))
    assert fleet.group is not None
    assert fleet.group.settings.version == str(NEW.number)


def test_a_fleet_of_one_never_stops_serving_when_the_new_one_is_launched_first(make: Any) -> None:
    fleet = make(outdated=1)
    driver = drive(fleet, rollout(fleet, **launch_first(1)))
    assert driver.status.outcome is Outcome.SUCCEEDED
    assert fleet.safety.lowest_serving == 1


def test_unhealthy_old_instances_go_first(make: Any) -> None:
    fleet = make(outdated=4)
    if fleet.group is not None:
        fleet.group.settings.suspended.add("ReplaceUnhealthy")
    fleet.somebody.breaks("i-0003")
    fleet.clock.sleep(30)
    driver = Driver(fleet, rollout(fleet))
    driver.run_until(TerminateInGroup) if fleet.group is not None else driver.wait(1)
    left = next(entry.instance_id for entry in fleet.world.journal if entry.name == "target.deregistered")
    assert left == "i-0003"
    assert driver.run().outcome is Outcome.SUCCEEDED


def test_zones_stay_balanced_while_instances_leave(make: Any) -> None:
    fleet = make(outdated=6)
    drive(fleet, rollout(fleet))
    names = [entry.instance_id for entry in fleet.world.journal if entry.name == "target.deregistered"]
    zones = [fleet.instances[name].zone for name in names if fleet.instances[name].template == OLD]
    assert [sorted(zones[:3]), sorted(zones[3:])] == [["zone-a", "zone-b", "zone-c"]] * 2


def protected(make: Any, policy: SkipPolicy) -> tuple[FakeFleet, Driver]:
    fleet = make(outdated=3)
    fleet.somebody.protects("i-0002")
    return fleet, Driver(fleet, rollout(fleet, protected=policy))


def test_a_protected_instance_is_left_when_it_is_ignored(make: Any) -> None:
    fleet, driver = protected(make, SkipPolicy.IGNORE)
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert versions(fleet) == {str(NEW): 2, str(OLD): 1}
    assert driver.status.counters.skipped == 1


def test_a_protected_instance_is_waited_for_and_replaced_once_its_protection_is_removed(make: Any) -> None:
    fleet, driver = protected(make, SkipPolicy.WAIT)
    driver.wait(900)
    assert not driver.ended
    assert versions(fleet) == {str(NEW): 2, str(OLD): 1}
    fleet.somebody.protects("i-0002", protected=False)
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert versions(fleet) == {str(NEW): 3}


def test_an_instance_that_stays_protected_fails_the_rollout(make: Any) -> None:
    fleet, driver = protected(make, SkipPolicy.WAIT)
    status = driver.run()
    assert status.outcome is Outcome.STOPPED
    assert "i-0002" in status.reason
    assert "protected" in status.reason
    assert fleet.instances["i-0002"].live


def test_a_protected_member_is_replaced_on_request() -> None:
    fleet, driver = protected(auto_scaling, SkipPolicy.REPLACE)
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert versions(fleet) == {str(NEW): 3}


def standing_by(policy: SkipPolicy, **changes: Any) -> tuple[FakeFleet, Driver]:
    fleet = auto_scaling(outdated=4)
    fleet.somebody.puts_in_standby("i-0002")
    fleet.clock.sleep(60)
    return fleet, Driver(fleet, rollout(fleet, standby=policy, **changes))


def test_an_instance_in_standby_is_left_when_it_is_ignored() -> None:
    fleet, driver = standing_by(SkipPolicy.IGNORE)
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert fleet.instances["i-0002"].live
    assert versions(fleet) == {str(NEW): 3, str(OLD): 1}


def test_an_instance_in_standby_is_waited_for() -> None:
    fleet, driver = standing_by(SkipPolicy.WAIT)
    driver.wait(900)
    assert not driver.ended
    fleet.somebody.takes_out_of_standby("i-0002")
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert versions(fleet) == {str(NEW): 4}


def test_an_instance_in_standby_is_replaced_on_request_and_not_put_in_service() -> None:
    fleet, driver = standing_by(SkipPolicy.REPLACE)
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert not fleet.instances["i-0002"].live
    assert versions(fleet) == {str(NEW): 3}


def test_an_instance_in_standby_is_reloaded_on_request_and_stays_in_standby() -> None:
    fleet, driver = standing_by(SkipPolicy.REPLACE, strategy=Strategy.RELOAD)
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert versions(fleet) == {"app-3": 4}
    assert fleet.group is not None
    assert str(fleet.group.members["i-0002"].lifecycle) == "Standby"


@pytest.mark.parametrize("asked", [UserRequests(abort=True), UserRequests(rollback=True)], ids=["abort", "rollback"])
@pytest.mark.parametrize("reached", [TagInstances, SendCommand])
def test_an_instance_in_standby_stays_there_when_its_reload_is_cancelled(asked: UserRequests, reached: Any) -> None:
    back = ReloadCommand(app_version="app-2", commands=("deploy app-2",))
    fleet, driver = standing_by(SkipPolicy.REPLACE, strategy=Strategy.RELOAD, rollback_reload=back)
    assert driver.run_until(reached).actions[0].instance_ids == ("i-0002",)  # type: ignore[union-attr]
    driver.status = replace(driver.status, user_requests=asked)
    assert driver.run().mode is Mode.ENDED
    assert fleet.group is not None
    assert str(fleet.group.members["i-0002"].lifecycle) == "Standby"
    assert fleet.group.settings.desired == 3


def test_a_foreign_instance_in_the_target_group_is_never_touched(make: Any) -> None:
    fleet = make(outdated=3)
    stranger = fleet.add_stranger(OLD)
    driver = drive(fleet, rollout(fleet))
    assert driver.status.outcome is Outcome.SUCCEEDED
    assert stranger.live
    assert not stranger.tags


def test_instances_on_different_ports_are_replaced_each_on_its_own() -> None:
    fleet = standalone(outdated=2)
    key = TargetKey(target_group="arn:web", port=8080)
    fleet.add(OLD, count=2, keys=(key,))
    assert drive(fleet, rollout(fleet)).status.outcome is Outcome.SUCCEEDED
    ports = sorted(entry.key.port for one in fleet.instances.all() for entry in fleet.targets.of(one.instance_id))
    assert ports == [80, 80, 8080, 8080]


def test_processes_that_were_suspended_before_stay_so() -> None:
    fleet = auto_scaling(outdated=3, suspended={"AZRebalance", "ScheduledActions"})
    drive(fleet, rollout(fleet, **launch_first(1)))
    assert fleet.group is not None
    assert fleet.group.settings.suspended == {"AZRebalance", "ScheduledActions"}


def test_a_group_that_protects_every_new_instance_is_rolled() -> None:
    fleet = auto_scaling(outdated=3, protect_new=True)
    assert drive(fleet, rollout(fleet)).status.outcome is Outcome.SUCCEEDED
    assert versions(fleet) == {str(NEW): 3}


def test_the_deregistration_delay_is_set_for_the_rollout_only(make: Any) -> None:
    fleet = make(outdated=2)
    drive(fleet, rollout(fleet, deregistration_delay_seconds=5))
    set_to = [entry.detail for entry in fleet.world.journal if entry.name == "target-group.delay-set"]
    assert set_to == ["arn:web 5", "arn:web 30"]


def test_the_health_checks_are_set_for_the_rollout_only(make: Any) -> None:
    fleet = make(outdated=2)
    drive(fleet, rollout(fleet, health_check_interval_seconds=3, health_check_threshold=4))
    set_to = [entry.detail for entry in fleet.world.journal if entry.name == "target-group.health-checks-set"]
    assert set_to == ["arn:web 3 4", "arn:web 5 3"]


def test_a_lowest_member_count_does_not_stop_a_reload() -> None:
    fleet = auto_scaling(outdated=3, minimum=3)
    assert drive(fleet, rollout(fleet, strategy=Strategy.RELOAD)).status.outcome is Outcome.SUCCEEDED
    assert fleet.group is not None
    assert fleet.group.settings.minimum == 3
