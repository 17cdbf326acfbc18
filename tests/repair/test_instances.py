"""Servers that a dead rollout left in progress, repaired without its record; and repairs that die."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from awsroll.core.tags import FLEET_TAG, RELOADING, REPLACEMENT, REPLACES_TAG, RETIRING, ROLE_TAG, ROLLOUT_TAG
from awsroll.errors import FleetError, FleetLockedError
from tests.crash.scenarios import SCENARIOS, Scenario
from tests.repair.wreck import Wreck, wreck

LAUNCH_FIRST, REPLACE = SCENARIOS["standalone-launch-first"], SCENARIOS["standalone-replace"]
# Each old server has gone before its replacement is launched.
CAPPED = replace(REPLACE, name="standalone-replace-capped", wanted={**REPLACE.wanted, "max_running": "100%"})
TWO_GROUPS = SCENARIOS["standalone-two-ports-two-groups"]
DOUBLE = SCENARIOS["group-double-half"]


@pytest.fixture(name="killed")
def _killed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Wreck]:
    scenario, instant = request.param
    with wreck(scenario, tmp_path) as killed:
        killed.roll(scenario, instant)
        yield killed


def at(scenario: Scenario, instant: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("killed", [pytest.param((scenario, instant), id=instant)], indirect=True)


def shown(killed: Wreck) -> list[tuple[str, str, bool]]:
    found = killed.repair(recorded=False, confirm=lambda _: False).found
    return [(one.what, one.about, one.acts) for one in found if one.what != "label"]


@at(LAUNCH_FIRST, "after ec2:RunInstances")
def test_only_the_orphan_is_terminated(killed: Wreck) -> None:
    (orphan,) = killed.live() - set(killed.fleet.instance_ids)

    assert shown(killed) == [("orphan", orphan, True)]
    assert killed.repair(recorded=False).clean
    killed.sandbox.jump(300)
    assert killed.live() == killed.serving() == set(killed.fleet.instance_ids)
    assert killed.repair(recorded=False).found == ()


@at(REPLACE, "after elbv2:DeregisterTargets")
def test_a_server_that_was_taken_out_of_traffic_is_returned_to_service(killed: Wreck) -> None:
    killed.sandbox.jump(300)
    (out,) = set(killed.fleet.instance_ids) - killed.serving()

    assert shown(killed) == [("out-of-traffic", out, True)]
    assert killed.repair(recorded=False).clean
    killed.sandbox.jump(300)
    assert killed.live() == killed.serving() == set(killed.fleet.instance_ids)


@at(REPLACE, "after ec2:RunInstances")
def test_a_replacement_that_was_launched_during_the_drain_makes_way_for_the_old_server(killed: Wreck) -> None:
    (new,) = killed.live() - set(killed.fleet.instance_ids)
    (out,) = set(killed.fleet.instance_ids) - killed.serving()

    assert shown(killed) == [("orphan", new, True), ("out-of-traffic", out, True)]
    assert killed.repair(recorded=False).clean
    killed.sandbox.jump(300)
    assert killed.live() == killed.serving() == set(killed.fleet.instance_ids)


@at(CAPPED, "after ec2:RunInstances")
def test_a_launched_server_replaces_a_terminated_one(killed: Wreck) -> None:
    (new,) = killed.live() - set(killed.fleet.instance_ids)

    assert shown(killed) == [("out-of-traffic", new, True)]
    assert killed.repair(recorded=False).clean
    killed.sandbox.jump(300)
    assert killed.live() == killed.serving()
    assert len(killed.serving()) == 2
    assert new in killed.serving()


@at(LAUNCH_FIRST, "after ec2:RunInstances")
def test_an_orphan_is_not_terminated_unless_a_person_confirms_its_id(killed: Wreck) -> None:
    before = killed.live()
    asked: list[str] = []

    repaired = killed.repair(recorded=False, confirm_instance=lambda leftover: asked.append(leftover.about) or False)
    killed.sandbox.jump(300)

    (orphan,) = before - set(killed.fleet.instance_ids)
    assert asked == [orphan]
    assert killed.live() == before
    assert [(left.what, left.about, left.confirm_by_id) for left in repaired.left] == [("orphan", orphan, True)]
    assert "only its own tags show this" in repaired.left[0].remedy


def test_tags_alone_neither_terminate_nor_register_another_server(tmp_path: Path) -> None:
    """Anyone with ec2:CreateTags can tag a database as a server of the fleet."""
    for role in (REPLACEMENT, RETIRING, RELOADING):
        with wreck(REPLACE, tmp_path / role) as fleet:
            client = fleet.sandbox.session().client("ec2")
            launched = client.run_instances(
                MinCount=1, MaxCount=1, LaunchTemplate={"LaunchTemplateId": fleet.fleet.template_id}
            )
            stranger = launched["Instances"][0]["InstanceId"]
            replaced = fleet.fleet.instance_ids[0]
            name = fleet.repair(recorded=False).fleet
            tags = {FLEET_TAG: name, ROLE_TAG: role, ROLLOUT_TAG: "web-1"}
            tags |= {REPLACES_TAG: replaced} if role == REPLACEMENT else {}
            client.create_tags(Resources=[stranger], Tags=[{"Key": k, "Value": v} for k, v in tags.items()])
            serving = fleet.serving()

            repaired = fleet.repair(recorded=False, confirm_instance=lambda _: False)
            fleet.sandbox.jump(300)

            assert [(left.about, left.confirm_by_id) for left in repaired.left] == [(stranger, True)], role
            assert not repaired.acted, role
            assert stranger in fleet.live(), role
            assert fleet.serving() == serving, role


@at(DOUBLE, "after autoscaling:LaunchInstances")
def test_the_saved_settings_of_a_group_confirm_its_surplus(killed: Wreck) -> None:
    repaired = killed.repair(recorded=False, confirm_instance=lambda _: False)
    killed.sandbox.jump(900)

    assert "surplus" in {leftover.what for leftover in repaired.found}
    assert repaired.clean
    assert killed.live() == set(killed.fleet.instance_ids)


@at(CAPPED, "after ec2:TerminateInstances")
def test_a_missing_server_is_reported_and_not_replaced(killed: Wreck) -> None:
    ended = set(killed.fleet.instance_ids) - killed.live()
    left = killed.repair(recorded=False).left

    assert [(one.what, {one.about}, one.acts) for one in left] == [("vacancy", ended, False)]


@at(TWO_GROUPS, "after elbv2:RegisterTargets")
def test_a_half_registered_server_is_registered_everywhere(killed: Wreck) -> None:
    (new,) = killed.live() - set(killed.fleet.instance_ids)

    assert shown(killed) == [("half-registered", new, True)]
    repaired = killed.repair(recorded=False)
    killed.sandbox.jump(300)
    assert [(one.what, one.about) for one in repaired.left] == [("surplus", new)], "it serves beside its predecessor"
    assert killed.live() == killed.serving()


@at(DOUBLE, "after autoscaling:LaunchInstances")
def test_the_label_of_a_rollout_that_may_be_alive_refuses_a_repair_from_another_store(killed: Wreck) -> None:
    before = killed.settings_now()

    with pytest.raises(FleetLockedError, match="is held by rollout"):
        killed.repair(recorded=True, store=killed.elsewhere)
    assert killed.settings_now() == before


@at(DOUBLE, "after autoscaling:LaunchInstances")
def test_a_fleet_that_changed_during_the_confirmation_is_not_touched(killed: Wreck) -> None:
    def think(_: object) -> bool:
        client = killed.sandbox.session().client("autoscaling")
        client.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=4)
        return True

    before = killed.live()
    with pytest.raises(FleetError, match="web has changed since it was shown; nothing was changed"):
        killed.repair(recorded=False, confirm=think)
    assert killed.live() >= before
    assert "AlarmNotification" in killed.settings_now().group["web"]["suspended"]


def _changing(trail: list[str]) -> list[int]:
    calls = ("before autoscaling:", "after autoscaling:", "after elbv2:")
    reading = (":Describe", ":Get")
    return [
        number
        for number, instant in enumerate(trail, 1)
        if instant.startswith(calls) and not any(word in instant for word in reading)
    ]


def test_a_repair_that_dies_is_repeated(tmp_path: Path) -> None:
    cut = "after autoscaling:LaunchInstances"
    with wreck(DOUBLE, tmp_path / "whole") as whole:
        whole.roll(DOUBLE, cut)
        instants = _changing(whole.kill_repair(10**6))
    assert len(instants) >= 8

    for number in instants:
        with wreck(DOUBLE, tmp_path / str(number)) as killed:
            killed.roll(DOUBLE, cut)
            killed.kill_repair(number)
            is_lost = number % 2 == 0  # the repair's own record, too
            left = replace(killed, folder=tmp_path / f"{number}-lost") if is_lost else killed
            repaired = left.repair(recorded=False)
            killed.sandbox.jump(900)

            assert repaired.clean, (number, repaired)
            assert killed.settings_now() == killed.found, number
            assert killed.live() == killed.serving() == set(killed.fleet.instance_ids), number
