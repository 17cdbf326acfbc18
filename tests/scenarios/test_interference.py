"""Changes to a fleet by people and by chance during a rollout."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from awsroll.core.model.action_results import Answer
from awsroll.core.model.actions import (
    DeregisterTargets,
    LaunchInGroup,
    LaunchInstance,
    RegisterTargets,
    SendCommand,
    TerminateInGroup,
    TerminateInstance,
)
from awsroll.core.model.amount import Amount
from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.model.status import Outcome
from awsroll.core.model.status_parts import Owner
from awsroll.core.observe.verdict import LEAST_ENDED_BY_OTHERS
from awsroll.testing.fleet import FakeFleet
from tests.support.builders import NEW, OLD, at_a_time, auto_scaling, launch_first, rollout, standalone
from tests.support.drive import Driver, versions

KINDS = {"standalone": standalone, "auto-scaling": auto_scaling}


@pytest.fixture(params=KINDS, name="make")
def _make(request: pytest.FixtureRequest) -> Any:
    return KINDS[request.param]


def begun(fleet: FakeFleet, **changes: Any) -> Driver:
    """Return a rollout whose first old instance has just been taken out."""
    driver = Driver(fleet, rollout(fleet, **changes))
    driver.run_until(DeregisterTargets if fleet.group is None else TerminateInGroup)
    return driver


def test_an_old_instance_that_dies_is_replaced_by_a_new_one(make: Any) -> None:
    fleet = make(outdated=4)
    driver = begun(fleet)
    victim = next(one for one in ("i-0003", "i-0004") if fleet.instances[one].live)
    fleet.somebody.kills(victim)
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert versions(fleet) == {str(NEW): 4}


def test_no_further_instance_leaves_while_a_dead_instance_uses_up_the_budget(make: Any) -> None:
    fleet = make(outdated=4)
    fleet.somebody.kills("i-0004")
    driver = Driver(fleet, rollout(fleet))
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert fleet.safety.lowest_serving >= 2


def test_a_new_instance_that_dies_before_it_serves_fails_the_rollout_with_its_cause(make: Any) -> None:
    fleet = make(outdated=3)
    driver = begun(fleet)
    while not [one for one in fleet.instances.all() if one.is_new]:
        fleet.clock.sleep(max(1, driver.step().requeue_seconds))
    fleet.somebody.kills("i-0004", "Client.InstanceInitiatedShutdown")
    status = driver.run()
    assert status.outcome is Outcome.STOPPED
    assert "i-0004" in status.reason
    assert "Client.InstanceInitiatedShutdown" in status.reason


@pytest.mark.parametrize(
    "reason", ["Client.UserInitiatedShutdown", "Server.SpotInstanceTermination", "Server.InternalError"]
)
def test_a_new_instance_ended_by_aws_or_other_people_is_replaced_with_a_warning(make: Any, reason: str) -> None:
    fleet = make(outdated=3)
    driver = begun(fleet)
    while not [one for one in fleet.instances.all() if one.is_new]:
        fleet.clock.sleep(max(1, driver.step().requeue_seconds))
    fleet.somebody.kills("i-0004", reason)
    status = driver.run()
    assert status.outcome is Outcome.SUCCEEDED, status.reason
    assert versions(fleet) == {str(NEW): 3}
    assert [failure.owner for failure in status.failures] == [Owner.OTHERS]
    assert any(f"i-0004: ended before it served: {reason}" in warning for warning in status.warnings)


def test_a_rollout_whose_new_instances_are_ended_again_and_again_gives_up(make: Any) -> None:
    fleet = make(outdated=3)
    driver = begun(fleet)
    while not driver.ended:
        fleet.clock.sleep(max(1, driver.step().requeue_seconds))
        for one in fleet.instances.all():
            if one.is_new and one.live:
                fleet.somebody.kills(one.instance_id)
    assert driver.status.outcome is Outcome.STOPPED
    assert "Server.SpotInstanceTermination" in driver.status.reason
    assert len(driver.status.failures) == LEAST_ENDED_BY_OTHERS + 1


def test_a_scale_out_by_somebody_is_the_goal_from_then_on() -> None:
    fleet = auto_scaling(outdated=3, maximum=6)
    driver = begun(fleet)
    fleet.clock.sleep(20)
    fleet.somebody.scales(5)
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert versions(fleet) == {str(NEW): 5}


def test_a_scale_in_by_somebody_is_the_goal_from_then_on() -> None:
    fleet = auto_scaling(outdated=5)
    driver = begun(fleet)
    fleet.clock.sleep(20)
    fleet.somebody.scales(2)
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert versions(fleet) == {str(NEW): 2}


@pytest.mark.parametrize("seconds", [0, 20, 300], ids=["before-it-begins", "in-flight", "later"])
@pytest.mark.parametrize("how", [at_a_time(1), launch_first(1)], ids=["terminate-first", "launch-first"])
def test_a_group_that_somebody_empties_has_nothing_to_replace_under_a_cap(
    how: dict[str, Amount], seconds: float
) -> None:
    fleet = auto_scaling(outdated=5, maximum=6)
    driver = Driver(fleet, rollout(fleet, max_running=Amount(value=150, is_percentage=True), **how))
    driver.wait(seconds)
    fleet.somebody.scales(0)
    assert driver.run().outcome is Outcome.SUCCEEDED, driver.status.reason
    fleet.clock.sleep(400)  # the group drains its members
    fleet.world.catch_up()
    assert (driver.status.failures, versions(fleet)) == ((), {})


def test_a_scale_out_during_a_surge_keeps_the_surge_out_of_the_goal() -> None:
    fleet = auto_scaling(outdated=3, maximum=8)
    driver = Driver(fleet, rollout(fleet, **launch_first(1)))
    driver.run_until(LaunchInGroup)
    driver.wait(30)
    fleet.somebody.scales(6)
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert versions(fleet) == {str(NEW): 6}


def test_a_target_registered_by_hand_joins_the_fleet_and_is_replaced() -> None:
    fleet = standalone(outdated=3)
    driver = begun(fleet)
    extra = fleet.add(OLD, keys=())[0]
    fleet.somebody.registers(extra.instance_id, *fleet.keys)
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert versions(fleet) == {str(NEW): 4}


def test_a_port_that_someone_adds_to_a_server_is_registered_for_its_replacement_too() -> None:
    fleet = standalone(outdated=3)
    driver = begun(fleet)
    second = replace(fleet.keys[0], port=81)
    last = max(one.instance_id for one in fleet.instances.all() if one.instance_id not in driver.status.retiring)
    fleet.somebody.registers(last, second)
    assert driver.run().outcome is Outcome.SUCCEEDED
    served = Counter(one.key for name in fleet.safety.serving() for one in fleet.targets.of(name))
    assert served == {fleet.keys[0]: 3, second: 1}


def test_a_target_deregistered_by_hand_leaves_the_fleet_and_keeps_running() -> None:
    fleet = standalone(outdated=4)
    driver = begun(fleet)
    left = next(one.instance_id for one in fleet.instances.all() if one.instance_id not in driver.status.retiring)
    fleet.somebody.deregisters(left)
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert fleet.instances[left].live
    assert versions(fleet) == {str(NEW): 3, str(OLD): 1}


def test_a_server_registered_again_after_its_drain_is_drained_again_before_it_is_terminated() -> None:
    fleet = standalone(outdated=2)
    driver = begun(fleet)
    fleet.clock.sleep(40)
    fleet.somebody.registers(driver.status.retiring[0], *fleet.keys)
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert versions(fleet) == {str(NEW): 2}


def test_a_version_published_during_the_rollout_is_not_launched() -> None:
    fleet = auto_scaling(outdated=3, version="$Latest")
    driver = begun(fleet)
    assert fleet.group is not None
    fleet.group.settings.latest = 9
    driver.run()
    assert versions(fleet) == {str(NEW): 3}
    assert fleet.group.settings.version == str(NEW.number)


def test_an_old_instance_that_becomes_unhealthy_costs_no_further_capacity(make: Any) -> None:
    fleet = make(outdated=5)
    driver = begun(fleet)
    ill = next(one for one in ("i-0004", "i-0005") if one not in driver.status.retiring)
    fleet.somebody.breaks(ill)
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert fleet.safety.lowest_serving >= 3


def test_a_scaled_out_member_is_reloaded_before_the_rollout_ends() -> None:
    fleet = auto_scaling(outdated=3, maximum=6)
    driver = Driver(fleet, rollout(fleet, strategy=Strategy.RELOAD))
    driver.run_until(SendCommand)
    driver.wait(60)
    while any(str(member.lifecycle).endswith("tandby") for member in fleet.group.members.values()):  # type: ignore[union-attr]
        driver.wait(5)
    fleet.somebody.scales(4)
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert versions(fleet) == {"app-3": 4}


DESTRUCTIVE = [LaunchInstance, RegisterTargets, DeregisterTargets, TerminateInstance]


@pytest.mark.parametrize("action", DESTRUCTIVE, ids=lambda action: action.__name__)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_lost_answer_of_a_standalone_call_is_settled_without_a_second_effect(action: Any, when: str) -> None:
    from awsroll.testing.faults import When

    fleet = standalone(outdated=3)
    fleet.faults.lose_answer(action, When(when))
    driver = Driver(fleet, rollout(fleet))
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert any(result.answer is Answer.UNANSWERED for result in driver.results)
    assert len(fleet.instances.all()) == 6, "three old and three new instances, no others"


@pytest.mark.parametrize("passes", range(0, 40, 3))
@pytest.mark.parametrize("executed", [True, False], ids=["executed", "not-executed"])
def test_a_crash_at_any_pass_is_harmless(make: Any, passes: int, executed: bool) -> None:
    fleet = make(outdated=3)
    driver = Driver(fleet, rollout(fleet, **launch_first(1)))
    for _ in range(passes):
        fleet.clock.sleep(driver.step().requeue_seconds)
    decided = driver.look()
    driver.save(decided)
    if executed:
        fleet.execute(driver.rollout, decided.actions)
    fleet.clock.sleep(600)
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert versions(fleet) == {str(NEW): 3}
    assert len(fleet.instances.all()) == 6


def test_a_zonal_shift_is_waited_out(make: Any) -> None:
    fleet = make(outdated=4)
    driver = begun(fleet)
    (victim,) = driver.status.retiring
    zone = fleet.instances[victim].zone
    fleet.targets.shifted_zones.add(zone)
    until = fleet.clock.now() + timedelta(seconds=driver.rollout.limits.healthy_seconds * 3)
    while fleet.clock.now() < until:
        fleet.clock.sleep(max(1, driver.step().requeue_seconds))
    assert driver.status.failures == ()
    assert not driver.ended
    fleet.targets.shifted_zones.clear()
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert versions(fleet) == {str(NEW): 4}
