"""Rare orders of events, found by the model: in each, an instance was once lost, doubled or blocked."""

from dataclasses import replace
from typing import Any

import pytest

from awsroll.core.model.actions import (
    DeregisterTargets,
    EnterStandby,
    ExitStandby,
    LaunchInGroup,
    RegisterTargets,
    TerminateInGroup,
)
from awsroll.core.model.amount import EVERYTHING, Amount
from awsroll.core.model.calls import CallKind
from awsroll.core.model.rollout_choices import Gates, OnFailure, ReloadCommand, Strategy
from awsroll.core.model.status import Mode, Outcome
from awsroll.core.model.user_requests import UserRequests
from awsroll.testing.fleet import FakeFleet
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

ROLLBACK: dict[str, Any] = {"on_failure": OnFailure.ROLLBACK}
DOUBLE_HALF: dict[str, Any] = {
    "strategy": Strategy.DOUBLE_HALF,
    "max_unavailable": Amount(value=0),
    "max_surge": EVERYTHING,
}
BACK = ReloadCommand(app_version="app-2", commands=("deploy app-2",))


def keeping(fleet: FakeFleet, **changes: Any) -> Driver:
    return Driver(
        fleet, rollout(fleet, keep_old=True, gates=Gates(bake_seconds=300), **DOUBLE_HALF, **ROLLBACK, **changes)
    )


def step(driver: Driver) -> None:
    assert not driver.ended
    driver.fleet.clock.sleep(driver.unhurried(driver.step()))


@pytest.mark.parametrize("max_failures", [0, 1])
def test_a_kept_server_whose_replacement_dies_at_that_moment_keeps_its_slot(max_failures: int) -> None:
    fleet = standalone(outdated=2)
    driver = keeping(fleet, max_failures=max_failures)
    while not driver.status.kept:
        step(driver)
    successor = next(one.instance_ids[0] for one in driver.status.launches if one.replaces == driver.status.kept[0])
    fleet.somebody.kills(successor, "Client.InstanceInitiatedShutdown")
    outcome = driver.run().outcome
    assert outcome is (Outcome.ROLLED_BACK if max_failures == 0 else Outcome.SUCCEEDED)
    fleet.clock.sleep(120)
    assert versions(fleet) == {str(OLD if max_failures == 0 else NEW): 2}
    assert len(fleet.safety.serving()) == 2


def test_a_rollback_at_the_end_of_the_bake_time_returns_the_kept_servers() -> None:
    fleet = standalone(outdated=2)
    driver = keeping(fleet)
    while not (driver.status.gate.baked and driver.status.retiring):
        step(driver)
    driver.status = replace(driver.status, user_requests=UserRequests(rollback=True))
    assert driver.run().outcome is Outcome.ROLLED_BACK
    fleet.clock.sleep(120)
    assert versions(fleet) == {str(OLD): 2}
    assert fleet.safety.highest_live == 4


def test_a_rollback_ends_the_member_launched_after_a_death_and_no_old_member() -> None:
    fleet = auto_scaling(outdated=2)
    driver = Driver(fleet, rollout(fleet, **launch_first(), **ROLLBACK))
    driver.run_until(LaunchInGroup)
    fleet.somebody.kills("i-0003", "Client.InstanceInitiatedShutdown")
    while len(fleet.instances.all()) < 4:
        fleet.clock.sleep(1)
        fleet.world.catch_up()
    assert driver.run().outcome is Outcome.ROLLED_BACK
    assert versions(fleet) == {str(OLD): 2}
    assert fleet.safety.lowest_serving == 2
    assert fleet.group is not None
    assert fleet.group.settings.desired == 2


def test_a_verified_member_of_the_new_half_that_dies_is_replaced_before_the_old_half_leaves() -> None:
    fleet = auto_scaling(outdated=2)
    driver = Driver(fleet, rollout(fleet, **DOUBLE_HALF))
    driver.run_until(LaunchInGroup)
    fleet.somebody.breaks("i-0004")
    while not driver.status.serving:
        step(driver)
    fleet.somebody.kills("i-0003")
    driver.wait(20)
    fleet.somebody.fixes("i-0004")
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert versions(fleet) == {str(NEW): 2}
    assert fleet.safety.lowest_serving == 2


def test_each_announced_call_is_made_in_the_same_pass() -> None:
    fleet = auto_scaling(outdated=2)
    gates = Gates(bake_seconds=300)
    driver = Driver(fleet, rollout(fleet, keep_old=True, gates=gates, **launch_first("100%"), **ROLLBACK))
    driver.run_until(LaunchInGroup)
    fleet.somebody.breaks("i-0004")
    while not driver.status.kept:
        step(driver)
    fleet.somebody.fixes("i-0004")
    driver.run_until(EnterStandby)
    fleet.clock.sleep(40)  # the second server is in standby, and no observation has shown it yet
    driver.status = replace(driver.status, user_requests=UserRequests(abort=True))
    decided = driver.look()
    assert {type(one) for one in decided.actions} == {TerminateInGroup}
    assert {one.kind for one in decided.status.calls} == {CallKind.TERMINATE}
    assert driver.run().outcome is Outcome.STOPPED
    assert len(fleet.safety.serving()) == 2


