"""Rollbacks: the same planner with the baseline as its goal, at any moment and for any reason."""

from dataclasses import replace
from typing import Any

import pytest

from awsroll.core.classify.instance_facts import LAG_SECONDS
from awsroll.core.model.actions import (
    DeregisterTargets,
    DetachFromGroup,
    LaunchInGroup,
    LaunchInstance,
    TerminateInGroup,
    TerminateInstance,
)
from awsroll.core.model.amount import Amount
from awsroll.core.model.hooks import Hook, HookPoint
from awsroll.core.model.observation import TargetKey
from awsroll.core.model.rollout_choices import Gates, OnFailure, Strategy
from awsroll.core.model.status import Mode, Outcome
from awsroll.core.model.user_requests import UserRequests
from awsroll.testing.faults import When
from awsroll.testing.instances import Misbehaviour
from awsroll.testing.world import Physics
from tests.support.builders import (
    API,
    LIMITS,
    NEW,
    OLD,
    OLDER,
    auto_scaling,
    launch_first,
    rollout,
    standalone,
    target_group,
)
from tests.support.drive import Driver, versions

KINDS = {"standalone": standalone, "auto-scaling": auto_scaling}
HOW: dict[str, dict[str, Any]] = {
    "replace": {},
    "two-at-a-time": {"max_unavailable": Amount(value=2)},
    "launch-first": launch_first(1),
    "double-half": {"strategy": Strategy.DOUBLE_HALF, "max_unavailable": Amount(value=0)},
}
BACK: dict[str, Any] = {"on_failure": OnFailure.ROLLBACK}


@pytest.fixture(params=KINDS, name="make")
def _make(request: pytest.FixtureRequest) -> Any:
    return KINDS[request.param]


@pytest.fixture(params=HOW, name="how")
def _how(request: pytest.FixtureRequest) -> dict[str, Any]:
    return HOW[request.param]


def settled(fleet: Any) -> dict[str, int]:
    fleet.clock.sleep(300)
    fleet.world.catch_up()
    return versions(fleet)


def test_a_version_that_never_gets_healthy_is_rolled_back(make: Any, how: dict[str, Any]) -> None:
    fleet = make(outdated=4)
    fleet.instances.bad_versions[str(NEW)] = Misbehaviour.NEVER_HEALTHY
    driver = Driver(fleet, rollout(fleet, **BACK, **how))
    status = driver.run()
    assert status.outcome is Outcome.ROLLED_BACK
    assert "not healthy within 300 s" in status.reason
    assert settled(fleet) == {str(OLD): 4}
    assert len(fleet.safety.serving()) == 4


@pytest.mark.parametrize("harm", [Misbehaviour.DIES, Misbehaviour.BOOT_FAILS])
def test_a_version_whose_instances_die_is_rolled_back(make: Any, how: dict[str, Any], harm: Misbehaviour) -> None:
    fleet = make(outdated=3)
    fleet.instances.bad_versions[str(NEW)] = harm
    driver = Driver(fleet, rollout(fleet, **BACK, **how, limits=replace(LIMITS, min_healthy_seconds=60)))
    assert driver.run().outcome is Outcome.ROLLED_BACK
    assert settled(fleet) == {str(OLD): 3}


def test_double_half_ends_the_new_half_and_loses_no_capacity(make: Any) -> None:
    fleet = make(outdated=4)
    fleet.instances.bad_versions[str(NEW)] = Misbehaviour.NEVER_HEALTHY
    driver = Driver(fleet, rollout(fleet, **BACK, **HOW["double-half"]))
    assert driver.run().outcome is Outcome.ROLLED_BACK
    assert fleet.safety.lowest_serving == 4
    launches = LaunchInstance if fleet.group is None else LaunchInGroup
    assert sum(one.launch.count for one in driver.done(launches)) == 4, "no old server was launched again"


