"""`awsroll keep` on the embedded AWS, in virtual time: newest images, old servers, drift, bad images and windows."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from awsroll.core.model.period import Period
from awsroll.core.model.status import Outcome
from awsroll.core.request.waves import FleetsSpec, WaveSpec
from awsroll.core.rotation import RotationAction
from awsroll.driver.context import Context
from awsroll.driver.halt_store import set_budget
from awsroll.errors import FleetError
from awsroll.stores import LocalStore
from awsroll.waves.keep_fleets import Keeper
from benchmarks.rotation import simulate
from benchmarks.rotation_world import KeptWorld
from tests.lambdas.started import Started
from tests.rollouts.rolling import make_sandbox
from tests.support.turns import TurnClock

DAY = 86400.0
FIRST, SECOND, BAD = "ami-11111111", "ami-22222222", "ami-bad00000"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[KeptWorld]:
    sandbox, clock = make_sandbox()
    with ExitStack() as stack:
        made = KeptWorld(stack.enter_context(sandbox), clock, LocalStore(tmp_path))
        made.start()
        made.publish(FIRST)
        yield made


def test_a_new_image_is_rolled_once_and_then_the_fleet_rests(world: KeptWorld) -> None:
    web = world.fleet("web")

    first = world.keep(web)
    before = sum(world.sandbox.calls.values())
    second = world.keep(web)

    assert first.report is not None
    assert first.report.succeeded
    assert world.images("web") == [FIRST] * 2
    assert second.rotations["web"].action is RotationAction.REST
    assert second.report is None
    assert sum(world.sandbox.calls.values()) - before == 5, "with the account of the caller"


def test_a_refused_fleet_is_reported_and_the_others_are_kept(world: KeptWorld) -> None:
    web, api = world.fleet("web"), world.fleet("api")
    absent = replace(web, name="absent", request=replace(web.request, asg="absent"))
    blocked = replace(api, request=replace(api.request, alarm=("no-such-alarm",)))

    done = world.keep(web, blocked, absent)

    assert done.report is not None
    assert done.report.succeeded
    assert [fleet.fleet_name for fleet in done.report.fleets] == ["web"]
    assert "there is no Auto Scaling group 'absent'" in done.rotations["absent"].why
    assert "no-such-alarm" in done.rotations["api"].why
    assert world.images("web") == [FIRST] * 2
    assert published(world, "web") == 1
    with pytest.raises(FleetError, match="absent"):
        world.keep(absent)


def test_fleets_at_rest_share_reads(world: KeptWorld) -> None:
    web, api = world.fleet("web"), world.fleet("api")
    world.keep(web, api)
    before = Counter(world.sandbox.calls)

    assert world.keep(web, api).report is None
    assert Counter(world.sandbox.calls) - before == Counter(
        {
            "sts:GetCallerIdentity": 1,
            "autoscaling:DescribeAutoScalingGroups": 1,
            "ec2:DescribeInstances": 1,
            "ec2:DescribeLaunchTemplateVersions": 2,
            "ssm:GetParameter": 1,
        }
    )


def test_a_fleet_with_a_role_is_read_and_rolled_with_its_credentials(world: KeptWorld) -> None:
    web = replace(world.fleet("web"), role="arn:aws:iam::123456789012:role/deploy")

    report = world.keep(web).report

    assert report is not None
    assert report.succeeded
    assert world.images("web") == [FIRST] * 2
    assert world.keep(web).report is None


def test_fleets_of_one_wave_beyond_the_budget_wait(world: KeptWorld) -> None:
    clock = TurnClock(world.clock)
    world.clock = clock
    wave = WaveSpec(name="all", fleets=(world.fleet("web"), world.fleet("api")))
    set_budget(world.store, clock, rollouts=1, servers=None)
    context = Context(session=world.sandbox.session(), store=world.store, clock=clock)

    report = Keeper(FleetsSpec(waves=(wave,)), context).keep().report

    assert report is not None
    assert report.succeeded
    first, second = sorted(world.store.list(), key=lambda one: one.status.started_at)
    assert first.status.ended_at is not None
    assert second.status.started_at >= first.status.ended_at


def test_a_bad_image_stops_at_one_server_and_is_not_tried_again(world: KeptWorld) -> None:
    web, api = world.fleet("web"), world.fleet("api")
    world.keep(web, api)
    launched = len(world.sandbox.ec2.instances())
    world.bad.add(BAD)
    world.publish(BAD)

    tried, again = world.keep(web, api), world.keep(web, api)
    spoiled = [one for one in world.sandbox.ec2.instances()[launched:] if one.record.image_id == BAD]
    world.publish(SECOND)
    after = world.keep(web, api)

    assert tried.report is not None
    assert tried.report.status is Outcome.ROLLED_BACK
    assert len(spoiled) == 1, "one server of one fleet"
    assert {rotation.action for rotation in again.rotations.values()} == {RotationAction.WAIT}
    assert "has failed: rolled back" in again.rotations["web"].why
    assert "has failed: rolled back" in again.rotations["api"].why
    assert after.report is not None
    assert after.report.succeeded
    assert world.images("web") == world.images("api") == [SECOND] * 2


def test_servers_that_are_too_old_are_replaced_also_while_the_newest_image_is_bad(world: KeptWorld) -> None:
    web = world.fleet("web", max_age_days=10)
    world.keep(web)
    world.bad.add(BAD)
    world.publish(BAD)
    world.keep(web)
    old = {one.instance_id for one in world.servers("web")}
    world.sandbox.jump(9 * DAY)

    report = world.keep(web)

    assert "servers are due" in report.rotations["web"].why
    assert not old & {one.instance_id for one in world.servers("web")}
    assert world.images("web") == [FIRST] * 2
    assert world.keep(web).report is None


def test_a_version_that_a_person_publishes_is_rolled_with_the_newest_image(world: KeptWorld) -> None:
    web = world.fleet("web")
    web = replace(web, request=replace(web.request, launch_template="web:$Latest"))
    world.keep(web)
    ec2 = world.sandbox.session().client("ec2")
    made = ec2.create_launch_template_version(
        LaunchTemplateName="web", SourceVersion="1", LaunchTemplateData={"InstanceType": "m7g.large"}
    )
    published = made["LaunchTemplateVersion"]["VersionNumber"]

    report = world.keep(web)

    assert report.rotations["web"].content is not None
    assert report.rotations["web"].content.template.number == published
    assert world.images("web") == [FIRST] * 2
    assert world.keep(web).report is None


def test_a_closed_window_lets_nothing_start(world: KeptWorld) -> None:
    night = (Period(cron="0 2 * * *", duration=3600, time_zone="UTC"),)
    web = world.fleet("web", windows=night)
    before = world.clock.now()

    closed = world.keep(web)
    world.sandbox.jump((2 * 3600 + 60) - (before.hour * 3600 + before.minute * 60 + before.second))
    opened = world.keep(web)

    assert closed.rotations["web"].action is RotationAction.WAIT
    assert "waiting for the window that opens at" in closed.rotations["web"].why
    assert opened.report is not None
    assert opened.report.succeeded


def test_a_pass_that_was_stopped_continues_its_rollout(world: KeptWorld) -> None:
    web = world.fleet("web")
    looks = iter([False] * 6)

    stopped = world.keep(web, stop_requested=lambda: next(looks, True))
    plan = world.keeper(web).plan()
    report = world.keep(web)

    assert stopped.report is not None
    assert stopped.report.status is Outcome.INTERRUPTED
    assert "continues" in plan.rotations["web"].why
    assert report.report is not None
    assert report.report.succeeded
    assert len(world.store.list()) == 1
    assert world.images("web") == [FIRST] * 2


@pytest.mark.parametrize("written", [1, 2, 3, 4])
def test_a_pass_that_is_killed_after_any_note_publishes_no_version_twice_and_starts_one_execution(
    world: KeptWorld, monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    fleets, started = (world.fleet("web"), world.fleet("api")), Started()
    really, writes = LocalStore.replace_note, count(1)

    def replace_note(*values: Any) -> bool:
        is_saved = really(*values)
        if next(writes) == written:
            raise KeyboardInterrupt
        return is_saved

    monkeypatch.setattr(LocalStore, "replace_note", replace_note)
    with pytest.raises(KeyboardInterrupt):
        world.keep(*fleets, executions=started)
    world.clock.sleep(3600)
    world.keep(*fleets, executions=started)
    waiting = world.keep(*fleets, executions=started)

    assert len(started.runs) == 1
    assert [len(wave["fleets"]) for wave in started.runs.popitem()[1]["waves"]] == [1, 1]
    assert {one.action for one in waiting.rotations.values()} == {RotationAction.WAIT}
    assert published(world, "web") == published(world, "api") == 1


def published(world: KeptWorld, template: str) -> int:
    """Return the number of versions that passes have published."""
    client = world.sandbox.session().client("ec2")
    versions = client.describe_launch_template_versions(LaunchTemplateName=template)["LaunchTemplateVersions"]
    return sum(one.get("VersionDescription", "").startswith("awsroll keep") for one in versions)


def test_eight_days_with_a_bad_image_drop_no_request_and_breach_no_window() -> None:
    figures = simulate(days=8, servers=2, bad_weeks=(1,))

    assert (figures.rollouts, figures.dropped, figures.breaches) == (3, 0, 0)
    assert [len(ids) for ids in figures.spoiled.values()] == [1]
    assert figures.within == figures.samples > 0