def test_a_capacity_set_by_someone_during_a_reload_leaves_no_member_in_standby() -> None:
    fleet = auto_scaling(outdated=2, maximum=2)
    driver = Driver(fleet, rollout(fleet, strategy=Strategy.RELOAD, rollback_reload=BACK, **at_a_time(1), **ROLLBACK))
    driver.run_until(EnterStandby)
    driver.wait(20)
    fleet.somebody.scales(2)
    assert driver.run().outcome is Outcome.SUCCEEDED
    fleet.clock.sleep(200)
    assert fleet.group is not None
    assert fleet.group.settings.desired == 2
    assert fleet.group.settings.maximum == 2
    assert len(fleet.safety.serving()) == 2
    assert len(driver.done(TerminateInGroup)) == 1


def test_a_member_that_ends_on_its_way_out_of_standby_counts_as_out() -> None:
    fleet = auto_scaling(outdated=2, maximum=2)
    driver = Driver(fleet, rollout(fleet, strategy=Strategy.RELOAD, max_failures=1, **at_a_time(1)))
    driver.run_until(ExitStandby)
    assert fleet.group is not None
    fleet.group.retire(fleet.group.members["i-0001"], "somebody")
    fleet.clock.sleep(40)  # no observation until it is gone
    fleet.world.catch_up()
    while not driver.ended:
        step(driver)
        assert driver.status.desired is not None
        assert driver.status.desired.expected == fleet.group.settings.desired


def test_a_member_that_has_ended_is_replaced_in_a_reload_and_then_reloaded() -> None:
    fleet = auto_scaling(outdated=3)
    driver = Driver(fleet, rollout(fleet, strategy=Strategy.RELOAD, **at_a_time(1)))
    driver.run_until(EnterStandby)
    fleet.somebody.kills("i-0003")
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert versions(fleet) == {"app-3": 3}
    assert driver.status.ended_at is not None
    assert (driver.status.ended_at - driver.status.started_at).total_seconds() < LIMITS.progress_seconds


@pytest.mark.parametrize("seconds", [0, 20], ids=["on-its-way-to-standby", "in-standby"])
@pytest.mark.parametrize("max_failures", [0, 1])
def test_a_member_that_ends_during_its_reload_blocks_nothing(max_failures: int, seconds: float) -> None:
    fleet = auto_scaling(outdated=3)
    how = {
        "strategy": Strategy.RELOAD,
        "rollback_reload": BACK,
        "max_failures": max_failures,
        **at_a_time(1),
        **ROLLBACK,
    }
    driver = Driver(fleet, rollout(fleet, **how))
    driver.run_until(EnterStandby)
    driver.wait(seconds)
    fleet.somebody.kills("i-0001", "Client.InstanceInitiatedShutdown")
    assert driver.run().outcome is (Outcome.SUCCEEDED if max_failures else Outcome.ROLLED_BACK)
    assert driver.status.ended_at is not None
    assert (driver.status.ended_at - driver.status.started_at).total_seconds() < LIMITS.progress_seconds
    assert len(fleet.safety.serving()) == 3


def test_a_deregistration_that_may_not_have_been_made_is_not_repeated_while_the_fleet_cannot_spare_it() -> None:
    fleet = standalone(outdated=2)
    driver = Driver(fleet, rollout(fleet, **at_a_time(1)))
    decided = driver.look()
    while not isinstance(decided.actions[0], DeregisterTargets):
        step(driver)
        decided = driver.look()
    driver.save(decided)  # and the process dies
    chosen = driver.status.retiring[0]
    other = next(one for one in ("i-0001", "i-0002") if one != chosen)
    fleet.somebody.breaks(other)
    fleet.clock.sleep(10)
    fleet.world.catch_up()
    assert fleet.safety.serving() == {chosen}
    driver.wait(30)
    assert fleet.safety.serving() == {chosen}, "the leaving server is released, the sick server leaves"


def test_an_abort_during_a_rollback_leaves_no_server_draining() -> None:
    fleet = standalone(outdated=3)
    driver = Driver(fleet, rollout(fleet, **at_a_time(1), **ROLLBACK))
    driver.run_until(RegisterTargets)
    driver.status = replace(driver.status, user_requests=UserRequests(rollback=True))
    driver.run_until(DeregisterTargets)
    driver.status = replace(driver.status, user_requests=UserRequests(rollback=True, abort=True))
    assert driver.run().outcome is Outcome.STOPPED
    fleet.clock.sleep(120)
    fleet.world.catch_up()
    running = {one.instance_id for one in fleet.instances.all() if one.live}
    assert fleet.safety.serving() == running


