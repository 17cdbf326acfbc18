"""Time in the sandbox: events in order, scaled by speed, never timestamps."""

from datetime import timedelta

import pytest

from awsroll.sandbox.sandbox_options import SandboxOptions
from awsroll.sandbox.world import World
from awsroll.testing.clock import T0, VirtualClock


def world(**options: float) -> tuple[World, VirtualClock]:
    clock = VirtualClock()
    return World(clock, SandboxOptions(**options)), clock


def test_an_event_runs_when_its_time_has_come_and_not_before() -> None:
    it, clock = world()
    seen: list[str] = []
    it.after(10, lambda: seen.append("ten"))
    clock.jump(9.9)
    it.advance()
    assert seen == []
    clock.jump(0.1)
    it.advance()
    assert seen == ["ten"]


def test_events_run_in_order_of_time_each_reading_its_own_instant() -> None:
    it, clock = world()
    seen: list[float] = []
    note = lambda: seen.append((it.now() - T0).total_seconds())  # noqa: E731
    it.after(30, note)
    it.after(10, note)
    it.after(20, note)
    clock.jump(100)
    it.advance()
    assert seen == [10, 20, 30]
    assert it.now() == T0 + timedelta(seconds=100)


def test_an_event_planned_by_an_event_runs_in_the_same_jump_at_its_own_instant() -> None:
    it, clock = world()
    seen: list[float] = []

    def tick() -> None:
        seen.append((it.now() - T0).total_seconds())
        it.after(10, tick)

    it.after(10, tick)
    clock.jump(35)
    it.advance()
    assert seen == [10, 20, 30]
    assert it.next_event_at() == T0 + timedelta(seconds=40)


def test_a_cancelled_event_does_not_run() -> None:
    it, clock = world()
    seen: list[str] = []
    timer = it.after(10, lambda: seen.append("no"))
    timer.cancel()
    clock.jump(20)
    it.advance()
    assert seen == []
    assert it.next_event_at() is None


def test_speed_divides_timers_and_leaves_the_clock_alone() -> None:
    it, clock = world(speed=10)
    seen: list[str] = []
    it.after(100, lambda: seen.append("done"))
    assert it.next_event_at() == T0 + timedelta(seconds=10)
    clock.jump(10)
    it.advance()
    assert seen == ["done"]
    assert it.now() == T0 + timedelta(seconds=10)


def test_advance_within_an_event_does_not_overtake_it() -> None:
    it, clock = world()
    seen: list[str] = []

    def first() -> None:
        it.advance()
        seen.append("first")

    it.after(1, first)
    it.after(2, lambda: seen.append("second"))
    clock.jump(5)
    it.advance()
    assert seen == ["first", "second"]


def test_time_goes_on_after_an_event_failed() -> None:
    it, clock = world()
    seen: list[str] = []

    def fails() -> None:
        raise ValueError

    it.after(1, fails)
    it.after(2, lambda: seen.append("later"))
    clock.jump(5)
    with pytest.raises(ValueError):
        it.advance()
    assert it.now() == clock.now()
    it.advance()
    assert seen == ["later"]


def test_a_planned_event_wakes_whoever_sleeps() -> None:
    it, _ = world()
    resumed: list[bool] = []
    it.on_event_planned(lambda: resumed.append(True))
    it.after(1, lambda: None)
    assert resumed == [True]


def test_options_change_at_run_time_and_are_checked() -> None:
    it, _ = world()
    it.change_options(boot_seconds=1)
    assert it.options.boot_seconds == 1
    with pytest.raises(ValueError, match="speed must be above zero"):
        it.change_options(speed=0)
    assert it.options.speed == 1