@pytest.mark.parametrize("steps", range(1, 60, 4))
def test_a_rollout_is_rolled_back_on_request_at_any_moment(make: Any, how: dict[str, Any], steps: int) -> None:
    fleet = make(outdated=3)
    driver = Driver(fleet, rollout(fleet, **how))
    for _ in range(steps):
        if not driver.ended:
            fleet.clock.sleep(driver.unhurried(driver.step()))
    if driver.ended:
        return
    driver.status = replace(driver.status, user_requests=UserRequests(rollback=True))
    status = driver.run()
    assert status.outcome in (Outcome.ROLLED_BACK, Outcome.SUCCEEDED)
    wanted = OLD if status.outcome is Outcome.ROLLED_BACK else NEW
    assert settled(fleet) == {str(wanted): 3}
    assert len(fleet.safety.serving()) == 3


def test_one_failure_may_be_tried_again(make: Any, how: dict[str, Any]) -> None:
    fleet = make(outdated=3)
    driver = Driver(fleet, rollout(fleet, max_failures=1, **BACK, **how))
    fleet.instances.bad_versions[str(NEW)] = Misbehaviour.BOOT_FAILS
    while not driver.status.failures:
        fleet.clock.sleep(driver.unhurried(driver.step()))
    if len(driver.status.failures) > 1:  # double-half launches all at once
        assert driver.run().outcome is Outcome.ROLLED_BACK
        return
    fleet.instances.bad_versions.clear()
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert settled(fleet) == {str(NEW): 3}


def test_a_failed_replacement_that_runs_is_taken_out_and_tried_again(make: Any) -> None:
    fleet = make(outdated=3)
    fleet.instances.bad_versions[str(NEW)] = Misbehaviour.NEVER_HEALTHY
    driver = Driver(fleet, rollout(fleet, max_failures=1, **BACK))
    while not driver.status.failures:
        fleet.clock.sleep(driver.unhurried(driver.step()))
    fleet.instances.bad_versions.clear()
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert settled(fleet) == {str(NEW): 3}


def test_a_failure_may_pause_and_resume_once_it_is_fixed(make: Any) -> None:
    fleet = make(outdated=3)
    fleet.instances.bad_versions[str(NEW)] = Misbehaviour.NEVER_HEALTHY
    driver = Driver(fleet, rollout(fleet, on_failure=OnFailure.PAUSE))
    status = driver.run()
    assert status.outcome is Outcome.PAUSED
    assert "not healthy within" in status.reason
    fleet.instances.bad_versions.clear()
    driver.status = replace(status, outcome=Outcome.RUNNING, reason="")
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert settled(fleet) == {str(NEW): 3}


def test_a_rollback_that_fails_stops_and_reports_it(make: Any) -> None:
    fleet = make(outdated=3)
    fleet.instances.bad_versions[str(NEW)] = Misbehaviour.NEVER_HEALTHY
    fleet.instances.bad_versions[str(OLD)] = Misbehaviour.NEVER_HEALTHY
    status = Driver(fleet, rollout(fleet, **BACK)).run()
    assert (status.mode, status.outcome) == (Mode.ENDED, Outcome.STOPPED)
    assert status.reason.startswith("the rollback failed: ")


def test_aborting_a_rollback_ends_the_surge_that_the_group_launched() -> None:
    fleet = auto_scaling(outdated=3, can_launch_instances=False)
    fleet.instances.bad_versions[str(NEW)] = Misbehaviour.BOOT_FAILS
    driver = Driver(fleet, rollout(fleet, **BACK, **launch_first("100%")))
    fleet.faults.lose_answer(TerminateInGroup, When.BEFORE)
    while versions(fleet).get(str(OLD), 0) < 6 or not driver.status.calls:
        fleet.clock.sleep(driver.unhurried(driver.step()))
    assert driver.status.rolling_back
    driver.status = replace(driver.status, user_requests=UserRequests(abort=True))
    assert driver.run().outcome is Outcome.STOPPED
    assert fleet.group is not None
    assert (fleet.group.settings.desired, fleet.group.settings.maximum) == (3, 3)
    assert settled(fleet) == {str(OLD): 3}


