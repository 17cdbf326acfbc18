"""Checkpoints, approval, alarms, bake time, pause and abort: nothing continues before its gate opens."""

from dataclasses import replace
from typing import Any

import pytest

from awsroll.core.model.amount import Amount
from awsroll.core.model.observation import AlarmState
from awsroll.core.model.rollout_choices import Gates, OnFailure, Strategy
from awsroll.core.model.status import Outcome
from awsroll.core.model.user_requests import UserRequests
from awsroll.testing.fleet import FakeFleet
from awsroll.testing.instances import FakeInstance
from awsroll.testing.world import Physics
from tests.support.builders import NEW, OLD, auto_scaling, launch_first, rollout, standalone
from tests.support.drive import Driver, versions

KINDS = {"standalone": standalone, "auto-scaling": auto_scaling}
HOW: dict[str, dict[str, Any]] = {
    "replace": {},
    "two-at-a-time": {"max_unavailable": Amount(value=2)},
    "launch-first": launch_first(2),
    "double-half": {"strategy": Strategy.DOUBLE_HALF, "max_unavailable": Amount(value=0)},
    "reload": {"strategy": Strategy.RELOAD, "max_unavailable": Amount(value=2)},
}


@pytest.fixture(params=KINDS, name="make")
def _make(request: pytest.FixtureRequest) -> Any:
    return KINDS[request.param]


@pytest.fixture(params=HOW, name="how")
def _how(request: pytest.FixtureRequest) -> dict[str, Any]:
    return HOW[request.param]


def new_ones(fleet: FakeFleet) -> int:
    return sum(one.live and one.application_version in (str(NEW), "app-3") for one in fleet.instances.all())


def at_gate(fleet: FakeFleet, driver: Driver) -> None:
    while driver.status.gate.closed_since is None:
        assert not driver.ended
        fleet.clock.sleep(driver.unhurried(driver.step()))


def test_no_server_beyond_a_checkpoint_is_touched_before_its_gate_opens(make: Any, how: dict[str, Any]) -> None:
    fleet = make(outdated=6)
    gates = Gates(checkpoints=(Amount(value=1), Amount(value=50, is_percentage=True)), delay_seconds=600)
    driver = Driver(fleet, rollout(fleet, gates=gates, **how))
    for allowed in (1, 3):
        at_gate(fleet, driver)
        assert new_ones(fleet) == allowed
        closed_at = fleet.clock.now()
        while driver.status.gate.closed_since is not None:
            assert new_ones(fleet) == allowed
            fleet.clock.sleep(driver.unhurried(driver.step()))
        assert (fleet.clock.now() - closed_at).total_seconds() >= 600
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert driver.status.gate.passed == 2
    assert new_ones(fleet) == 6


def test_a_gate_waits_for_a_person(make: Any) -> None:
    fleet = make(outdated=3)
    gates = Gates(checkpoints=(Amount(value=1),), needs_approval=True)
    driver = Driver(fleet, rollout(fleet, gates=gates))
    at_gate(fleet, driver)
    driver.wait(5000, look_every=60)
    assert (new_ones(fleet), driver.status.outcome) == (1, Outcome.RUNNING)
    driver.status = replace(driver.status, user_requests=UserRequests(approved=1))
    assert driver.run().outcome is Outcome.SUCCEEDED


def test_a_rejected_gate_rolls_back(make: Any) -> None:
    fleet = make(outdated=3)
    gates = Gates(checkpoints=(Amount(value=1),), needs_approval=True)
    driver = Driver(fleet, rollout(fleet, gates=gates, on_failure=OnFailure.ROLLBACK))
    at_gate(fleet, driver)
    driver.status = replace(driver.status, user_requests=UserRequests(rejected=True))
    status = driver.run()
    assert (status.outcome, status.reason) == (Outcome.ROLLED_BACK, "rejected by a person")
    assert versions(fleet)[str(OLD)] == 3


