"""Ctrl-C and SIGTERM during a rollout: exit within five seconds with code 130; `resume` completes the rollout."""

import json
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from awsroll.sandbox import Fleet, SandboxServer, serve
from tests.cli.program import Finished, awsroll, start
from tests.support.patience import PATIENCE_SECONDS, PROMPT_SECONDS

pytestmark = pytest.mark.process
SIGNALS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with serve(speed=100) as running:
        yield running


@pytest.fixture
def environment(server: SandboxServer, tmp_path: Path) -> dict[str, str]:
    return {**server.environment, "XDG_STATE_HOME": str(tmp_path)}


@SIGNALS
def test_in_the_middle_of_a_drain(server: SandboxServer, environment: dict[str, str], number: signal.Signals) -> None:
    fleet = server.standalone_fleet(name=f"drain-{number}", servers=2, deregistration_delay_seconds=300)

    with begin(fleet, environment) as driver:
        lines = read_until(driver, "instance.deregistered")
        interrupted, seconds = leave(driver, number)
    draining = [one.state for one in server.elb.targets(fleet.target_group_arns[0])]
    resumed = awsroll("resume", lines[0]["rollout_id"], "--poll", "0.2", "--json", environment=environment)

    assert_interrupted(interrupted, lines[0]["rollout_id"], seconds)
    assert sorted(draining) == ["draining", "healthy"]
    assert_rolled(server, fleet, resumed)


@pytest.mark.parametrize(
    ("operation", "number"),
    [
        ("elbv2:DescribeTargetHealth", signal.SIGTERM),
        ("ec2:TerminateInstances", signal.SIGINT),
        ("ec2:RunInstances", signal.SIGTERM),
    ],
    ids=["while-observing", "while-terminating", "while-launching"],
)
def test_in_the_middle_of_a_call_that_is_not_answered(
    server: SandboxServer, environment: dict[str, str], operation: str, number: signal.Signals
) -> None:
    fleet = server.standalone_fleet(name=f"{operation.rpartition(':')[2]}-{number}", servers=2)

    with begin(fleet, environment) as driver:
        lines = read_until(driver, "instance.deregistered")
        with hanging(server, operation) as hangs:
            assert hangs.wait(PATIENCE_SECONDS)
            interrupted, seconds = leave(driver, number)
    resumed = awsroll("resume", lines[0]["rollout_id"], "--poll", "0.2", "--json", environment=environment)

    assert_interrupted(interrupted, lines[0]["rollout_id"], seconds)
    assert_rolled(server, fleet, resumed)


@SIGNALS
def test_before_anything_was_changed(
    server: SandboxServer, environment: dict[str, str], tmp_path: Path, number: signal.Signals
) -> None:
    fleet = server.standalone_fleet(name=f"before-{number}", servers=2)

    with hanging(server, "elbv2:DescribeTargetHealth") as hangs, begin(fleet, environment) as driver:
        assert hangs.wait(PATIENCE_SECONDS)
        left, seconds = leave(driver, number)

    assert left.code == 130
    assert seconds < PROMPT_SECONDS
    assert left.err == "awsroll: interrupted; nothing was changed\n"
    assert list(tmp_path.iterdir()) == []


def begin(fleet: Fleet, environment: Mapping[str, str]) -> "subprocess.Popen[str]":
    words = ("--target-group", fleet.target_group_arns[0], "--launch-template", f"{fleet.template_id}:2")
    return start("roll", *words, "--poll", "0.2", "--json", environment=environment)


def read_until(driver: "subprocess.Popen[str]", event: str) -> list[dict[str, Any]]:
    assert driver.stdout is not None
    lines: list[dict[str, Any]] = []
    for line in driver.stdout:
        lines.append(json.loads(line))
        if lines[-1]["event"] == event:
            return lines
    pytest.fail(f"no {event}")


@contextmanager
def hanging(server: SandboxServer, operation: str) -> Iterator[threading.Event]:
    """Let an operation take effect, but do not answer its caller while the block runs.

    Yields:
        An event that is set once a call hangs.
    """
    hangs, over = threading.Event(), threading.Event()

    def hang(service: str, name: str, _: Mapping[str, Any]) -> None:
        if f"{service}:{name}" == operation:
            hangs.set()
            over.wait(PATIENCE_SECONDS)

    end = server.on_call(hang, "after")
    try:
        yield hangs
    finally:
        end()
        over.set()


def leave(driver: "subprocess.Popen[str]", number: signal.Signals) -> tuple[Finished, float]:
    """Send the signal; return the result of the program, and its seconds until the exit."""
    begun = time.monotonic()
    driver.send_signal(number)
    out, err = driver.communicate(timeout=PATIENCE_SECONDS)
    return Finished(code=driver.returncode, out=out, err=err), time.monotonic() - begun


def assert_interrupted(left: Finished, rollout_id: str, seconds: float) -> None:
    assert left.code == 130, left.err
    assert seconds < PROMPT_SECONDS
    assert left.lines[-1]["status"] == "interrupted"
    assert f"awsroll resume {rollout_id}" in left.err


def assert_rolled(server: SandboxServer, fleet: Fleet, resumed: Finished) -> None:
    assert resumed.code == 0, resumed.err
    targets = server.elb.targets(fleet.target_group_arns[0])
    healthy = [one.instance_id for one in targets if one.state == "healthy"]
    assert [server.ec2.instance(one).template_version for one in healthy] == [2, 2]
    new = [one for one in server.ec2.instances() if (one.template_id, one.template_version) == (fleet.template_id, 2)]
    assert sorted(one.instance_id for one in new) == sorted(healthy)