def test_a_surplus_server_that_is_needed_again_is_registered_again() -> None:
    fleet = standalone(outdated=2)
    driver = Driver(fleet, rollout(fleet, **launch_first(), **ROLLBACK))
    while not driver.status.launches or "i-0003" not in driver.status.serving:
        step(driver)
    driver.status = replace(driver.status, user_requests=UserRequests(rollback=True))
    step(driver)
    driver.status = replace(driver.status, user_requests=UserRequests(rollback=True, abort=True))
    assert [one.instance_id for one in driver.run_until(DeregisterTargets).actions] == ["i-0003"]
    fleet.somebody.kills("i-0002")
    assert driver.run().outcome is Outcome.STOPPED
    fleet.clock.sleep(120)
    fleet.world.catch_up()
    assert fleet.safety.serving() == {"i-0001", "i-0003"}


@pytest.mark.parametrize("seconds", [2 * LIMITS.healthy_seconds, 2 * LIMITS.progress_seconds])
def test_a_member_on_its_way_to_standby_is_brought_back_however_long_its_drain(seconds: float) -> None:
    slow = target_group(managed=True, deregistration_delay_seconds=seconds)
    fleet = auto_scaling(outdated=2, target_groups=(slow,))
    driver = Driver(fleet, rollout(fleet, strategy=Strategy.RELOAD, rollback_reload=BACK, **at_a_time(1)))
    driver.run_until(EnterStandby)
    driver.status = replace(driver.status, user_requests=UserRequests(rollback=True))
    step(driver)
    driver.status = replace(driver.status, user_requests=UserRequests(rollback=True, abort=True))
    assert driver.run().outcome is Outcome.STOPPED
    fleet.clock.sleep(60)
    fleet.world.catch_up()
    assert len(fleet.safety.serving()) == 2
    assert fleet.group is not None
    assert fleet.group.settings.desired == 2


def test_a_member_that_ends_once_it_is_back_from_standby_is_replaced_and_blocks_nothing() -> None:
    fleet = auto_scaling(outdated=2)
    driver = Driver(fleet, rollout(fleet, strategy=Strategy.RELOAD, rollback_reload=BACK, **at_a_time(1)))
    driver.run_until(EnterStandby)
    driver.status = replace(driver.status, user_requests=UserRequests(rollback=True))
    driver.run_until(ExitStandby)
    fleet.clock.sleep(15)  # it is in service, and no observation has shown it yet
    fleet.somebody.kills(driver.status.returning[0])
    assert driver.run().outcome is Outcome.ROLLED_BACK
    fleet.clock.sleep(120)
    fleet.world.catch_up()
    assert len(fleet.safety.serving()) == 2


def test_a_drain_that_did_not_begin_in_time_can_be_resumed() -> None:
    fleet = standalone(outdated=1)
    driver = Driver(fleet, rollout(fleet, on_failure=OnFailure.PAUSE, **at_a_time(1)))
    while driver.status.outcome is not Outcome.PAUSED:
        driver.save(driver.look())  # and the process dies
        fleet.clock.sleep(15)
    driver.resume()
    assert driver.run().outcome is Outcome.SUCCEEDED


def test_a_stop_tries_again_to_return_a_server_that_was_late() -> None:
    fleet = standalone(outdated=2)
    driver = Driver(fleet, rollout(fleet, **ROLLBACK))
    driver.run_until(DeregisterTargets)
    driver.status = replace(driver.status, user_requests=UserRequests(rollback=True))
    fleet.faults.refuse(RegisterTargets, "Throttling", transient=True, times=1000)
    while driver.status.mode is Mode.ROLLING:
        fleet.clock.sleep(driver.unhurried(driver.step()))
    fleet.faults.clear()
    status = driver.run()

    assert "not back in service within 300 s" in status.reason
    assert (status.outcome, status.warnings) == (Outcome.STOPPED, ())
    assert versions(fleet) == {str(OLD): 2}
    fleet.clock.sleep(60)
    fleet.world.catch_up()
    assert len(fleet.safety.serving()) == 2


def test_an_old_member_that_the_group_launches_at_a_gate_finds_room_beside_the_kept_servers() -> None:
    fleet = auto_scaling(outdated=3)
    gates = Gates(checkpoints=(Amount(value=2),), delay_seconds=600, bake_seconds=60)
    driver = Driver(fleet, rollout(fleet, keep_old=True, gates=gates, **launch_first("100%"), **ROLLBACK))
    while driver.status.gate.closed_since is None:
        step(driver)
    fleet.somebody.kills(driver.status.serving[0])  # the group replaces it by the version that a rest restores
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert versions(fleet) == {str(NEW): 3}
    assert fleet.safety.lowest_serving == 2  # without the one that was killed