def test_aborting_a_rollback_registers_the_members_that_remain_wherever_they_should_be() -> None:
    extra = (TargetKey(target_group=API, port=80),)
    groups = (target_group(managed=True), target_group(API))
    fleet = auto_scaling(outdated=4, target_groups=groups, extra=extra)
    driver = Driver(fleet, rollout(fleet, **BACK, **launch_first(2), extra_targets=extra))
    driver.run_until(LaunchInGroup)
    fleet.clock.sleep(LAG_SECONDS)
    fleet.somebody.scales(4)
    driver.step()
    driver.status = replace(driver.status, user_requests=UserRequests(rollback=True))
    driver.step()
    driver.status = replace(driver.status, user_requests=UserRequests(abort=True))
    assert driver.run().outcome is Outcome.STOPPED
    assert settled(fleet) == {str(OLD): 2, str(NEW): 2}
    assert len(fleet.safety.serving()) == 4


def test_a_rollback_completes_though_servers_fall_ill_while_surplus_members_drain() -> None:
    extra = (TargetKey(target_group=API, port=80),)
    groups = (target_group(managed=True), target_group(API))
    fleet = auto_scaling(outdated=4, target_groups=groups, extra=extra, can_launch_instances=False)
    fleet.instances.bad_versions[str(NEW)] = Misbehaviour.NEVER_HEALTHY
    driver = Driver(fleet, rollout(fleet, **BACK, **launch_first(2), extra_targets=extra, keep_failed=2))
    driver.run_until(DetachFromGroup)
    old = [one.instance_id for one in fleet.instances.all() if not one.is_new]
    taken_out = driver.run_until(DeregisterTargets).actions
    surplus = {one.instance_id for one in taken_out if isinstance(one, DeregisterTargets)}
    assert {fleet.instances[name].application_version for name in surplus} == {str(OLD)}
    for name in old[:2]:
        fleet.somebody.breaks(name)
    driver.run_until(TerminateInGroup)
    for name in old[:2]:
        fleet.somebody.fixes(name)
    assert driver.run().outcome is Outcome.ROLLED_BACK
    assert settled(fleet) == {str(OLD): 4, str(NEW): 2}


def test_servers_on_the_new_version_before_the_rollout_stay_in_a_rollback(make: Any) -> None:
    fleet = make(outdated=2, current=1)
    found = fleet.instances.all()[-1].instance_id
    driver = Driver(fleet, rollout(fleet, **launch_first()))
    driver.run_until(TerminateInstance if fleet.group is None else TerminateInGroup)
    driver.status = replace(driver.status, user_requests=UserRequests(rollback=True))
    assert driver.run().outcome is Outcome.ROLLED_BACK
    assert settled(fleet) == {str(OLD): 2, str(NEW): 1}
    assert fleet.instances[found].live


def test_each_slot_of_a_mixed_fleet_gets_its_own_version_back() -> None:
    fleet = standalone(outdated=3)
    fleet.add(OLDER, count=2)
    driver = Driver(fleet, rollout(fleet, max_unavailable=Amount(value=2)))
    while sum(one.application_version == str(NEW) for one in fleet.instances.all() if one.live) < 4:
        fleet.clock.sleep(driver.unhurried(driver.step()))
    driver.status = replace(driver.status, user_requests=UserRequests(rollback=True))
    assert driver.run().outcome is Outcome.ROLLED_BACK
    assert settled(fleet) == {str(OLD): 3, str(OLDER): 2}


def test_a_canary_bounds_the_harm_to_one_server() -> None:
    fleet = auto_scaling(outdated=20)
    fleet.instances.bad_versions[str(NEW)] = Misbehaviour.FLAPS
    gates = Gates(checkpoints=(Amount(value=1),), delay_seconds=300)
    driver = Driver(fleet, rollout(fleet, **BACK, max_unavailable=Amount(value=2), gates=gates))
    most = 0
    while not driver.ended:
        fleet.clock.sleep(driver.unhurried(driver.step()))
        most = max(most, versions(fleet).get(str(NEW), 0))
    assert driver.status.outcome is Outcome.ROLLED_BACK
    assert most == 1
    assert settled(fleet) == {str(OLD): 20}


