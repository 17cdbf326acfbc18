"""Fleets that share a target group: rolled one after the other in one file, and never two at a time."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import awsroll
from awsroll.core.request.spec import RolloutSpec
from awsroll.core.request.waves import FleetSpec
from awsroll.errors import FleetError, FleetLockedError
from awsroll.testing.clock import VirtualClock
from tests.rollouts.rolling import make_sandbox
from tests.rollouts.small_groups import World, endings, wave_of
from tests.support.turns import TurnClock

DELAY = "deregistration_delay.timeout_seconds"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    sandbox, clock = make_sandbox()
    with ExitStack() as stack:
        yield World(stack.enter_context(sandbox), TurnClock(clock), tmp_path)


def two_groups(world: World, **request: Any) -> tuple[FleetSpec, FleetSpec]:
    """Create the groups `web` and `spot` behind the same target group, with two servers each."""
    web = world.fleet("web", **request)
    autoscaling = world.sandbox.session().client("autoscaling")
    (group,) = autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=["web"])["AutoScalingGroups"]
    autoscaling.create_auto_scaling_group(
        AutoScalingGroupName="spot",
        LaunchTemplate={"LaunchTemplateId": group["LaunchTemplate"]["LaunchTemplateId"], "Version": "1"},
        MinSize=0,
        MaxSize=4,
        DesiredCapacity=2,
        VPCZoneIdentifier=group["VPCZoneIdentifier"],
        TargetGroupARNs=group["TargetGroupARNs"],
        HealthCheckType="ELB",
    )
    world.sandbox.jump(200)
    return web, replace(web, name="spot", request=replace(web.request, asg="spot"))


def shared_target_group(world: World) -> str:
    groups = world.sandbox.session().client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    arn: str = groups[0]["TargetGroupARNs"][0]
    return arn


def delay_of(world: World, arn: str) -> str:
    answer = world.sandbox.session().client("elbv2").describe_target_group_attributes(TargetGroupArn=arn)
    values: dict[str, str] = {one["Key"]: one["Value"] for one in answer["Attributes"]}
    return values[DELAY]


@pytest.mark.parametrize(
    "request_options",
    [{}, {"deregistration_delay": 5}, {"health_check_interval": 6}],
    ids=["settings-as-found", "another-delay", "another-interval"],
)
def test_groups_behind_one_target_group_are_rolled_one_after_the_other(
    world: World, request_options: dict[str, Any]
) -> None:
    web, spot = two_groups(world, **request_options)
    arn = shared_target_group(world)
    before = delay_of(world, arn)

    with pytest.raises(
        FleetError, match=r"fleets web and spot are behind the same target group .* wave both rolls them"
    ):
        world.roll(wave_of(web, spot, name="both"))
    report = world.roll(wave_of(web), wave_of(spot))

    assert endings(report) == {"web": "succeeded", "spot": "succeeded"}
    assert [world.versions(name) for name in ("web", "spot")] == [["2", "2"]] * 2
    assert delay_of(world, arn) == before
    assert world.log.order("rollout.created", "rollout.ended") == [
        (event, name) for name in ("web", "spot") for event in ("rollout.created", "rollout.ended")
    ]


def test_a_wave_of_one_at_a_time_may_hold_groups_that_change_the_settings_of_one_target_group(world: World) -> None:
    web, spot = two_groups(world, deregistration_delay=5)

    report = world.roll(wave_of(web, spot, name="both", concurrency=1))

    assert report.succeeded
    assert delay_of(world, shared_target_group(world)) == "30"


def test_a_group_is_refused_while_a_rollout_of_another_group_changes_their_target_group(world: World) -> None:
    web, spot = two_groups(world, deregistration_delay=5)
    refused: list[str] = []

    def roll_spot() -> None:
        with pytest.raises(FleetLockedError) as caught:
            awsroll.roll(spot.request, session=world.sandbox.session(), store=world.store, clock=VirtualClock())
        refused.append(str(caught.value))

    world.log.at("group.instances-terminated", roll_spot)

    report = world.roll(wave_of(web))

    assert report.succeeded
    (ending,) = [one.report for one in report.fleets if one.report]
    assert f"target group web-1 is held by rollout {ending.rollout_id} (process" in refused[0]


def test_an_unfinished_rollout_of_another_group_is_named_with_its_own_group(world: World) -> None:
    web, spot = two_groups(world, deregistration_delay=5, checkpoint=(1,), approve_checkpoints=True)
    left = world.run(wave_of(web), wait_for_approval=False)
    left.check()
    (paused,) = left.roll().fleets
    assert paused.report is not None

    with pytest.raises(FleetLockedError) as refused:
        world.roll(wave_of(spot))

    assert f"rollout {paused.report.rollout_id} of web has not ended" in str(refused.value)
    assert "and changes target group web-1, too; this rollout changed nothing" in str(refused.value)


def two_standalone_fleets(world: World) -> tuple[list[FleetSpec], str]:
    """Create the fleets `left` and `right` of one server each, both also registered in a third target group."""
    fleet = world.sandbox.standalone_fleet(servers=2, target_groups=3)
    elbv2 = world.sandbox.session().client("elbv2")
    left, right, shared = fleet.target_group_arns
    for arn, leaves in ((left, fleet.instance_ids[1]), (right, fleet.instance_ids[0])):
        elbv2.deregister_targets(TargetGroupArn=arn, Targets=[{"Id": leaves}])
    world.sandbox.jump(60)
    specs = []
    for name, arn in (("left", left), ("right", right)):
        request = RolloutSpec(
            target_group=(arn,), launch_template=f"{fleet.template_id}:2", healthy_timeout=120, launch_first=True
        )
        specs.append(FleetSpec(name=name, request=request))
    return specs, shared


def test_standalone_fleets_that_name_a_shared_target_group_have_the_same_servers(world: World) -> None:
    specs, shared = two_standalone_fleets(world)
    own = [spec.request.target_group[0] for spec in specs]
    ways = ((*own, shared), ("web-1", "web-2", "web-3"))
    left, right = (
        replace(spec, request=replace(spec.request, target_group=named))
        for spec, named in zip(specs, ways, strict=True)
    )

    with pytest.raises(FleetError, match=r"fleets left and right share \S+/web-1/\S+, .*\. Give each fleet once"):
        world.roll(wave_of(left), wave_of(right))

    assert world.log.events == []


@pytest.mark.parametrize("at_once", [False, True], ids=["two-waves", "one-wave"])
def test_standalone_fleets_that_leave_a_shared_target_group_alone_are_rolled_in_one_file(
    world: World, at_once: bool
) -> None:
    specs, shared = two_standalone_fleets(world)
    fleets = [
        replace(spec, request=replace(spec.request, exclude_target_group=(shared,), deregistration_delay=5))
        for spec in specs
    ]

    report = world.roll(wave_of(*fleets)) if at_once else world.roll(*[wave_of(fleet) for fleet in fleets])

    assert endings(report) == {"left": "succeeded", "right": "succeeded"}
    assert [one.report.instances.replaced for one in report.fleets if one.report] == [1, 1]
    assert {delay_of(world, arn) for arn in (shared, *(spec.request.target_group[0] for spec in specs))} == {"30"}