HURRIED = Gates(checkpoints=(Amount(value=1),), delay_seconds=60, needs_approval=True, approval_seconds=900)
UNANSWERED = "checkpoint 1 was not approved within 900 s"


def test_a_gate_without_approval_in_time_is_a_failure(make: Any) -> None:
    fleet = make(outdated=3)
    driver = Driver(fleet, rollout(fleet, gates=HURRIED, on_failure=OnFailure.ROLLBACK, max_failures=5))
    at_gate(fleet, driver)
    closed_at = fleet.clock.now()
    while not driver.status.rolling_back:
        fleet.clock.sleep(driver.unhurried(driver.step()))
    assert driver.status.reason == UNANSWERED
    assert 960 <= (driver.status.failures[0].at - closed_at).total_seconds() < 965
    assert driver.run().outcome is Outcome.ROLLED_BACK
    assert versions(fleet)[str(OLD)] == 3


def test_a_gate_that_is_approved_in_time_opens(make: Any) -> None:
    fleet = make(outdated=3)
    driver = Driver(fleet, rollout(fleet, gates=HURRIED))
    at_gate(fleet, driver)
    driver.wait(950)
    driver.status = replace(driver.status, user_requests=UserRequests(approved=1))
    assert (driver.run().outcome, driver.status.failures) == (Outcome.SUCCEEDED, ())


def test_the_next_observation_of_a_gate_is_due_when_its_time_is_over() -> None:
    fleet = standalone(outdated=3)
    driver = Driver(fleet, rollout(fleet, gates=replace(HURRIED, approval_seconds=3)))
    at_gate(fleet, driver)
    fleet.clock.sleep(61)
    assert driver.step().requeue_seconds == 2


def test_resume_restarts_the_time_limit_of_a_gate_that_was_not_approved(make: Any) -> None:
    fleet = make(outdated=3)
    driver = Driver(fleet, rollout(fleet, gates=HURRIED, on_failure=OnFailure.PAUSE))
    at_gate(fleet, driver)
    status = driver.run()
    assert (status.outcome, status.reason) == (Outcome.PAUSED, UNANSWERED)
    fleet.clock.sleep(5000)
    driver.resume()
    driver.wait(890)
    assert driver.status.outcome is Outcome.RUNNING
    driver.status = replace(driver.status, user_requests=UserRequests(approved=1))
    assert driver.run().outcome is Outcome.SUCCEEDED


def test_a_checkpoint_without_any_condition_opens_at_once(make: Any) -> None:
    fleet = make(outdated=3)
    driver = Driver(fleet, rollout(fleet, gates=Gates(checkpoints=(Amount(value=1), Amount(value=2)))))
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert driver.status.gate.passed == 2


def test_an_alarm_rolls_back_at_any_moment(make: Any) -> None:
    fleet = make(outdated=3)
    fleet.alarms["errors"] = AlarmState.OK
    driver = Driver(fleet, rollout(fleet, gates=Gates(alarms=("errors",)), on_failure=OnFailure.ROLLBACK))
    driver.wait(100)
    fleet.alarms["errors"] = AlarmState.ALARM
    status = driver.run()
    assert (status.outcome, status.reason) == (Outcome.ROLLED_BACK, "alarm errors is in ALARM")
    fleet.clock.sleep(300)
    fleet.world.catch_up()
    assert versions(fleet) == {str(OLD): 3}


def test_an_alarm_during_the_bake_time_rolls_back(make: Any) -> None:
    fleet = make(outdated=2)
    fleet.alarms["errors"] = AlarmState.OK
    gates = Gates(alarms=("errors",), bake_seconds=900)
    driver = Driver(fleet, rollout(fleet, gates=gates, on_failure=OnFailure.ROLLBACK))
    while driver.status.gate.baking_since is None:
        fleet.clock.sleep(driver.unhurried(driver.step()))
    assert new_ones(fleet) == 2
    fleet.alarms["errors"] = AlarmState.ALARM
    assert driver.run().outcome is Outcome.ROLLED_BACK


