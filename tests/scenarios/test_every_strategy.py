"""Each strategy rolls each kind of fleet to the new version within its bounds, for all registrations."""

from dataclasses import replace
from typing import Any

import pytest

from awsroll.core.model.action_results import Answer
from awsroll.core.model.actions import (
    DeregisterTargets,
    LaunchInGroup,
    SetDesiredCapacity,
    TerminateInGroup,
    TerminateInstance,
)
from awsroll.core.model.amount import EVERYTHING, Amount
from awsroll.core.model.observation import TargetKey
from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.model.status import Outcome
from awsroll.testing.faults import Fault
from awsroll.testing.fleet import FakeFleet
from tests.support.builders import (
    API,
    LIMITS,
    NEW,
    WEB,
    at_a_time,
    auto_scaling,
    launch_first,
    rollout,
    standalone,
    target_group,
)
from tests.support.drive import Driver, drive, versions

SECOND_PORT = TargetKey(target_group=WEB, port=81)
FIRST_PORT = TargetKey(target_group=WEB, port=80)
OTHER_GROUP = TargetKey(target_group=API, port=80)

STRATEGIES: dict[str, dict[str, Any]] = {
    "replace-1": at_a_time(1),
    "replace-2": at_a_time(2),
    "replace-34-percent": at_a_time("34%"),
    "launch-first-1": launch_first(1),
    "launch-first-25-percent": launch_first("25%"),
    "both": {"max_unavailable": Amount(value=1), "max_surge": Amount(value=1)},
    "double-half": {"strategy": Strategy.DOUBLE_HALF},
    "reload-1": {"strategy": Strategy.RELOAD, **at_a_time(1)},
    "reload-50-percent": {"strategy": Strategy.RELOAD, **at_a_time("50%")},
}
# floor and ceiling of six servers
BOUNDS = {
    "replace-1": (5, 6),
    "replace-2": (4, 6),
    "replace-34-percent": (4, 6),
    "launch-first-1": (6, 7),
    "launch-first-25-percent": (6, 8),
    "both": (5, 7),
    "double-half": (6, 12),
    "reload-1": (5, 6),
    "reload-50-percent": (3, 6),
}
SHAPES = {"one-target-group": (), "two-target-groups": (OTHER_GROUP,), "two-ports": (SECOND_PORT,)}


def fleet_of(kind: str, extra: tuple[TargetKey, ...]) -> FakeFleet:
    is_group = kind == "auto-scaling"
    others = (target_group(API),) if OTHER_GROUP in extra else ()
    groups = (target_group(managed=is_group), *others)
    if is_group:
        return auto_scaling(outdated=6, target_groups=groups, extra=extra)
    return standalone(outdated=6, target_groups=groups, keys=(FIRST_PORT, *extra))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("kind", ["standalone", "auto-scaling"])
def test_the_whole_fleet_gets_the_new_version_within_its_bounds(kind: str, name: str, shape: str) -> None:
    extra = SHAPES[shape]
    fleet = fleet_of(kind, extra)
    wanted = rollout(fleet, extra_targets=extra if kind == "auto-scaling" else (), **STRATEGIES[name])

    driver = drive(fleet, wanted)

    assert (driver.status.outcome, driver.status.reason) == (Outcome.SUCCEEDED, "")
    assert versions(fleet) == {wanted.to_version: 6}
    floor, ceiling = BOUNDS[name]
    assert fleet.safety.lowest_serving >= floor
    assert fleet.safety.highest_live <= ceiling
    assert len(fleet.safety.serving()) == 6
    if wanted.strategy is Strategy.RELOAD:
        assert len(fleet.instances.all()) == 6, "a reload launches nothing"


@pytest.mark.parametrize("delay", [30, 300])
@pytest.mark.parametrize("name", ["replace-2", "launch-first-1", "double-half", "reload-1"])
@pytest.mark.parametrize("kind", ["standalone", "auto-scaling"])
def test_no_server_leaves_while_a_network_load_balancer_can_send_it_new_flows(kind: str, name: str, delay: int) -> None:
    is_group = kind == "auto-scaling"
    group = target_group(protocol="TCP", deregistration_delay_seconds=delay, managed=is_group)
    fleet = (
        auto_scaling(outdated=3, target_groups=(group,))
        if is_group
        else standalone(outdated=3, target_groups=(group,), keys=(FIRST_PORT,))
    )
    limits = replace(LIMITS, drain_seconds=400, progress_seconds=3600)
    driver = drive(fleet, rollout(fleet, limits=limits, **STRATEGIES[name]))  # fails if invariant 3 is violated
    assert (driver.status.outcome, driver.status.reason) == (Outcome.SUCCEEDED, "")
    assert fleet.targets.groups[WEB].deregistration_delay_seconds == delay


