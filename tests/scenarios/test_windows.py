"""Windows and freezes: outside nothing new starts, what is in flight ends, and the group takes care of itself."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

import awsroll
from awsroll.core.model.amount import Amount
from awsroll.core.model.period import CalendarState, Period
from awsroll.core.model.reasons import Reason
from awsroll.core.model.rollout_choices import Gates, Strategy
from awsroll.core.model.status import Outcome, Status
from awsroll.core.model.user_requests import UserRequests
from awsroll.driver.user_commands import override_freeze
from awsroll.errors import SpecError
from awsroll.ports import Record
from awsroll.testing.fleet import FakeFleet
from awsroll.testing.memory_store import MemoryStore
from tests.support.builders import OLD, auto_scaling, launch_first, rollout, standalone
from tests.support.drive import Driver, versions

KINDS = {"standalone": standalone, "auto-scaling": auto_scaling}
HOW: dict[str, dict[str, Any]] = {
    "replace": {},
    "launch-first": launch_first(2),
    "double-half": {"strategy": Strategy.DOUBLE_HALF, "max_unavailable": Amount(value=0)},
    "reload": {"strategy": Strategy.RELOAD, "max_unavailable": Amount(value=2)},
}


def window(fleet: FakeFleet, *, opens: float, seconds: float) -> Period:
    """Return a window that opens in some seconds."""
    begin = fleet.clock.now() + timedelta(seconds=opens)
    return Period(start=_text(begin), end=_text(begin + timedelta(seconds=seconds)))


def _text(at: datetime) -> str:
    return at.replace(tzinfo=None).isoformat(timespec="seconds")


def until_at_rest(fleet: FakeFleet, driver: Driver) -> None:
    while driver.status.blocked is None or not driver.status.blocked.rests:
        assert not driver.ended
        fleet.clock.sleep(driver.unhurried(driver.step()))


@pytest.mark.parametrize("how", HOW.values(), ids=HOW)
@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_outside_its_windows_a_rollout_rests_and_goes_on_in_the_next(make: Any, how: dict[str, Any]) -> None:
    fleet = make(outdated=5)
    first, second = window(fleet, opens=0, seconds=15), window(fleet, opens=9000, seconds=40_000)
    driver = Driver(fleet, rollout(fleet, gates=Gates(windows=(first, second)), **how))
    opens_at = fleet.clock.now() + timedelta(seconds=9000)
    until_at_rest(fleet, driver)
    before = versions(fleet)
    group = fleet.group
    while fleet.clock.now() < opens_at:
        decided = driver.step()
        assert versions(fleet) == before
        assert driver.status.outcome is Outcome.RUNNING
        fleet.clock.sleep(min(decided.requeue_seconds, (opens_at - fleet.clock.now()).total_seconds()))
        if not decided.actions and group is not None and not how:
            assert not group.settings.suspended
            assert group.settings.version == str(OLD.number)
    assert fleet.clock.now() == opens_at
    assert driver.run().outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_a_rollout_that_starts_outside_changes_nothing_and_looks_seldom(make: Any) -> None:
    fleet = make(outdated=3)
    gates = Gates(windows=(window(fleet, opens=3600, seconds=3600),))
    driver = Driver(fleet, rollout(fleet, gates=gates))
    decided = driver.step()
    assert [hold.reason for hold in decided.holds] == [Reason.BLOCKED]
    driver.wait(3500, look_every=100)
    assert not any(plan.actions for plan in driver.plans)
    assert len(driver.plans) < 70
    assert driver.run().outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_a_rollback_and_a_stop_are_never_blocked(make: Any) -> None:
    for requests, outcome in (
        (UserRequests(rollback=True), Outcome.ROLLED_BACK),
        (UserRequests(abort=True), Outcome.STOPPED),
    ):
        fleet = make(outdated=4)
        gates = Gates(windows=(window(fleet, opens=0, seconds=40),))
        driver = Driver(fleet, rollout(fleet, gates=gates))
        until_at_rest(fleet, driver)
        driver.status = replace(driver.status, user_requests=requests)
        assert driver.run().outcome is outcome


def test_a_gate_does_not_open_outside_the_windows() -> None:
    fleet = auto_scaling(outdated=3)
    gates = Gates(windows=(window(fleet, opens=0, seconds=10),), checkpoints=(Amount(value=1),))
    driver = Driver(fleet, rollout(fleet, gates=gates))
    while driver.status.gate.closed_since is None:
        fleet.clock.sleep(driver.unhurried(driver.step()))
    driver.wait(4000, look_every=100)
    assert (driver.status.gate.passed, driver.status.outcome) == (0, Outcome.RUNNING)


def test_the_group_replaces_a_dead_member_at_rest_with_the_old_version() -> None:
    fleet = auto_scaling(outdated=4)
    first, second = window(fleet, opens=0, seconds=40), window(fleet, opens=9000, seconds=40_000)
    driver = Driver(fleet, rollout(fleet, gates=Gates(windows=(first, second))))
    until_at_rest(fleet, driver)
    driver.wait(300)
    before = versions(fleet)
    victim = next(one for one in fleet.instances.all() if one.live and one.template == OLD)
    fleet.somebody.kills(victim.instance_id)
    driver.wait(1500, look_every=30)
    assert versions(fleet) == before
    assert driver.run().outcome is Outcome.SUCCEEDED


def test_an_override_goes_on_at_any_time() -> None:
    fleet = auto_scaling(outdated=3)
    gates = Gates(windows=(window(fleet, opens=90_000, seconds=60),), override="a hole in the kernel")
    driver = Driver(fleet, rollout(fleet, gates=gates))
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert not any(plan.status.blocked for plan in driver.plans)


def test_a_change_calendar_that_closes_blocks_the_rollout() -> None:
    fleet = standalone(outdated=3)
    fleet.calendars["prod"] = CalendarState(is_open=True)
    driver = Driver(fleet, rollout(fleet, gates=Gates(freezes=(Period(calendar="prod"),))))
    driver.wait(20)
    fleet.calendars["prod"] = CalendarState(is_open=False)
    until_at_rest(fleet, driver)
    driver.wait(4000, look_every=100)
    assert driver.status.outcome is Outcome.RUNNING
    fleet.calendars["prod"] = CalendarState(is_open=True)
    assert driver.run().outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_a_rollout_that_waits_goes_on_once_a_person_overrides_the_freeze(make: Any) -> None:
    fleet = make(outdated=3)
    driver = Driver(fleet, rollout(fleet, gates=Gates(freezes=(window(fleet, opens=0, seconds=50_000),))))
    driver.wait(200, look_every=50)
    assert not any(plan.actions for plan in driver.plans)
    driver.status = replace(driver.status, user_requests=UserRequests(override="incident 4711"))

    assert driver.run().outcome is Outcome.SUCCEEDED
    assert driver.status.user_requests.override == "incident 4711"


def test_an_override_names_the_person_and_needs_windows_and_a_reason() -> None:
    fleet, store = standalone(outdated=1), MemoryStore()
    gates = {"waits": Gates(freezes=(window(fleet, opens=0, seconds=50_000),)), "free": Gates()}
    now = fleet.clock.now()
    for name, own in gates.items():
        made = replace(rollout(fleet, gates=own), rollout_id=name)
        store.save(Record(rollout=made, status=Status(started_at=now, progress_at=now)))

    awsroll.override_freeze("waits", " incident  4711 ", store=store, by="ops@bastion")

    requests = store.user_requests("waits")
    assert (requests.override, requests.who("override-freeze")) == ("incident 4711", "ops@bastion")
    for name, reason in (("free", "why"), ("waits", " ")):
        with pytest.raises(SpecError, match="has nothing to override"):
            override_freeze(name, store, reason)