def test_success_waits_for_the_bake_time(make: Any, how: dict[str, Any]) -> None:
    fleet = make(outdated=2)
    driver = Driver(fleet, rollout(fleet, gates=Gates(bake_seconds=900), **how))
    while driver.status.gate.baking_since is None:
        fleet.clock.sleep(driver.unhurried(driver.step()))
    began = driver.status.gate.baking_since
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert 900 <= (fleet.clock.now() - began).total_seconds() < 930


def test_a_new_server_that_becomes_unhealthy_in_the_bake_time_is_a_failure(make: Any) -> None:
    fleet = make(outdated=2)
    driver = Driver(fleet, rollout(fleet, gates=Gates(bake_seconds=900), on_failure=OnFailure.ROLLBACK))
    while driver.status.gate.baking_since is None:
        fleet.clock.sleep(driver.unhurried(driver.step()))
    fleet.somebody.breaks(driver.status.serving[0])
    status = driver.run()
    assert status.outcome is Outcome.ROLLED_BACK
    assert "turned unhealthy while it baked" in status.reason


def test_a_pause_first_finishes_the_servers_in_flight(make: Any, how: dict[str, Any]) -> None:
    fleet = make(outdated=4)
    driver = Driver(fleet, rollout(fleet, **how))
    driver.wait(25)
    driver.status = replace(driver.status, user_requests=UserRequests(pause=True))
    status = driver.run()
    assert (status.outcome, status.reason) == (Outcome.PAUSED, "paused by request")
    assert len(fleet.safety.serving()) >= 4
    assert (status.retiring, status.reloading, status.servers_in_flight) == ((), (), {})
    driver.status = replace(status, outcome=Outcome.RUNNING, reason="", user_requests=UserRequests())
    assert driver.run().outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize("seconds", [5, 25, 60, 100])
def test_an_abort_finishes_the_servers_in_flight_and_leaves_the_fleet_mixed(
    make: Any, how: dict[str, Any], seconds: int
) -> None:
    fleet = make(outdated=4)
    driver = Driver(fleet, rollout(fleet, **how))
    driver.wait(seconds)
    if driver.ended:
        return
    driver.status = replace(driver.status, user_requests=UserRequests(abort=True))
    status = driver.run()
    assert (status.outcome, status.reason) == (Outcome.STOPPED, "aborted by request")
    fleet.clock.sleep(300)
    fleet.world.catch_up()
    assert sum(versions(fleet).values()) == 4
    assert len(fleet.safety.serving()) == 4


def test_while_a_gate_is_closed_the_group_launches_the_baseline_and_alarms_scale_it_again() -> None:
    fleet = auto_scaling(outdated=4, maximum=6)
    group = fleet.group
    assert group is not None
    driver = Driver(fleet, rollout(fleet, gates=Gates(checkpoints=(Amount(value=1),), delay_seconds=600)))
    at_gate(fleet, driver)
    driver.wait(30)
    assert group.settings.version == str(OLD.number)
    fleet.somebody.scales(5)
    driver.wait(120)
    assert versions(fleet) == {str(OLD): 4, str(NEW): 1}
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert group.settings.version == str(NEW.number)


def test_alarm_notification_runs_at_a_gate_only_while_no_surplus_is_out() -> None:
    suspended = {}
    for name, how in {"none": launch_first(1), "surplus": HOW["double-half"]}.items():
        fleet = auto_scaling(outdated=4)
        group = fleet.group
        assert group is not None
        gates = Gates(checkpoints=(Amount(value=1),), delay_seconds=600)
        driver = Driver(fleet, rollout(fleet, gates=gates, **how))
        at_gate(fleet, driver)
        driver.wait(30)
        suspended[name] = "AlarmNotification" in group.settings.suspended
        assert driver.run().outcome is Outcome.SUCCEEDED
    assert suspended == {"none": False, "surplus": True}


