"""Laws of the turns of waves: they hold for all limits, endings, alarms, and deaths of the driver."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given, strategies as st

from awsroll.core.request.waves import FleetEnding, OnWaveFailure, WaveLimits
from awsroll.core.wave_turns import Facts, FailureCause, FleetFacts, Turn, WaveFacts, WaveFailure, next_turn

START = datetime(2026, 1, 1, tzinfo=UTC)
STEPS = 400
FORWARD = [
    FleetEnding.SUCCEEDED,
    FleetEnding.SUCCEEDED,
    FleetEnding.SUCCEEDED,
    FleetEnding.ROLLED_BACK,
    FleetEnding.PAUSED,
    FleetEnding.STOPPED,
    FleetEnding.REFUSED,
]
BACK = [FleetEnding.ROLLED_BACK, FleetEnding.ROLLED_BACK, FleetEnding.STOPPED]
TO_ROLL_BACK = {FleetEnding.SUCCEEDED, FleetEnding.PAUSED, FleetEnding.STOPPED}


@dataclass
class World:
    """Fleets that begin, end and turn back as each turn says, and a driver that may die."""

    limits: list[WaveLimits]
    fleets: dict[str, FleetFacts]
    waves: dict[str, int]
    at: datetime = START
    watched_since: datetime = START
    failure: WaveFailure | None = None
    firing: set[int] = field(default_factory=set)
    unread: set[int] = field(default_factory=set)
    going_back: set[str] = field(default_factory=set)
    begun_at: dict[int, datetime] = field(default_factory=dict)
    ended_at: dict[int, datetime] = field(default_factory=dict)
    deaths: int = 0

    def facts(self) -> Facts:
        waves = tuple(
            WaveFacts(
                name=str(number),
                limits=limits,
                fleets=self.of(number),
                firing=f"alarm {number}" if number in self.firing else "",
                is_unread=number in self.unread,
            )
            for number, limits in enumerate(self.limits)
        )
        return Facts(waves=waves, at=self.at, watched_since=self.watched_since, failure=self.failure)

    def of(self, number: int) -> tuple[FleetFacts, ...]:
        return tuple(fleet for name, fleet in self.fleets.items() if self.waves[name] == number)

    def take(self, turn: Turn) -> None:
        if turn.failure is not None:
            self.failure = turn.failure
        for name in turn.begin:
            self.begun_at.setdefault(self.waves[name], self.at)
            self.fleets[name] = replace(self.fleets[name], is_running=True)
        for name in (*turn.turn_back, *turn.pause):
            self.fleets[name] = replace(self.fleets[name], is_running=True, is_asked=True)
        self.going_back.update(turn.turn_back)

    def end(self, name: str, ending: FleetEnding) -> None:
        was_back = name in self.going_back
        self.fleets[name] = FleetFacts(name=name, ending=ending, ended_at=self.at, is_asked=was_back)
        self.ended_at[self.waves[name]] = self.at

    def die(self) -> None:
        """Lose everything that is not in the store; rollouts in progress are left as they are."""
        self.deaths += 1
        self.watched_since = self.at
        for name, fleet in self.fleets.items():
            lost = self.failure is not None and fleet.is_running
            ending = FleetEnding.INTERRUPTED if lost else FleetEnding.NOT_BEGUN if fleet.is_running else fleet.ending
            self.fleets[name] = replace(fleet, is_running=False, is_asked=False, ending=ending)
        self.going_back = set()


@st.composite
def worlds(draw: st.DrawFn) -> World:
    limits, fleets, waves = [], {}, {}
    for number in range(draw(st.integers(1, 3))):
        count = draw(st.integers(1, 3))
        limits.append(
            WaveLimits(
                at_once=draw(st.integers(1, count)),
                may_fail=draw(st.integers(0, count)),
                bake_seconds=draw(st.sampled_from([0, 5, 60])),
                on_failure=draw(st.sampled_from(list(OnWaveFailure))),
            )
        )
        for each in range(count):
            name = f"{number}-{each}"
            fleets[name], waves[name] = FleetFacts(name=name), number
    return World(limits, fleets, waves)


def _check(world: World, turn: Turn) -> None:
    """Check what must hold for each turn, before it is taken."""
    failure = turn.failure or world.failure
    if failure is not None:
        assert not turn.begin, "no fleet begins after a failure"
    for name in turn.begin:
        number = world.waves[name]
        for earlier in range(number):
            assert all(fleet.has_begun and not fleet.is_running for fleet in world.of(earlier))
            if number not in world.begun_at:
                baked = world.at - max(world.ended_at[earlier], world.watched_since)
                is_newest = earlier == number - 1
                assert not is_newest or baked.total_seconds() >= world.limits[earlier].bake_seconds
                assert not is_newest or earlier not in world.unread
    if turn.failure is None and world.failure is None:
        for number in world.firing:
            assert not any(fleet.has_begun for fleet in world.of(number)), "an armed alarm fails its wave"
    for name in turn.turn_back:
        later = [fleet for other, fleet in world.fleets.items() if world.waves[other] > world.waves[name]]
        if not world.fleets[name].is_running:
            assert not any(fleet.is_running for fleet in later), "the newest wave turns back first"


def _scope(world: World) -> set[str]:
    if world.failure is None or world.failure.cause is FailureCause.HELD:
        return set()
    match world.limits[int(world.failure.wave)].on_failure:
        case OnWaveFailure.STOP:
            return set()
        case OnWaveFailure.ROLLBACK_WAVE:
            return {name for name, wave in world.waves.items() if str(wave) == world.failure.wave}
        case OnWaveFailure.ROLLBACK_ALL:
            return set(world.fleets)


def _run(world: World, chance: Random) -> None:
    for _ in range(STEPS):
        turn = next_turn(world.facts())
        _check(world, turn)
        world.take(turn)
        for number, limits in enumerate(world.limits):
            assert sum(fleet.is_running for fleet in world.of(number)) <= limits.at_once
        if turn.is_over:
            return
        running = [name for name, fleet in world.fleets.items() if fleet.is_running]
        if running and chance.random() < 0.5:
            name = chance.choice(running)
            world.end(name, chance.choice(BACK if name in world.going_back else FORWARD))
        elif turn.wait_seconds is not None:
            world.at += timedelta(seconds=turn.wait_seconds)
        world.unread = {chance.randrange(3)} if chance.random() < 0.1 else set()
        if chance.random() < 0.05:
            world.firing = {chance.randrange(len(world.limits))}
        if world.deaths < 2 and chance.random() < 0.05:
            world.die()
    pytest.fail("the waves never end")


@given(worlds(), st.integers(0, 10_000))
def test_waves_run_in_order_fail_once_and_turn_back_whole(world: World, seed: int) -> None:
    _run(world, Random(seed))  # noqa: S311 - no secret

    assert not any(fleet.is_running for fleet in world.fleets.values())
    if world.failure is None:
        assert all(fleet.has_begun for fleet in world.fleets.values())
    left = {name for name in _scope(world) if world.fleets[name].ending in TO_ROLL_BACK}
    assert left <= world.going_back, "every fleet in the scope of the failure was asked to turn back"


def test_the_alarm_of_an_earlier_wave_fails_it_while_a_later_wave_runs() -> None:
    limits = WaveLimits(at_once=1, may_fail=0, on_failure=OnWaveFailure.ROLLBACK_ALL)
    done = FleetFacts(name="canary", ending=FleetEnding.SUCCEEDED, ended_at=START)
    waves = (
        WaveFacts(name="first", limits=limits, fleets=(done,), firing="alarm errors is in ALARM"),
        WaveFacts(name="second", limits=limits, fleets=(FleetFacts(name="web", is_running=True),)),
    )
    turn = next_turn(Facts(waves=waves, at=START, watched_since=START))

    assert turn.failure == WaveFailure(wave="first", cause=FailureCause.ALARM, reason="alarm errors is in ALARM")
    assert turn.turn_back == ("web",), "the fleet in progress first; the canary when it has ended"


def test_a_stop_request_ends_nothing_that_is_done() -> None:
    done = FleetFacts(name="web", ending=FleetEnding.SUCCEEDED, ended_at=START)
    facts = Facts(
        waves=(WaveFacts(name="one", limits=WaveLimits(at_once=1, may_fail=0, bake_seconds=60), fleets=(done,)),),
        at=START,
        watched_since=START,
        is_stopping=True,
    )
    assert next_turn(facts) == Turn(is_over=True, is_cut_short=True)
    assert next_turn(replace(facts, at=START + timedelta(seconds=60))) == Turn(is_over=True)


def test_a_fleet_that_another_process_holds_rolls_nothing_back() -> None:
    limits = WaveLimits(at_once=2, may_fail=0, on_failure=OnWaveFailure.ROLLBACK_ALL)
    held = FleetFacts(name="web", ending=FleetEnding.REFUSED, is_held=True)
    done = FleetFacts(name="api", ending=FleetEnding.SUCCEEDED, ended_at=START)
    facts = Facts(waves=(WaveFacts(name="one", limits=limits, fleets=(held, done)),), at=START, watched_since=START)
    turn = next_turn(facts)

    assert turn.is_over
    assert turn.turn_back == ()
    assert turn.failure is not None
    assert turn.failure.cause is FailureCause.HELD
