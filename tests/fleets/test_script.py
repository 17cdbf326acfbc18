import os
import subprocess
import time
from pathlib import Path

import pytest

from awsroll.fleets.reload_script import run_once
from tests.support.patience import PATIENCE_SECONDS


class Server:
    """A directory that runs scripts as the SSM agent does on an instance."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, "AWSROLL_MARKERS": str(folder / "markers"), "AWS_SSM_INSTANCE_ID": "i-1"}

    def start(self, script: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["sh", "-c", script], cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, text=True
        )

    def run(self, script: str) -> int:
        with self.start(script) as process:
            process.communicate(timeout=PATIENCE_SECONDS)
            return process.returncode

    def lines(self, name: str = "log") -> list[str]:
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


def script(*commands: str, attempt: int = 1) -> str:
    return run_once(commands, rollout_id="web-1", attempt=attempt)


def test_runs_the_commands_in_order_and_ends_with_their_exit_code(server: Server) -> None:
    assert server.run(script("echo one >>log", "echo two >>log")) == 0
    assert server.lines() == ["one", "two"]


def test_a_second_delivery_does_not_run_again_and_ends_the_same(server: Server) -> None:
    assert server.run(script("echo ran >>log", "exit 3")) == 3
    assert server.run(script("echo ran >>log", "exit 3")) == 3
    assert server.lines() == ["ran"]


def test_a_second_delivery_waits_for_the_first(server: Server) -> None:
    text = script("echo ran >>log; while [ ! -f go ]; do sleep 0.05; done; exit 4")
    with server.start(text) as first:
        while not server.lines():
            time.sleep(0.01)
        with server.start(text) as second:
            (server.folder / "go").touch()
            first.communicate(timeout=PATIENCE_SECONDS)
            second.communicate(timeout=PATIENCE_SECONDS)
            assert (first.returncode, second.returncode) == (4, 4)
    assert server.lines() == ["ran"]


def test_another_attempt_runs_again(server: Server) -> None:
    server.run(script("echo ran >>log"))
    server.run(script("echo ran >>log", attempt=2))
    assert server.lines() == ["ran", "ran"]


def test_another_instance_with_the_same_disk_runs_again(server: Server) -> None:
    server.run(script("echo ran >>log"))
    server.environment["AWS_SSM_INSTANCE_ID"] = "i-2"
    server.run(script("echo ran >>log"))
    assert server.lines() == ["ran", "ran"]


def test_stops_at_the_first_command_that_fails(server: Server) -> None:
    assert server.run(script("echo one >>log", "false", "echo two >>log")) == 1
    assert server.lines() == ["one"]


def test_a_command_of_its_own_interpreter_is_run_by_it(server: Server) -> None:
    assert server.run(script("#!/bin/sh", "false", "echo went on >>log")) == 0
    assert server.lines() == ["went on"]


def test_commands_may_hold_anything(server: Server) -> None:
    awkward = "cat >>log <<'AWSROLL_END'\n$HOME `id` \"quoted\" 'single' @END@ \\\nAWSROLL_END"
    assert server.run(script(awkward)) == 0
    assert server.lines() == ["$HOME `id` \"quoted\" 'single' @END@ \\"]


def test_an_aborted_first_delivery_is_reported_and_not_repeated(server: Server) -> None:
    text = script("echo ran >>log; kill -9 $PPID")
    server.run(text)
    assert server.run(script("echo ran >>log; kill -9 $PPID")) == 75
    assert server.lines() == ["ran"]
