"""Each deadline and each refusal stops the rollout with its cause, and the fleet is restored."""

from dataclasses import replace
from typing import Any

import pytest

from awsroll.core.model.actions import (
    LaunchInGroup,
    LaunchInstance,
    RegisterTargets,
    SendCommand,
    SuspendProcesses,
    TerminateInGroup,
    TerminateInstance,
)
from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.model.status import Outcome, Status
from awsroll.core.model.user_requests import UserRequests
from awsroll.testing.fleet import FakeFleet
from awsroll.testing.instances import Misbehaviour
from awsroll.testing.world import Physics
from tests.support.builders import (
    LIMITS,
    NEW,
    OLD,
    at_a_time,
    auto_scaling,
    launch_first,
    rollout,
    standalone,
    target_group,
)
from tests.support.drive import Driver, versions

KINDS = {"standalone": standalone, "auto-scaling": auto_scaling}


@pytest.fixture(params=KINDS, name="make")
def _make(request: pytest.FixtureRequest) -> Any:
    return KINDS[request.param]


def stopped(fleet: FakeFleet, **changes: Any) -> Status:
    status = Driver(fleet, rollout(fleet, **changes)).run()
    assert status.outcome is Outcome.STOPPED
    return status


def test_a_version_that_never_gets_healthy_is_stopped_with_the_reason_code(make: Any) -> None:
    fleet = make(outdated=4)
    fleet.instances.bad_versions[str(NEW)] = Misbehaviour.NEVER_HEALTHY
    status = stopped(fleet)
    assert "not healthy within 300 s" in status.reason
    assert "Target.FailedHealthChecks" in status.reason
    assert versions(fleet)[str(OLD)] == 3, "only the first old one has gone"


def test_a_bad_version_launched_first_is_terminated_and_the_old_servers_stay(make: Any) -> None:
    fleet = make(outdated=4)
    fleet.instances.bad_versions[str(NEW)] = Misbehaviour.NEVER_HEALTHY
    stopped(fleet, **launch_first(2))
    fleet.clock.sleep(300)
    fleet.world.catch_up()
    assert versions(fleet) == {str(OLD): 4}
    assert fleet.safety.lowest_serving == 4


def test_a_bad_version_in_double_half_leaves_the_old_half(make: Any) -> None:
    fleet = make(outdated=3)
    fleet.instances.bad_versions[str(NEW)] = Misbehaviour.NEVER_HEALTHY
    stopped(fleet, strategy=Strategy.DOUBLE_HALF)
    fleet.clock.sleep(300)
    fleet.world.catch_up()
    assert versions(fleet) == {str(OLD): 3}


def test_an_instance_that_does_not_boot_is_stopped_with_its_state_reason(make: Any) -> None:
    fleet = make(outdated=3)
    fleet.instances.bad_versions[str(NEW)] = Misbehaviour.BOOT_FAILS
    assert "Client.InternalError" in stopped(fleet, **launch_first(1)).reason


def test_an_instance_that_stays_pending_misses_the_launch_deadline(make: Any) -> None:
    fleet = make(outdated=3, physics=Physics(boot=5000))
    assert "within 300 s" in stopped(fleet).reason


def test_a_drain_that_takes_longer_than_expected_is_waited_out_with_a_warning(make: Any) -> None:
    fleet = make(
        outdated=3, target_groups=(target_group(deregistration_delay_seconds=900, managed=make is auto_scaling),)
    )
    driver = Driver(fleet, rollout(fleet, **at_a_time(1)))
    status = driver.run()
    assert status.outcome is Outcome.SUCCEEDED, status.reason
    assert any("within 120 s; still waiting" in warning for warning in status.warnings)
    assert status.failures == ()
    assert fleet.safety.lowest_serving == 2


def test_capacity_that_never_comes_stops_with_the_message_of_aws(make: Any) -> None:
    fleet = make(outdated=3)
    fleet.fail_launches(1000)
    status = stopped(fleet)
    assert "within 300 s" in status.reason
    assert "sufficient t3.small capacity" in status.reason


