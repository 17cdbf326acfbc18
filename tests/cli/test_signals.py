"""Ctrl-C while AWS does not answer: the program exits in time and names the next step."""

import subprocess
import sys

import pytest

from awsroll.cli.signals import StopRequest
from tests.support.patience import PATIENCE_SECONDS

_STUCK = """
import os, signal, time
from awsroll.cli import signals
signals._PATIENCE_SECONDS = 0.2
stop = signals.StopRequest(give_up=lambda: print("resume me", flush=True))
with stop.listening():
    stop.driving = True
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGTERM)
    end = time.monotonic() + 600
    while time.monotonic() < end:
        time.sleep(0.05)
"""


@pytest.mark.process
def test_a_stuck_driver_exits_after_its_time_limit() -> None:
    left = subprocess.run(
        [sys.executable, "-c", _STUCK], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )

    assert left.returncode == 130
    assert left.stdout == "resume me\n"
    assert left.stderr == ""


def test_a_signal_before_the_first_change_ends_the_command() -> None:
    stop = StopRequest(give_up=lambda: pytest.fail("there is nothing to resume"))

    with pytest.raises(KeyboardInterrupt):
        stop._on_signal(2, None)

    assert not stop.requested()