def test_a_drain_behind_a_network_load_balancer_is_not_observed_every_two_seconds() -> None:
    fleet = standalone(outdated=2, target_groups=(target_group(protocol="TCP"),), keys=(FIRST_PORT,))
    limits = replace(LIMITS, drain_seconds=400)
    driver = Driver(fleet, rollout(fleet, limits=limits, max_running=EVERYTHING))  # nothing else to wait for
    driver.run_until(DeregisterTargets)
    deregistered, plans = fleet.clock.now(), len(driver.plans)
    driver.run_until(TerminateInstance)
    assert (fleet.clock.now() - deregistered).total_seconds() >= 120
    assert len(driver.plans) - plans < 20


@pytest.mark.parametrize("kind", ["standalone", "auto-scaling"])
def test_the_window_is_used_in_full(kind: str) -> None:
    fleet = fleet_of(kind, ())
    drive(fleet, rollout(fleet, **at_a_time(3)))
    assert fleet.safety.lowest_serving == 3


def test_a_standalone_replacement_takes_the_zone_subnet_ports_and_user_tags_of_its_predecessor() -> None:
    fleet = standalone(outdated=3, keys=(FIRST_PORT, SECOND_PORT))
    drive(fleet, rollout(fleet))
    old, new = fleet.instances.all()[:3], fleet.instances.all()[3:]
    assert sorted((one.zone, one.subnet_id) for one in old) == sorted((one.zone, one.subnet_id) for one in new)
    for one in new:
        assert one.template == NEW
        assert one.tags["team"] == "shop"
        assert one.tags["awsroll:role"] == "replacement"
        assert {entry.key for entry in fleet.targets.of(one.instance_id)} == {FIRST_PORT, SECOND_PORT}


@pytest.mark.parametrize("kind", ["standalone", "auto-scaling"])
def test_double_half_drains_nothing_before_the_whole_new_half_serves(kind: str) -> None:
    fleet = fleet_of(kind, ())
    driver = Driver(fleet, rollout(fleet, strategy=Strategy.DOUBLE_HALF))
    driver.run_until(TerminateInGroup if kind == "auto-scaling" else DeregisterTargets)
    new = [one for one in fleet.instances.all() if one.template == NEW]
    healthy_at = [entry.at for entry in fleet.world.journal if entry.name == "target.healthy"]
    first_drain = next(entry.at for entry in fleet.world.journal if entry.name == "target.deregistered")
    assert len(new) == len(healthy_at) == 6
    assert max(healthy_at) <= first_drain


@pytest.mark.parametrize("kind", ["standalone", "auto-scaling"])
def test_a_replacement_frees_its_slot_only_after_the_minimum_healthy_time(kind: str) -> None:
    fleet = fleet_of(kind, ())
    drive(fleet, rollout(fleet, limits=replace(LIMITS, min_healthy_seconds=45)))
    healthy = [entry.at for entry in fleet.world.journal if entry.name == "target.healthy"]
    taken = [entry.at for entry in fleet.world.journal if entry.name == "target.deregistered"]
    for before, after in zip(healthy, taken[1:], strict=False):
        assert (after - before).total_seconds() >= 45


def test_a_group_without_launch_instances_surges_by_desired_capacity() -> None:
    fleet = auto_scaling(outdated=4, can_launch_instances=False)
    driver = drive(fleet, rollout(fleet, **launch_first(2)))
    assert driver.status.outcome is Outcome.SUCCEEDED
    assert driver.done(SetDesiredCapacity)
    assert not driver.done(LaunchInGroup)
    assert versions(fleet) == {str(NEW): 4}


def test_a_surge_goes_to_the_zones_that_lose_an_instance() -> None:
    fleet = auto_scaling(outdated=6)
    drive(fleet, rollout(fleet, **launch_first(3)))
    zones = sorted(one.zone for one in fleet.instances.all() if one.live)
    assert zones == ["zone-a", "zone-a", "zone-b", "zone-b", "zone-c", "zone-c"]


def test_a_surge_that_comes_in_two_parts_goes_to_the_same_zones_as_one_that_comes_at_once() -> None:
    fleet = auto_scaling(outdated=3)
    fleet.faults.plan(
        Fault(action=LaunchInGroup, nth=2, answer=Answer.REFUSED, code="ScalingActivityInProgress", transient=True)
    )
    driver = drive(fleet, rollout(fleet, strategy=Strategy.DOUBLE_HALF))
    assert driver.status.outcome is Outcome.SUCCEEDED
    assert sorted(one.zone for one in fleet.instances.all() if one.live) == ["zone-a", "zone-b", "zone-c"]