@pytest.mark.parametrize("on_failure", [OnFailure.ROLLBACK, OnFailure.PAUSE])
def test_failed_new_servers_of_a_double_half_leave_before_all_of_them_serve(make: Any, on_failure: OnFailure) -> None:
    fleet = make(outdated=3)
    fleet.instances.bad_versions[str(NEW)] = Misbehaviour.NEVER_HEALTHY
    driver = Driver(fleet, rollout(fleet, max_failures=3, on_failure=on_failure, **HOW["double-half"]))
    while not driver.status.failures:
        fleet.clock.sleep(driver.unhurried(driver.step()))
    fleet.instances.bad_versions.clear()
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert settled(fleet) == {str(NEW): 3}
    assert fleet.safety.lowest_serving == 3


def test_a_member_of_the_new_half_that_dies_unnoticed_is_ended_so_that_another_can_come() -> None:
    fleet = auto_scaling(outdated=3)
    driver = Driver(fleet, rollout(fleet, max_failures=1, **BACK, **HOW["double-half"]))
    driver.wait(35)
    assert sum(one.is_new for one in fleet.instances.all()) == 3
    fleet.somebody.kills(fleet.instances.all()[-1].instance_id)
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert settled(fleet) == {str(NEW): 3}


@pytest.mark.parametrize("seconds", [0, 1, 3])
def test_a_launch_that_ec2_does_not_show_yet_is_not_lost_in_a_rollback(seconds: int) -> None:
    fleet = standalone(outdated=3, physics=Physics(visibility=8))
    driver = Driver(fleet, rollout(fleet, **BACK, **launch_first()))
    driver.run_until(LaunchInstance)
    fleet.clock.sleep(seconds)
    driver.status = replace(driver.status, user_requests=UserRequests(rollback=True))
    assert driver.run().outcome is Outcome.ROLLED_BACK
    assert settled(fleet) == {str(OLD): 3}


@pytest.mark.parametrize(("way", "outcome"), [("rollback", Outcome.ROLLED_BACK), ("abort", Outcome.STOPPED)])
def test_a_returning_server_waits_for_the_hook_of_the_server_that_makes_room(way: str, outcome: Outcome) -> None:
    fleet = standalone(outdated=3, target_groups=(target_group(deregistration_delay_seconds=300),))
    hook = Hook(point=HookPoint.BEFORE_DEREGISTER, name="slow", command=("true",), timeout_seconds=600)
    limits = replace(LIMITS, drain_seconds=400, healthy_seconds=60, progress_seconds=400)
    driver = Driver(fleet, rollout(fleet, hooks=(hook,), limits=limits, **BACK))
    while not driver.status.serving:
        fleet.clock.sleep(driver.unhurried(driver.step()))
    driver.hooks.seconds["slow"] = 500
    driver.status = replace(driver.status, user_requests=UserRequests(rollback=True))
    driver.wait(100)
    assert driver.status.returning == ("i-0001",)
    driver.status = replace(driver.status, user_requests=UserRequests(rollback=True, abort=way == "abort"))
    status = driver.run()

    assert (status.outcome, status.failures, status.warnings) == (outcome, (), ())
    assert len(settled(fleet)) == 1
    assert len(fleet.safety.serving()) == 3


def test_a_late_drain_is_no_reason_to_stop_a_rollback() -> None:
    fleet = standalone(outdated=2)
    limits = replace(LIMITS, drain_seconds=20, poll_seconds=5)  # less than the 30 s that a drain takes here
    driver = Driver(fleet, rollout(fleet, limits=limits, **launch_first(), **BACK))
    while not driver.status.serving:
        fleet.clock.sleep(driver.unhurried(driver.step()))
    driver.status = replace(driver.status, user_requests=UserRequests(rollback=True))
    status = driver.run()

    assert status.outcome is Outcome.ROLLED_BACK
    assert any("not drained within 20 s" in warning for warning in status.warnings)
    assert versions(fleet) == {str(OLD): 2}
