"""Many fleets on the embedded AWS, in virtual time: waves in order, failures that stop them, and repeated calls."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import awsroll
from awsroll.core.model.rollout_choices import OnFailure
from awsroll.core.model.status import Outcome
from awsroll.core.request.spec import RolloutSpec
from awsroll.core.request.waves import FleetEnding, FleetSpec, FleetsSpec
from awsroll.driver.operations import Context
from awsroll.errors import FleetError, FleetLockedError
from awsroll.waves import FleetsRun
from tests.rollouts.rolling import make_sandbox
from tests.rollouts.small_groups import BAD, GOOD, World, endings, wave_of
from tests.support.turns import TurnClock


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    sandbox, clock = make_sandbox()
    with ExitStack() as stack:
        yield World(stack.enter_context(sandbox), TurnClock(clock), tmp_path)


def test_waves_run_in_order_and_the_fleets_of_a_wave_run_in_parallel(world: World) -> None:
    canary, left, right = world.fleet("canary"), world.fleet("left"), world.fleet("right")

    report = world.roll(wave_of(canary), wave_of(left, right, name="rest"))

    assert report.succeeded
    assert endings(report) == {"canary": "succeeded", "left": "succeeded", "right": "succeeded"}
    assert [one.report.instances.replaced for one in report.fleets if one.report] == [2, 2, 2]
    order = world.log.order("rollout.created", "rollout.ended")
    assert order[:2] == [("rollout.created", "canary"), ("rollout.ended", "canary")]
    assert {name for _, name in order[2:4]} == {"left", "right"}
    assert {event for event, _ in order[2:4]} == {"rollout.created"}
    assert [world.versions(name) for name in ("canary", "left", "right")] == [["2", "2"]] * 3


def test_the_concurrency_limits_how_many_fleets_run_at_a_time(world: World) -> None:
    fleets = [world.fleet(name, servers=1, launch_first=True) for name in ("web-a", "web-b", "web-c")]

    report = world.roll(wave_of(*fleets, concurrency=1))

    assert report.succeeded
    assert world.log.order("rollout.created", "rollout.ended") == [
        (event, name) for name in ("web-a", "web-b", "web-c") for event in ("rollout.created", "rollout.ended")
    ]


def test_a_failing_wave_starts_no_further_fleet_and_no_furtherwave_of(world: World) -> None:
    bad, waiting, later = world.fleet("bad", version=BAD), world.fleet("waiting"), world.fleet("later")

    report = world.roll(wave_of(bad, waiting, concurrency=1), wave_of(later))

    assert report.status is Outcome.ROLLED_BACK
    assert endings(report) == {"bad": "rolled_back", "waiting": "not_begun", "later": "not_begun"}
    assert [(wave.name, wave.status.value) for wave in report.waves] == [("bad", "rolled_back"), ("later", "not_begun")]
    assert [world.versions(name) for name in ("bad", "waiting", "later")] == [["1", "1"]] * 3
    stopped = [fields for name, fields in world.log.events if name == "wave.stopped"]
    assert stopped == [{"wave": "bad", "not_begun": ["waiting"]}]


def test_a_fleet_that_runs_when_its_wave_fails_is_rolled_to_its_end(world: World) -> None:
    bad, slow = world.fleet("bad", version=BAD), world.fleet("slow", min_healthy_time=300)

    report = world.roll(wave_of(bad, slow))

    assert endings(report) == {"bad": "rolled_back", "slow": "succeeded"}
    assert world.log.order("rollout.ended") == [("rollout.ended", "bad"), ("rollout.ended", "slow")]


def test_tolerated_failures_let_the_next_wave_start_and_are_reported(world: World) -> None:
    bad, good, later = world.fleet("bad", version=BAD), world.fleet("good"), world.fleet("later")

    report = world.roll(wave_of(bad, good, tolerated_failures="50%"), wave_of(later))

    assert endings(report) == {"bad": "rolled_back", "good": "succeeded", "later": "succeeded"}
    assert report.status is Outcome.ROLLED_BACK


def test_a_second_call_skips_finished_fleets_and_resumes_paused_ones(world: World) -> None:
    done = world.fleet("done")
    paused = world.fleet("paused", servers=3, checkpoint=(1,), approve_checkpoints=True)
    waves = (wave_of(done), wave_of(paused))
    run = FleetsRun(
        FleetsSpec(waves=waves),
        Context(session=world.sandbox.session(), store=world.store, clock=world.clock, wait_for_approval=False),
    )
    run.check()

    first = run.roll()
    for one in first.fleets:
        if one.status is FleetEnding.PAUSED:
            assert one.report is not None
            awsroll.approve(one.report.rollout_id, store=world.store)
    again = world.roll(*waves)

    assert endings(first) == {"done": "succeeded", "paused": "paused"}
    assert first.status is Outcome.PAUSED
    assert again.succeeded
    assert [one.report.instances.replaced for one in again.fleets if one.report] == [0, 3]
    ids = [[one.report.rollout_id for one in report.fleets if one.report] for report in (first, again)]
    assert ids[0][1] == ids[1][1]
    assert world.log.order("rollout.created", "rollout.resumed") == [
        ("rollout.created", "done"),
        ("rollout.resumed", "paused"),
    ]


CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "version": ({"launch_template": "web:3"}, "(the version)"),
    "amount": ({"concurrent": 2}, "(--concurrent (or --max-unavailable, --max-surge))"),
    "on-failure": ({"on_failure": OnFailure.STOP}, "(--on-failure)"),
    "bake-time": ({"bake_time": 60}, "(the checkpoints, --alarm, --bake-time, windows or freezes)"),
}


@pytest.mark.parametrize(("change", "said"), CHANGES.values(), ids=CHANGES)
def test_a_fleet_with_an_unfinished_rollout_of_another_request_is_refused(
    world: World, change: dict[str, Any], said: str
) -> None:
    first = world.fleet("first")
    web = world.fleet("web", checkpoint=(1,), approve_checkpoints=True)
    run = FleetsRun(
        FleetsSpec(waves=(wave_of(web),)),
        Context(session=world.sandbox.session(), store=world.store, clock=world.clock, wait_for_approval=False),
    )
    run.check()
    (left,) = run.roll().fleets
    assert left.report is not None

    with pytest.raises(FleetLockedError) as refused:
        world.roll(wave_of(first), wave_of(replace(web, request=replace(web.request, **change))))

    assert left.report.rollout_id in str(refused.value)
    assert f"This request differs {said}" in str(refused.value)
    assert world.log.events == []
    assert world.versions("first") == ["1", "1"]


def test_all_refused_fleets_are_reported_before_the_first_rollout_starts(world: World) -> None:
    good = world.fleet("good")
    missing = FleetSpec(name="missing", request=RolloutSpec(asg="missing"))
    nowhere = replace(good, name="nowhere", request=replace(good.request, asg="nowhere"))

    with pytest.raises(FleetError) as refused:
        world.roll(wave_of(good), wave_of(missing, nowhere))

    assert [problem.partition(" in us-east-1")[0] for problem in refused.value.problems] == [
        "missing: there is no Auto Scaling group 'missing'",
        "nowhere: there is no Auto Scaling group 'nowhere'",
    ]
    assert world.store.list() == ()
    assert world.log.events == []


def test_two_names_for_the_same_servers_are_refused(world: World) -> None:
    web = world.fleet("web")
    arn = world.sandbox.session().client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"][0]
    again = replace(web, name="again", request=replace(web.request, asg=arn["AutoScalingGroupARN"]))

    with pytest.raises(FleetError, match=r"fleets web and again share \S+/us-east-1/web"):
        world.roll(wave_of(web), wave_of(again))


def test_a_fleet_that_is_refused_when_its_turn_comes_counts_as_failed(world: World) -> None:
    first, gone, later = world.fleet("first"), world.fleet("gone"), world.fleet("later")
    world.log.at("rollout.created", lambda: world.delete_group("gone"))

    report = world.roll(wave_of(first), wave_of(gone), wave_of(later))

    assert endings(report) == {"first": "succeeded", "gone": "refused", "later": "not_begun"}
    assert report.status is Outcome.STOPPED
    assert "there is no Auto Scaling group 'gone'" in report.fleets[1].reason
    assert [fields["fleet_name"] for name, fields in world.log.events if name == "fleet.refused"] == ["gone"]


def test_a_group_that_is_deleted_after_the_checks_is_an_error_and_changes_nothing(world: World) -> None:
    gone, later = world.fleet("gone"), world.fleet("later")
    world.log.at("wave.begun", lambda: world.delete_group("gone"))

    with pytest.raises(FleetError, match=r"^gone: Auto Scaling group gone no longer exists, or is being deleted"):
        world.roll(wave_of(gone), wave_of(later))

    assert world.store.list() == ()


def test_the_last_wave_gets_the_version_of_the_checks(world: World) -> None:
    first, last = world.fleet("first"), world.fleet("last", version="$Latest")
    last = replace(last, request=replace(last.request, launch_template="last:$Default"))
    ec2 = world.sandbox.session().client("ec2")
    ec2.modify_launch_template(LaunchTemplateName="last", DefaultVersion=str(GOOD))
    world.log.at(
        "rollout.created",
        lambda: ec2.modify_launch_template(LaunchTemplateName="last", DefaultVersion=str(BAD)),
    )

    report = world.roll(wave_of(first), wave_of(last))

    assert report.succeeded
    assert world.versions("last") == [str(GOOD)] * 2


def test_a_stop_request_interrupts_running_fleets_and_starts_no_other(world: World) -> None:
    left, right, later = world.fleet("left"), world.fleet("right"), world.fleet("later")
    waves = (wave_of(left, right), wave_of(later))
    asked: list[bool] = []
    world.log.at("group.instances-terminated", lambda: asked.append(True))
    run = FleetsRun(
        FleetsSpec(waves=waves),
        Context(
            session=world.sandbox.session(),
            store=world.store,
            clock=world.clock,
            sink=world.log,
            stop_requested=lambda: bool(asked),
        ),
    )
    run.check()

    report = run.roll()
    stops = [(name, fields) for name, fields in world.log.events if name.startswith("wave.")][1:]
    again = world.roll(*waves)

    assert stops == [("wave.stopped", {"wave": "left", "not_begun": []})]
    assert report.status is Outcome.INTERRUPTED
    assert endings(report) == {"left": "interrupted", "right": "interrupted", "later": "not_begun"}
    assert again.succeeded
    assert [world.versions(name) for name in ("left", "right", "later")] == [["2", "2"]] * 3
    assert len(world.store.list()) == 3


def test_the_report_uses_the_records_while_a_driver_is_stuck(world: World) -> None:
    web, later = world.fleet("web", servers=1, launch_first=True), world.fleet("later", servers=1, launch_first=True)
    run = FleetsRun(
        FleetsSpec(waves=(wave_of(web), wave_of(later))),
        Context(session=world.sandbox.session(), store=world.store, clock=world.clock, sink=world.log),
    )
    run.check()
    meanwhile: list[Any] = []
    world.log.at("group.instances-launched", lambda: meanwhile.append(run.report()))

    run.roll()

    (report,) = meanwhile
    assert report.status is Outcome.INTERRUPTED
    assert endings(report) == {"web": "interrupted", "later": "not_begun"}
    assert report.fleets[0].report is not None
    assert report.fleets[0].report.rollout_id.startswith("web-")


def test_the_report_of_all_fleets_is_plain_json(world: World) -> None:
    report = world.roll(wave_of(world.fleet("web", servers=1, launch_first=True), name="only"))

    plain = report.as_dict()

    assert set(plain) == {"status", "started_at", "ended_at", "elapsed_s", "waves"}
    (wave,) = plain["waves"]
    assert {key: wave[key] for key in ("name", "status", "concurrency", "tolerated_failures")} == {
        "name": "only",
        "status": "succeeded",
        "concurrency": 1,
        "tolerated_failures": 0,
    }
    (fleet,) = wave["fleets"]
    assert (fleet["fleet_name"], fleet["region"], fleet["role"], fleet["status"], fleet["reason"]) == (
        "web",
        "us-east-1",
        "",
        "succeeded",
        "",
    )
    assert fleet["report"]["instances"]["replaced"] == 1
