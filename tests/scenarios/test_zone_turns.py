"""One zone at a time: never two zones in flight, a gate at each zone's end, and a pause in a zonal shift."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from awsroll.core.model.amount import Amount
from awsroll.core.model.rollout_choices import Gates, OnFailure, Strategy
from awsroll.core.model.status import Outcome
from awsroll.core.model.user_requests import UserRequests
from awsroll.testing.fleet import FakeFleet
from tests.support.builders import NEW, OLD, auto_scaling, launch_first, rollout, standalone
from tests.support.drive import Driver, versions

A, B, C = "zone-a", "zone-b", "zone-c"
KINDS = {"standalone": standalone, "auto-scaling": auto_scaling}
HOW: dict[str, dict[str, Any]] = {
    "replace": {},
    "two-at-a-time": {"max_unavailable": Amount(value=2)},
    "launch-first": launch_first(2),
    "mixed": {"max_unavailable": Amount(value=1), "max_surge": Amount(value=1)},
    "reload": {"strategy": Strategy.RELOAD, "max_unavailable": Amount(value=50, is_percentage=True)},
}


def by_zone(fleet: FakeFleet, **gates: Any) -> Gates:
    """Return the gates of `--zones one-by-one`, with the order that the preflight chooses."""
    sizes: dict[str, int] = {}
    for one in fleet.instances.all():
        sizes[one.zone] = sizes.get(one.zone, 0) + 1
    return Gates(by_zone=True, zones=tuple(sorted(sizes, key=lambda zone: (sizes[zone], zone))), **gates)


def new_in(fleet: FakeFleet) -> set[str]:
    new = (str(NEW), "app-3")
    return {one.zone for one in fleet.instances.all() if one.live and one.application_version in new}


def old_in(fleet: FakeFleet) -> set[str]:
    return {
        one.zone
        for one in fleet.instances.all()
        if one.live and one.template == OLD and one.application_version != "app-3"
    }


def at_gate(fleet: FakeFleet, driver: Driver) -> None:
    while driver.status.gate.closed_since is None:
        assert not driver.ended
        fleet.clock.sleep(driver.unhurried(driver.step()))


@pytest.mark.parametrize("how", HOW.values(), ids=HOW)
@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_each_zone_ends_at_a_gate_before_the_next_is_touched(make: Any, how: dict[str, Any]) -> None:
    fleet = make(outdated=7)  # three servers in zone a, two in each of the others
    gates = by_zone(fleet, delay_seconds=600)
    assert gates.zones == (B, C, A)
    driver = Driver(fleet, rollout(fleet, gates=gates, **how))
    for passed, untouched in enumerate(({C, A}, {A}, set())):
        at_gate(fleet, driver)
        assert driver.status.gate.passed == passed
        assert old_in(fleet) == untouched
        assert not new_in(fleet) & untouched
        while driver.status.gate.closed_since is not None:
            fleet.clock.sleep(driver.unhurried(driver.step()))
    assert driver.run().outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_max_unavailable_is_a_floor_of_each_zone_too(make: Any) -> None:
    fleet = make(outdated=12)  # four servers in each zone: half of the fleet would be a zone and a half
    half = Amount(value=50, is_percentage=True)
    driver = Driver(fleet, rollout(fleet, gates=by_zone(fleet), max_unavailable=half))
    lowest = 4
    while not driver.ended:
        fleet.clock.sleep(driver.unhurried(driver.step()))
        serving = fleet.safety.serving()
        zones = Counter(one.zone for one in fleet.instances.all() if one.instance_id in serving)
        lowest = min(lowest, *(zones[zone] for zone in (A, B, C)))
    assert driver.status.outcome is Outcome.SUCCEEDED
    assert lowest == 2


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_a_zonal_shift_keeps_the_rollout_from_starting_anything(make: Any) -> None:
    fleet = make(outdated=6)
    driver = Driver(fleet, rollout(fleet, gates=by_zone(fleet), **launch_first(1)))
    shown = driver.fleet.observe

    def shifted(*args: Any) -> Any:
        seen = shown(*args)
        instances = (
            replace(one, targets=tuple(replace(target, shifted=True) for target in one.targets))
            if one.zone == C
            else one
            for one in seen.instances
        )
        return replace(seen, instances=tuple(instances))

    driver.fleet.observe = shifted
    driver.wait(4000, look_every=50)
    assert driver.status.blocked is not None
    assert driver.status.blocked.reason == f"the end of the zonal shift away from {C}"
    assert not new_in(fleet)
    driver.fleet.observe = shown
    assert driver.run().outcome is Outcome.SUCCEEDED


def test_a_group_replaces_a_dead_member_of_a_zone_to_come_with_the_old_version() -> None:
    fleet = auto_scaling(outdated=6)
    driver = Driver(fleet, rollout(fleet, gates=by_zone(fleet)))
    driver.wait(10)
    victim = next(one for one in fleet.instances.all() if one.zone == C and one.live)
    fleet.somebody.kills(victim.instance_id)
    at_gate(fleet, driver)
    assert C in old_in(fleet)
    assert C not in new_in(fleet)
    assert driver.run().outcome is Outcome.SUCCEEDED
    assert versions(fleet) == {str(NEW): 6}


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_a_rollback_goes_back_in_all_zones(make: Any) -> None:
    fleet = make(outdated=6)
    driver = Driver(fleet, rollout(fleet, gates=by_zone(fleet, needs_approval=True), on_failure=OnFailure.ROLLBACK))
    at_gate(fleet, driver)
    driver.status = replace(driver.status, user_requests=UserRequests(rejected=True))
    assert driver.run().outcome is Outcome.ROLLED_BACK
    assert versions(fleet)[str(OLD)] == 6
