"""The thread that runs events on the machine's clock."""

import logging
import threading

import pytest

from awsroll.sandbox.sandbox_options import SandboxOptions
from awsroll.sandbox.ticker import Ticker, WallClock
from awsroll.sandbox.world import World


def test_events_run_by_themselves_the_sooner_planned_ones_too(caplog: pytest.LogCaptureFixture) -> None:
    world = World(WallClock(), SandboxOptions(speed=100))
    ticker = Ticker(world)
    ticker.start()
    try:
        done = threading.Event()
        world.after(3600, lambda: None)
        world.after(1, done.set)
        assert done.wait(5)
    finally:
        ticker.stop()
    assert caplog.records == []


def test_an_event_that_fails_is_logged_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    world = World(WallClock(), SandboxOptions(speed=100))
    ticker = Ticker(world)

    def fails() -> None:
        raise ValueError

    done = threading.Event()
    world.after(1, fails)
    world.after(2, done.set)
    with caplog.at_level(logging.ERROR):
        ticker.start()
        try:
            assert done.wait(5)
        finally:
            ticker.stop()
    assert [record.getMessage() for record in caplog.records] == [
        "An event of the sandbox failed. Other events continue."
    ]