def test_a_template_that_can_never_launch_is_stopped_at_once_with_the_message_of_the_group() -> None:
    fleet = auto_scaling(outdated=3)
    assert fleet.group is not None
    fleet.group.settings.bad_versions[str(NEW.number)] = "The key pair 'deploy' does not exist."
    begun = fleet.clock.monotonic()
    status = stopped(fleet)
    assert status.reason == "the group cannot launch: The key pair 'deploy' does not exist."
    assert fleet.clock.monotonic() - begun < LIMITS.launch_seconds


def test_a_rollout_repairs_a_group_whose_old_template_can_never_launch() -> None:
    fleet = auto_scaling(outdated=3)
    assert fleet.group is not None
    fleet.group.settings.desired = fleet.group.settings.maximum = 4
    fleet.group.settings.bad_versions[str(OLD.number)] = "The key pair 'deploy' does not exist."
    fleet.group.wake()
    fleet.clock.sleep(5)
    driver = Driver(fleet, rollout(fleet))
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert fleet.group.failures
    assert versions(fleet) == {str(NEW): 4}


def test_a_zone_without_capacity_is_left_for_the_groups_other_zones() -> None:
    fleet = auto_scaling(outdated=6, maximum=8)
    assert fleet.group is not None
    fleet.group.settings.full_zones.add("zone-b")
    begun = fleet.clock.monotonic()
    driver = Driver(fleet, rollout(fleet, **launch_first(2)))
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert fleet.clock.monotonic() - begun < 2 * LIMITS.launch_seconds
    zones = [one.zone for one in fleet.instances.all() if one.template == NEW]
    assert "zone-b" not in zones
    assert zones.count("zone-a") == zones.count("zone-c") == 3
    tried = [one for one in driver.results if one.code == "InsufficientInstanceCapacity"]
    assert 1 <= len(tried) <= 3, "the full zone is not asked again and again"
    assert driver.status.shortage.zones.keys() == {"zone-b"}


def test_a_zone_that_has_capacity_again_is_used_again() -> None:
    fleet = auto_scaling(outdated=6, maximum=7, physics=Physics(boot=100))
    assert fleet.group is not None
    fleet.group.settings.full_zones.add("zone-b")
    driver = Driver(fleet, rollout(fleet, **launch_first(1)))
    driver.wait(250)
    assert driver.status.shortage.zones
    fleet.group.settings.full_zones.clear()
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert "zone-b" in {one.zone for one in fleet.instances.all() if one.template == NEW}
    assert driver.status.shortage.zones == {}


def test_when_every_zone_is_full_each_is_asked_again_until_the_deadline() -> None:
    fleet = auto_scaling(outdated=3, maximum=4)
    assert fleet.group is not None
    fleet.group.settings.full_zones |= {"zone-a", "zone-b", "zone-c"}
    status = stopped(fleet, **launch_first(1))
    assert "no new instance within 300 s" in status.reason
    assert "sufficient t3.small capacity" in status.reason


def test_capacity_that_comes_late_is_waited_for(make: Any) -> None:
    fleet = make(outdated=3)
    fleet.fail_launches(2)
    assert Driver(fleet, rollout(fleet)).run().outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize("make_fleet", KINDS.values(), ids=KINDS)
def test_a_failed_reload_command_stops_and_the_instance_returns_to_service(make_fleet: Any) -> None:
    fleet = make_fleet(outdated=3)
    fleet.commands.failing = 1
    status = stopped(fleet, strategy=Strategy.RELOAD)
    assert "reload command failed: exit status 1" in status.reason
    fleet.clock.sleep(60)
    fleet.world.catch_up()
    assert len(fleet.safety.serving()) == 3


@pytest.mark.parametrize("make_fleet", KINDS.values(), ids=KINDS)
def test_a_reload_command_that_hangs_misses_its_deadline(make_fleet: Any) -> None:
    fleet = make_fleet(outdated=3, physics=Physics(command=2000))
    assert "reload command not finished within 300 s" in stopped(fleet, strategy=Strategy.RELOAD).reason


