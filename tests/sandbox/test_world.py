"""Time in the sandbox: events in order, scaled by speed; timestamps are not scaled."""

from datetime import timedelta

import pytest

from awsroll.sandbox.sandbox_options import SandboxOptions
from awsroll.sandbox.world import World
from awsroll.testing.clock import T0, VirtualClock


def make_world(**options: float) -> tuple[World, VirtualClock]:
    clock = VirtualClock()
    return World(clock, SandboxOptions(**options)), clock


def test_an_event_runs_when_its_time_has_come_and_not_before() -> None:
    world, clock = make_world()
    seen: list[str] = []
    world.after(10, lambda: seen.append("ten"))
    clock.jump(9.9)
    world.advance()
    assert seen == []
    clock.jump(0.1)
    world.advance()
    assert seen == ["ten"]


def test_events_run_in_order_of_time_each_reading_its_own_instant() -> None:
    world, clock = make_world()
    seen: list[float] = []
    note = lambda: seen.append((world.now() - T0).total_seconds())  # noqa: E731
    world.after(30, note)
    world.after(10, note)
    world.after(20, note)
    clock.jump(100)
    world.advance()
    assert seen == [10, 20, 30]
    assert world.now() == T0 + timedelta(seconds=100)


def test_an_event_planned_by_an_event_runs_in_the_same_jump_at_its_own_instant() -> None:
    world, clock = make_world()
    seen: list[float] = []

    def tick() -> None:
        seen.append((world.now() - T0).total_seconds())
        world.after(10, tick)

    world.after(10, tick)
    clock.jump(35)
    world.advance()
    assert seen == [10, 20, 30]
    assert world.next_event_at() == T0 + timedelta(seconds=40)


def test_a_cancelled_event_does_not_run() -> None:
    world, clock = make_world()
    seen: list[str] = []
    timer = world.after(10, lambda: seen.append("no"))
    timer.cancel()
    clock.jump(20)
    world.advance()
    assert seen == []
    assert world.next_event_at() is None


def test_speed_divides_timers_and_leaves_the_clock_alone() -> None:
    world, clock = make_world(speed=10)
    seen: list[str] = []
    world.after(100, lambda: seen.append("done"))
    assert world.next_event_at() == T0 + timedelta(seconds=10)
    clock.jump(10)
    world.advance()
    assert seen == ["done"]
    assert world.now() == T0 + timedelta(seconds=10)


def test_advance_within_an_event_does_not_overtake_it() -> None:
    world, clock = make_world()
    seen: list[str] = []

    def first() -> None:
        world.advance()
        seen.append("first")

    world.after(1, first)
    world.after(2, lambda: seen.append("second"))
    clock.jump(5)
    world.advance()
    assert seen == ["first", "second"]


def test_time_goes_on_after_an_event_failed() -> None:
    world, clock = make_world()
    seen: list[str] = []

    def fails() -> None:
        raise ValueError

    world.after(1, fails)
    world.after(2, lambda: seen.append("later"))
    clock.jump(5)
    with pytest.raises(ValueError):
        world.advance()
    assert world.now() == clock.now()
    world.advance()
    assert seen == ["later"]


def test_a_planned_event_wakes_a_sleeping_thread() -> None:
    world, _ = make_world()
    resumed: list[bool] = []
    world.on_event_planned(lambda: resumed.append(True))
    world.after(1, lambda: None)
    assert resumed == [True]


def test_options_change_at_run_time_and_are_checked() -> None:
    world, _ = make_world()
    world.change_options(boot_seconds=1)
    assert world.options.boot_seconds == 1
    with pytest.raises(ValueError, match="speed must be above 0"):
        world.change_options(speed=0)
    assert world.options.speed == 1
