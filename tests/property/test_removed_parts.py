"""Someone removes a part of the fleet at any step of any rollout: an abort still ends it, and restores what exists."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from awsroll.core.model.amount import Amount
from awsroll.core.model.rollout_choices import Gates, OnFailure, Strategy
from awsroll.core.model.rollout_events import EventName
from awsroll.core.model.setting_names import MAXIMUM, PROCESS, VERSION
from awsroll.core.model.status import Mode, Outcome
from awsroll.core.repair.reconstruct import ObservedFleet, reconstruct
from awsroll.core.repair.released import abandon, release, unrestored
from awsroll.errors import AccessRefusedError
from tests.support.builders import LIMITS, WEB, auto_scaling, rollout, standalone
from tests.support.drive import Driver
from tests.support.removals import Part, RemovableFleet
from tests.support.search import LONG

DELAY, SUSPENDED = 30, frozenset[str]()
HOW: tuple[dict[str, Any], ...] = (
    {"max_unavailable": Amount(value=1)},
    {"max_unavailable": Amount(value=0), "max_surge": Amount(value=1)},
    {"strategy": Strategy.DOUBLE_HALF, "max_unavailable": Amount(value=0)},
    {"strategy": Strategy.RELOAD, "max_unavailable": Amount(value=1)},
)
QUICK = replace(LIMITS, launch_seconds=200, healthy_seconds=120, progress_seconds=1200)
PARTS = {True: tuple(Part), False: tuple(part for part in Part if part is not Part.GROUP)}
PROFILE: dict[str, Any] = {
    "max_examples": 600 if LONG else 60,
    "deadline": None,
    "derandomize": not LONG,
    "suppress_health_check": list(HealthCheck),
}


def begun(how: dict[str, Any], *, grouped: bool) -> Driver:
    """Return a rollout of three servers with a gate, and a deregistration delay to restore."""
    fleet = RemovableFleet(auto_scaling() if grouped else standalone())
    request = rollout(
        fleet.fleet,
        limits=QUICK,
        on_failure=OnFailure.ROLLBACK,
        deregistration_delay_seconds=10,
        gates=Gates(checkpoints=(Amount(value=1),), needs_approval=True),
        **how,
    )
    return Driver(fleet, request)  # type: ignore[arg-type]  # it has the same methods


def go(driver: Driver, steps: int) -> None:
    for _ in range(steps):
        if driver.ended or driver.status.outcome is Outcome.PAUSED:
            return
        driver.fleet.clock.sleep(driver.unhurried(driver.step()))


def abort(driver: Driver) -> None:
    """Abort as the library does, until the end."""
    if driver.ended:
        return
    if driver.status.outcome is Outcome.PAUSED:
        driver.resume()
    driver.status = driver.stopped()
    driver.run()


def assert_what_exists_is_restored(driver: Driver, removed: Part) -> None:
    status, fleet = driver.status, driver.fleet
    assert driver.ended, status
    assert not status.settings.found or status.warnings, "what is not restored is reported"
    if removed is not Part.TARGET_GROUP:
        assert fleet.targets.groups[WEB].deregistration_delay_seconds == DELAY
    if fleet.group is not None and removed is not Part.GROUP:
        assert fleet.group.settings.suspended == SUSPENDED
        assert not {name for name in status.settings.found if name.startswith(PROCESS) or name == MAXIMUM}
        assert fleet.group.settings.maximum == 3
    assert VERSION not in status.settings.found or removed is Part.TEMPLATE


@pytest.mark.parametrize("grouped", [True, False], ids=["group", "standalone"])
@settings(**PROFILE)
@given(data=st.data())
def test_an_abort_ends_whatever_was_removed(data: st.DataObject, *, grouped: bool) -> None:
    driver = begun(data.draw(st.sampled_from(HOW)), grouped=grouped)
    removed = data.draw(st.sampled_from([part for part in PARTS[grouped] if part is not Part.ROLE]))
    go(driver, data.draw(st.integers(0, 30)))
    driver.fleet.remove(removed)  # type: ignore[attr-defined]
    go(driver, data.draw(st.integers(0, 6)))

    abort(driver)

    assert_what_exists_is_restored(driver, removed)


@settings(**PROFILE)
@given(
    steps=st.integers(0, 30),
    later=st.integers(0, 6),
    how=st.sampled_from(HOW),
    removed=st.sampled_from([Part.TARGET_GROUP, Part.LISTENER, Part.TEMPLATE, Part.SERVERS]),
)
def test_a_repair_without_the_record_ends_whatever_was_removed(
    steps: int, later: int, how: dict[str, Any], removed: Part
) -> None:
    driver = begun(how, grouped=True)
    go(driver, steps)
    driver.fleet.remove(removed)  # type: ignore[attr-defined]
    go(driver, later)

    repairing = repaired(driver)

    assert_what_exists_is_restored(repairing, removed)


def repaired(driver: Driver) -> Driver:
    """Repair the group from its tags alone, as if the record were lost, until the end."""
    seen = driver.fleet.observe(driver.rollout, driver.status)
    there = tuple(group.arn for group in seen.target_groups)
    tags = {tag: value for tag, value in driver.fleet.memory.items() if tag in seen.saved_settings}
    draft = replace(driver.rollout, target_groups=there)
    made, status = reconstruct(ObservedFleet(rollout=draft, observation=seen, saved_tags=tags))
    repairing = Driver(driver.fleet, made)
    repairing.status = status
    repairing.run()
    return repairing


@pytest.mark.parametrize("grouped", [True, False], ids=["group", "standalone"])
@settings(**PROFILE | {"max_examples": PROFILE["max_examples"] // 3})
@given(steps=st.integers(0, 30), how=st.sampled_from(HOW))
def test_without_its_role_a_rollout_is_released_and_its_settings_are_restored_later(
    steps: int, how: dict[str, Any], *, grouped: bool
) -> None:
    driver = begun(how, grouped=grouped)
    go(driver, steps)
    driver.fleet.remove(Part.ROLE)  # type: ignore[attr-defined]
    before = driver.status
    with pytest.raises(AccessRefusedError):
        driver.step()

    left = unrestored(driver.rollout, before)
    driver.status = release(driver.rollout, before, driver.fleet.clock.now())

    assert driver.ended
    assert len(left) >= len(before.settings.found)
    assert driver.status.settings == before.settings, "a repair restores them once the role exists again"
    if grouped:
        driver.fleet.give_back(Part.ROLE)  # type: ignore[attr-defined]
        assert_what_exists_is_restored(repaired(driver), Part.ROLE)


@pytest.mark.parametrize("grouped", [True, False], ids=["group", "standalone"])
@settings(**PROFILE | {"max_examples": PROFILE["max_examples"] // 3})
@given(steps=st.integers(0, 30), how=st.sampled_from(HOW))
def test_without_its_role_an_abort_ends_and_says_what_is_left(
    steps: int, how: dict[str, Any], *, grouped: bool
) -> None:
    driver = begun(how, grouped=grouped)
    go(driver, steps)
    if driver.ended:
        return
    before = driver.stopped()

    driver.status = abandon(driver.rollout, before, driver.fleet.clock.now(), why="not allowed: sts:AssumeRole.")

    status, left = driver.status, unrestored(driver.rollout, before)
    assert (status.mode, status.outcome, status.aborted) == (Mode.ENDED, Outcome.STOPPED, True)
    assert {name.partition("=")[0] for name in before.settings.found} <= {line.split()[0] for line in left}
    assert set(before.servers_in_flight) <= {line.split()[1] for line in left if line.startswith("server")}
    assert all(line in status.reason for line in left)
    assert (status.settings, status.servers) == (before.settings, before.servers), "for a repair"
    assert [event.name for event in status.events] == [EventName.ENDED]