def test_no_progress_at_all_is_a_failure() -> None:
    fleet = standalone(outdated=3)
    limits = replace(LIMITS, healthy_seconds=5000, progress_seconds=600)
    fleet.instances.bad_versions[str(NEW)] = Misbehaviour.NEVER_HEALTHY
    assert "no progress for 600 s" in stopped(fleet, limits=limits).reason


def test_a_version_that_flaps_fails_within_its_minimum_healthy_time(make: Any) -> None:
    fleet = make(outdated=3)
    fleet.instances.bad_versions[str(NEW)] = Misbehaviour.FLAPS
    status = stopped(fleet, limits=replace(LIMITS, min_healthy_seconds=90))
    assert "turned unhealthy within its minimum healthy time" in status.reason


def test_a_permanently_refused_launch_stops_with_the_message_of_aws(make: Any) -> None:
    fleet = make(outdated=3)
    kind = LaunchInstance if fleet.group is None else LaunchInGroup
    fleet.faults.refuse(kind, "VcpuLimitExceeded", times=100)
    assert "VcpuLimitExceeded" in stopped(fleet, **launch_first(1)).reason


@pytest.mark.parametrize(
    ("make_fleet", "action"),
    [(standalone, RegisterTargets), (standalone, TerminateInstance), (auto_scaling, SuspendProcesses)],
    ids=["register", "terminate", "suspend"],
)
def test_a_refused_permission_pauses_and_the_rollout_continues_once_it_is_granted(make_fleet: Any, action: Any) -> None:
    fleet = make_fleet(outdated=2)
    fleet.faults.deny(action)
    driver = Driver(fleet, rollout(fleet))
    status = driver.run()
    assert status.outcome is Outcome.PAUSED
    assert "not authorized" in status.reason
    driver.status = replace(driver.status, outcome=Outcome.RUNNING, reason="")
    assert driver.run().outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize("make_fleet", [auto_scaling], ids=["auto-scaling"])
def test_a_termination_that_is_refused_stops_and_restores(make_fleet: Any) -> None:
    fleet = make_fleet(outdated=3)
    fleet.faults.refuse(TerminateInGroup, "ResourceContention", times=1)
    assert "ResourceContention" in stopped(fleet).reason


def test_a_command_that_is_refused_brings_the_instance_back() -> None:
    fleet = standalone(outdated=3)
    fleet.faults.refuse(SendCommand, "InvalidInstanceId", times=1)
    stopped(fleet, strategy=Strategy.RELOAD)
    fleet.clock.sleep(60)
    fleet.world.catch_up()
    assert len(fleet.safety.serving()) == 3


def test_a_surplus_member_that_dies_before_its_termination_was_asked_for_has_not_lowered_desired() -> None:
    fleet = auto_scaling(outdated=3)
    fleet.instances.bad_versions[str(NEW)] = Misbehaviour.BOOT_FAILS
    driver = Driver(fleet, rollout(fleet, **launch_first()))
    driver.run_until(LaunchInGroup)
    driver.status = replace(driver.status, user_requests=UserRequests(abort=True))
    crashed = driver.look()
    driver.save(crashed)
    assert [type(one) for one in crashed.actions] == [TerminateInGroup]
    fleet.clock.sleep(25)
    assert driver.run().outcome is Outcome.STOPPED
    assert fleet.group is not None
    assert fleet.group.settings.desired == 3


def test_a_stop_waits_for_servers_whose_drain_is_late() -> None:
    fleet = standalone(outdated=2)
    limits = replace(LIMITS, drain_seconds=10, poll_seconds=5)  # less than the 30 s that a drain takes here
    driver = Driver(fleet, rollout(fleet, limits=limits, **launch_first()))
    while not driver.status.serving:
        fleet.clock.sleep(driver.unhurried(driver.step()))
    driver.status = driver.stopped()

    assert driver.run().outcome is Outcome.STOPPED
    assert versions(fleet) == {str(OLD): 2}
