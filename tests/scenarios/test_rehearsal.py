"""The rehearsal: one server goes to the new version and returns, and only then the rollout starts."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from awsroll.core.lifecycle import rollout_phase
from awsroll.core.model.amount import Amount
from awsroll.core.model.hook_calls import HookEvent, Reading
from awsroll.core.model.hooks import Hook, HookPoint
from awsroll.core.model.phases import RolloutPhase
from awsroll.core.model.rollout_choices import Gates, OnFailure, ReloadCommand, Strategy
from awsroll.core.model.rollout_events import Event, EventName
from awsroll.core.model.status import Outcome
from awsroll.core.model.status_parts import Rehearsal
from awsroll.testing.instances import Misbehaviour
from tests.support.builders import NEW, OLD, auto_scaling, launch_first, one_at_a_time, rollout, standalone
from tests.support.drive import Driver, versions

REHEARSED = Gates(rehearses=True)
BACK = ReloadCommand(app_version="app-2", commands=("deploy app-2",))
WAYS: dict[str, dict[str, Any]] = {
    "replace": one_at_a_time(),
    "launch-first": launch_first(1),
    "double-half": {"strategy": Strategy.DOUBLE_HALF},
    "keep-old": {"strategy": Strategy.DOUBLE_HALF, "keep_old": True},
    "reload": {"strategy": Strategy.RELOAD, "rollback_reload": BACK},
}
KINDS = {"standalone": standalone, "auto-scaling": auto_scaling}


def rehearsing(kind: str = "standalone", servers: int = 3, **changes: Any) -> Driver:
    fleet = KINDS[kind](outdated=servers)
    if changes.get("strategy") is Strategy.RELOAD:
        for instance in fleet.instances.all():
            instance.application_version = "app-2"
    return Driver(fleet, rollout(fleet, **({"gates": REHEARSED, "on_failure": OnFailure.ROLLBACK} | changes)))


def stages(driver: Driver) -> list[Rehearsal]:
    """Return the stages of the rehearsal in their order."""
    return list(dict.fromkeys(plan.status.rehearsal for plan in driver.plans))


def until(driver: Driver, stage: Rehearsal) -> Driver:
    while driver.status.rehearsal is not stage:
        driver.fleet.clock.sleep(driver.unhurried(driver.step()))
    return driver


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", WAYS)
def test_one_server_goes_forth_and_back_before_the_rollout(kind: str, way: str) -> None:
    driver = until(rehearsing(kind, **WAYS[way]), Rehearsal.PASSED)
    old = "app-2" if way == "reload" else str(OLD)
    assert versions(driver.fleet) == {old: 3}
    assert driver.status.servers_in_flight == {}

    status = driver.run()
    new = "app-3" if way == "reload" else str(NEW)
    assert (status.outcome, versions(driver.fleet), status.warnings) == (Outcome.SUCCEEDED, {new: 3}, ())
    assert stages(driver) == [Rehearsal.FORTH, Rehearsal.BACK, Rehearsal.PASSED]


@pytest.mark.parametrize("kind", KINDS)
def test_the_gates_of_the_request_come_after_the_rehearsal(kind: str) -> None:
    gates = replace(REHEARSED, checkpoints=(Amount(value=2),), delay_seconds=60, needs_approval=True)
    driver = until(rehearsing(kind, gates=gates), Rehearsal.PASSED)
    assert driver.status.gate.passed == 0

    driver.wait(400)
    assert driver.status.gate.closed_since is not None
    assert versions(driver.fleet) == {str(OLD): 1, str(NEW): 2}


def test_each_stage_lasts_for_the_delay_of_the_gates() -> None:
    driver = rehearsing(gates=replace(REHEARSED, checkpoints=(Amount(value=1),), delay_seconds=300))
    until(driver, Rehearsal.BACK)
    began = driver.fleet.clock.now()
    until(driver, Rehearsal.PASSED)

    assert (driver.fleet.clock.now() - began).total_seconds() >= 300


def test_it_is_shown_as_a_rehearsal() -> None:
    driver = rehearsing()
    phases = set()
    while driver.status.rehearsal is not Rehearsal.PASSED:
        driver.fleet.clock.sleep(driver.unhurried(driver.step()))
        phases.add(rollout_phase(driver.status))
    driver.run()

    assert RolloutPhase.REHEARSING in phases
    assert RolloutPhase.ROLLING_BACK not in phases
    names = {event.name for plan in driver.plans for event in plan.status.events}
    assert EventName.ROLLBACK_STARTED not in names
    assert [event.name for event in _rehearsal_events(driver)] == [
        EventName.REHEARSAL_RETURNS,
        EventName.REHEARSAL_PASSED,
    ]
    assert [set(event.fields) for event in _rehearsal_events(driver)] == [{"server"}, set()]


def test_a_bad_version_is_rolled_back_in_its_rehearsal() -> None:
    driver = rehearsing()
    driver.fleet.instances.bad_versions[str(NEW)] = Misbehaviour.NEVER_HEALTHY
    status = driver.run()

    assert (status.outcome, versions(driver.fleet)) == (Outcome.ROLLED_BACK, {str(OLD): 3})
    assert stages(driver) == [Rehearsal.FORTH, Rehearsal.NONE]


def test_a_way_back_that_fails_stops_the_rollout() -> None:
    driver = until(rehearsing(), Rehearsal.BACK)
    driver.fleet.instances.bad_versions[str(OLD)] = Misbehaviour.NEVER_HEALTHY
    status = driver.run()

    assert status.outcome is Outcome.STOPPED
    assert status.reason.startswith("the way back failed in the rehearsal: ")
    assert status.counters.lowest_serving == 2


@pytest.mark.parametrize("stage", [Rehearsal.FORTH, Rehearsal.BACK])
def test_a_person_can_roll_back_in_the_rehearsal(stage: Rehearsal) -> None:
    driver = rehearsing()
    driver.step()
    until(driver, stage)
    requests = replace(driver.status.user_requests, rollback=True)
    driver.status = replace(driver.status, user_requests=requests)
    status = driver.run()

    assert (status.outcome, versions(driver.fleet)) == (Outcome.ROLLED_BACK, {str(OLD): 3})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", ["replace", "reload"])
def test_a_crash_after_any_decision_changes_nothing(kind: str, way: str) -> None:
    driver = rehearsing(kind, **WAYS[way])
    for number in range(400):
        if driver.ended:
            break
        decided = driver.look()
        driver.save(decided)
        if number % 3:
            driver.execute(decided)
        driver.fleet.clock.sleep(driver.unhurried(decided))

    assert driver.status.outcome is Outcome.SUCCEEDED
    assert driver.status.rehearsal is Rehearsal.PASSED


def _rehearsal_events(driver: Driver) -> list[Event]:
    events = [event for plan in driver.plans for event in plan.status.events]
    return [event for event in events if event.name.startswith("rehearsal")]


def _judged(bad_after: Rehearsal) -> Driver:
    """Return a rollout whose changed server answers badly, from a stage of the rehearsal on."""
    hook = Hook(point=HookPoint.WHILE_JUDGING, name="errors", command=("count",), timeout_seconds=10)
    driver = rehearsing(servers=10, hooks=(hook,))
    first = {instance.instance_id for instance in driver.fleet.instances.all()}

    def count(event: HookEvent) -> Iterable[Reading]:
        for name in event.instance_ids:
            bad = name not in first and driver.status.rehearsal is bad_after
            yield Reading(instance_id=name, bad=3 * bad, total=25)

    driver.hooks.readings["errors"] = lambda event: tuple(count(event))
    return driver


def test_the_new_server_is_judged() -> None:
    status = _judged(Rehearsal.FORTH).run()

    assert status.outcome is Outcome.ROLLED_BACK
    assert status.reason.startswith("the judge found lt-web:3 worse than the old version by errors")


def test_the_server_that_returned_is_judged() -> None:
    driver = _judged(Rehearsal.BACK)
    status = driver.run()

    assert status.outcome is Outcome.STOPPED
    assert "the judge found the server that returned to the old version worse" in status.reason


def test_a_rehearsal_that_shows_nothing_bad_goes_on() -> None:
    driver = _judged(Rehearsal.NONE)
    first = {instance.instance_id for instance in driver.fleet.instances.all()}
    status = driver.run()

    assert status.outcome is Outcome.SUCCEEDED
    assert set(status.judge) == {"errors"}
    returns, passed = (event.fields for event in _rehearsal_events(driver))
    assert str(returns["server"]) not in first
    assert "," not in str(returns["server"])
    assert str(returns["verdict"]).startswith("errors: continue; bad requests: 0 of ")
    assert str(passed["verdict"]).startswith("errors: continue; bad requests: 0 of ")