def test_an_old_server_that_dies_beyond_a_closed_gate_is_replaced_by_the_baseline(make: Any) -> None:
    fleet = make(outdated=4)
    driver = Driver(fleet, rollout(fleet, gates=Gates(checkpoints=(Amount(value=1),), delay_seconds=900)))
    at_gate(fleet, driver)
    driver.wait(20)
    victim = next(one for one in fleet.instances.all() if one.live and one.application_version == str(OLD))
    fleet.somebody.kills(victim.instance_id)
    driver.wait(400)
    assert driver.status.gate.closed_since is not None
    assert versions(fleet) == {str(OLD): 3, str(NEW): 1}
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert versions(fleet)[str(NEW)] == 4


def test_a_gate_does_not_close_before_the_group_has_launched_the_servers_below_it() -> None:
    fleet = auto_scaling(outdated=4, can_launch_instances=False, physics=Physics(group_reaction=20))
    gates = Gates(checkpoints=(Amount(value=1),), delay_seconds=60)
    driver = Driver(fleet, rollout(fleet, gates=gates, **HOW["double-half"]))
    at_gate(fleet, driver)
    assert new_ones(fleet) == 1
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert new_ones(fleet) == 4


def test_a_new_server_of_a_double_half_that_dies_at_a_gate_does_not_stop_it_for_ever() -> None:
    fleet = auto_scaling(outdated=4)
    gates = Gates(checkpoints=(Amount(value=1),), delay_seconds=600)
    driver = Driver(fleet, rollout(fleet, gates=gates, **HOW["double-half"]))
    at_gate(fleet, driver)
    driver.wait(20)
    fleet.somebody.kills(driver.status.serving[0])
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert new_ones(fleet) == 4
    assert fleet.safety.lowest_serving >= 4


def test_a_pause_that_is_cancelled_before_it_takes_effect_pauses_nothing(make: Any, how: dict[str, Any]) -> None:
    fleet = make(outdated=3)
    driver = Driver(fleet, rollout(fleet, **how))
    while not driver.status.servers:
        fleet.clock.sleep(driver.unhurried(driver.step()))
    driver.status = replace(driver.status, user_requests=UserRequests(pause=True))
    fleet.clock.sleep(driver.unhurried(driver.step()))
    assert driver.status.pausing == "paused by request"
    driver.status = replace(driver.status, user_requests=UserRequests())
    assert (driver.run().outcome, driver.status.pausing) == (Outcome.SUCCEEDED, "")


@pytest.mark.parametrize(
    ("how", "new"), [({}, 2), (launch_first(1), 1)], ids=["replace", "launch-first-takes-the-canary-for-it"]
)
def test_replacements_by_the_group_while_the_canary_is_in_flight_count_against_the_checkpoints(
    how: dict[str, Any], new: int
) -> None:
    fleet = auto_scaling(outdated=6)
    gates = Gates(checkpoints=(Amount(value=1), Amount(value=3)), delay_seconds=600)
    driver = Driver(fleet, rollout(fleet, gates=gates, **how))
    while not new_ones(fleet):
        fleet.clock.sleep(driver.unhurried(driver.step()))
    victim = next(one for one in fleet.instances.all() if is_left_alone(one, driver))
    fleet.somebody.kills(victim.instance_id)
    at_gate(fleet, driver)
    assert new_ones(fleet) == new
    driver.wait(590)
    assert new_ones(fleet) == new
    while driver.status.gate.passed < 1:
        fleet.clock.sleep(driver.unhurried(driver.step()))
    at_gate(fleet, driver)
    assert new_ones(fleet) == 3
    assert driver.run().outcome is Outcome.SUCCEEDED


def is_left_alone(one: FakeInstance, driver: Driver) -> bool:
    return one.live and one.application_version == str(OLD) and one.instance_id not in driver.status.retiring
