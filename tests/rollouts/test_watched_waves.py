"""Waves that watch each other on the embedded AWS: bake time, alarms of earlier waves, rollbacks, killed drivers."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import pytest

from awsroll.core.model.status import Outcome
from awsroll.core.request.waves import FleetSpec, OnWaveFailure, WaveSpec
from awsroll.errors import FleetError
from awsroll.report import FleetsReport
from tests.rollouts.rolling import make_sandbox
from tests.rollouts.small_groups import BAD, World, apart, endings, wave_of
from tests.support.turns import TurnClock

ALARM = "web-errors"
OLD, NEW = ["1"], ["2"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    sandbox, clock = make_sandbox()
    with ExitStack() as stack:
        made = World(stack.enter_context(sandbox), TurnClock(clock), tmp_path)
        made.alarm(ALARM)
        yield made


def fleets(world: World) -> tuple[FleetSpec, FleetSpec, FleetSpec]:
    canary, second = (world.fleet(name, servers=1, launch_first=True) for name in ("canary", "second"))
    return canary, second, world.fleet("last", servers=1, launch_first=True, min_healthy_time=200)


def waves(world: World, on_failure: OnWaveFailure) -> tuple[WaveSpec, ...]:
    canary, second, last = fleets(world)
    watched = wave_of(canary, name="first", alarm=(ALARM,), bake_time=120, on_failure=on_failure)
    return watched, wave_of(second, on_failure=on_failure), wave_of(last, on_failure=on_failure)


def roll(world: World, *asked: WaveSpec) -> FleetsReport:
    run = world.run(*asked)
    run.check()
    return apart(run.roll)


def at(world: World, name: str, fleet: str) -> datetime:
    return next(seen for seen, event, fields in world.log.times if event == name and fields["fleet_name"] == fleet)


def test_the_next_wave_starts_after_the_bake_time(world: World) -> None:
    canary, second, _ = fleets(world)

    report = roll(world, wave_of(canary, alarm=(ALARM,), bake_time=120), wave_of(second))

    assert report.succeeded
    baked = at(world, "rollout.created", "second") - at(world, "rollout.ended", "canary")
    assert 120 <= baked.total_seconds() < 135
    assert [fields["wave"] for name, fields in world.log.events if name == "wave.baking"] == ["canary"]


ENDS = {
    OnWaveFailure.STOP: (["succeeded", "succeeded", "paused"], [NEW, NEW]),
    OnWaveFailure.ROLLBACK_WAVE: (["rolled_back", "succeeded", "rolled_back"], [OLD, NEW]),
    OnWaveFailure.ROLLBACK_ALL: (["rolled_back", "rolled_back", "rolled_back"], [OLD, OLD]),
}
BACK = {
    OnWaveFailure.STOP: [],
    OnWaveFailure.ROLLBACK_WAVE: ["last", "canary"],
    OnWaveFailure.ROLLBACK_ALL: ["last", "second", "canary"],
}


@pytest.mark.parametrize("on_failure", OnWaveFailure)
def test_an_alarm_of_the_first_wave_fires_while_the_last_wave_runs(world: World, on_failure: OnWaveFailure) -> None:
    asked = waves(world, on_failure)
    world.log.at_event_of("last", "group.instances-launched", lambda: world.alarm(ALARM, "ALARM"))

    report = roll(world, *asked)

    statuses, versions = ENDS[on_failure]
    assert list(endings(report).values()) == statuses
    assert [world.versions(name) for name in ("canary", "second")] == versions
    assert report.waves[0].reason == f"alarm {ALARM} is in ALARM: 5 errors"
    assert not report.succeeded
    back = [fields["fleet_name"] for name, fields in world.log.events if name == "fleet.turns-back"]
    assert back == BACK[on_failure]


def test_a_fleet_that_fails_takes_the_earlier_waves_back(world: World) -> None:
    canary, _, _ = fleets(world)
    bad = world.fleet("bad", servers=1, version=BAD, launch_first=True)
    back = OnWaveFailure.ROLLBACK_ALL

    report = world.roll(wave_of(canary, on_failure=back), wave_of(bad, on_failure=back))

    assert endings(report) == {"canary": "rolled_back", "bad": "rolled_back"}
    assert report.status is Outcome.ROLLED_BACK
    assert world.versions("canary") == OLD
    assert report.waves[1].reason == "1 of 1 failed, 0 tolerated: bad rolled back"


def test_the_own_alarm_of_a_fleet_stays_armed_after_its_rollout(world: World) -> None:
    canary, second = (
        world.fleet(name, servers=1, launch_first=True, alarm=(ALARM,) if name == "canary" else ())
        for name in ("canary", "second")
    )
    world.log.at_event_of("second", "group.instances-launched", lambda: world.alarm(ALARM, "ALARM"))

    report = roll(world, wave_of(canary, on_failure=OnWaveFailure.ROLLBACK_ALL), wave_of(second))

    assert endings(report) == {"canary": "rolled_back", "second": "rolled_back"}


@pytest.mark.parametrize("kill_at", ["fleet.turns-back", "group.instances-launched"])
def test_a_driver_that_is_stopped_on_the_way_back_continues_it(world: World, kill_at: str) -> None:
    asked = waves(world, OnWaveFailure.ROLLBACK_ALL)
    stops: list[bool] = []

    def fire() -> None:
        world.alarm(ALARM, "ALARM")
        world.log.at(kill_at, lambda: stops.append(True))

    world.log.at_event_of("last", "group.instances-launched", fire)
    run = world.run(*asked, stop_requested=lambda: bool(stops))
    run.check()
    first = apart(run.roll)
    world.alarm(ALARM, "OK")
    report = roll(world, *asked)

    assert first.status is Outcome.INTERRUPTED
    assert set(endings(report).values()) == {"rolled_back"}
    assert [world.versions(name) for name in ("canary", "second", "last")] == [OLD] * 3
    again = roll(world, *asked)
    assert again.succeeded, "the waves had ended: the same file begins again"


def test_a_driver_that_is_stopped_on_the_way_forward_knows_what_to_roll_back(world: World) -> None:
    asked = waves(world, OnWaveFailure.ROLLBACK_ALL)
    stops: list[bool] = []
    world.log.at("wave.passed", lambda: stops.append(True))
    run = world.run(*asked, stop_requested=lambda: bool(stops))
    run.check()
    apart(run.roll)
    world.log.at_event_of("last", "group.instances-launched", lambda: world.alarm(ALARM, "ALARM"))

    report = roll(world, *asked)

    assert set(endings(report).values()) == {"rolled_back"}
    assert world.versions("canary") == OLD, "it was rolled by the first process"
    assert len(world.store.list()) == 3, "no second rollout of a fleet that was done"


def test_alarms_that_do_not_exist_or_fire_already_are_refused(world: World) -> None:
    canary, second, _ = fleets(world)
    world.alarm("firing", "ALARM")

    with pytest.raises(FleetError) as refused:
        roll(world, wave_of(canary, alarm=("missing",)), wave_of(second, alarm=("firing",)))

    assert refused.value.problems == (
        "wave canary: there is no CloudWatch alarm 'missing'",
        "wave second: alarm firing is in ALARM: 5 errors already",
    )
    assert world.store.list() == ()
