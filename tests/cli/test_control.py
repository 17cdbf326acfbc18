"""Commands that control a rollout from another process: pause, approve, abort and rollback."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from awsroll.driver.caller_name import local_name
from awsroll.sandbox import SandboxServer, serve
from awsroll.sandbox.ready_fleets import Fleet
from tests.cli.program import awsroll, start
from tests.support.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.process
POLL = ("--poll", "0.2", "--json")
HELD = ("--checkpoint", "1", "--approve-checkpoints")  # the rollout cannot end before the request reaches it


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with serve(speed=100) as running:
        yield running


@pytest.fixture
def environment(server: SandboxServer, tmp_path: Path) -> dict[str, str]:
    return {**server.environment, "XDG_STATE_HOME": str(tmp_path)}


@pytest.fixture(scope="module")
def refusing(server: SandboxServer) -> Fleet:
    return server.standalone_fleet(name="refusing", servers=2)


def request(fleet: Fleet, version: int = 2) -> tuple[str, ...]:
    if fleet.group_name:
        return ("--asg", fleet.group_name, "--launch-template", f"{fleet.template_id}:{version}", *POLL)
    arn = fleet.target_group_arns[0]
    return ("--target-group", arn, "--launch-template", f"{fleet.template_id}:{version}", *POLL)


def read_until(driver: "subprocess.Popen[str]", event: str) -> dict[str, Any]:
    assert driver.stdout is not None
    for line in driver.stdout:
        fields: dict[str, Any] = json.loads(line)
        if fields["event"] == event:
            return fields
    message = f"no {event}"
    raise AssertionError(message)


def end(driver: "subprocess.Popen[str]") -> tuple[int, dict[str, Any]]:
    out, _ = driver.communicate(timeout=PATIENCE_SECONDS)
    return driver.returncode, json.loads(out.splitlines()[-1])


def test_a_paused_rollout_is_resumed(server: SandboxServer, environment: dict[str, str]) -> None:
    fleet = server.standalone_fleet(name="pausing", servers=4)
    far = ("--checkpoint", "3", "--approve-checkpoints")  # the pause comes long before this checkpoint
    with start("roll", *request(fleet), *far, environment=environment) as driver:
        rollout = read_until(driver, "rollout.created")["rollout_id"]
        read_until(driver, "instance.deregistered")
        asked = awsroll("pause", rollout, "--json", environment=environment)
        code, report = end(driver)
    listed = awsroll("list", "--json", environment=environment).lines[0]
    early = awsroll("approve", rollout, environment=environment)
    waiting = awsroll("resume", rollout, "--no-wait", *POLL, environment=environment)
    approved = awsroll("approve", rollout, "--checkpoint", "1", environment=environment)
    resumed = awsroll("resume", rollout, *POLL, environment=environment)

    assert (early.code, waiting.code, approved.code) == (2, 3, 0)
    assert waiting.lines[-1]["approval"]["checkpoint"] == 1
    assert (asked.code, asked.lines[-1]["driven"]) == (0, True)
    assert (code, report["status"], report["reason"]) == (3, "paused", f"paused by request of {local_name()}")
    assert (listed["status"], listed["phase"]) == ("paused", "Paused")
    assert (resumed.code, resumed.lines[-1]["status"]) == (0, "succeeded")
    assert resumed.lines[-1]["instances"]["replaced"] == 4


def test_a_checkpoint_passes_after_approval(server: SandboxServer, environment: dict[str, str]) -> None:
    fleet = server.auto_scaling_fleet(name="approving", desired=2)
    words = (*request(fleet), "--launch-first", "--checkpoint", "1", "--approve-checkpoints")
    with start("roll", *words, environment=environment) as driver:
        rollout = read_until(driver, "rollout.created")["rollout_id"]
        read_until(driver, "checkpoint.reached")
        shown = awsroll("status", rollout, "--json", environment=environment).lines[-1]
        approved = awsroll("approve", rollout, environment=environment)
        code, report = end(driver)

    assert shown["phase"] == "WaitingAtCheckpoint"
    assert approved.code == 0
    assert (code, report["status"], report["checkpoints"]) == (0, "succeeded", ["1"])


def test_no_wait_pauses_at_the_checkpoint(server: SandboxServer, environment: dict[str, str]) -> None:
    fleet = server.standalone_fleet(name="nowait", servers=2)
    words = (*request(fleet), "--launch-first", "--checkpoint", "1", "--approve-checkpoints", "--no-wait")
    paused = awsroll("roll", *words, environment=environment)
    rollout = paused.lines[-1]["rollout_id"]
    awsroll("approve", rollout, environment=environment)
    resumed = awsroll("resume", rollout, *POLL, environment=environment)

    assert (paused.code, paused.lines[-1]["status"]) == (3, "paused")
    assert paused.lines[-1]["reason"] == "waits for approval at checkpoint 1"
    assert (resumed.code, resumed.lines[-1]["checkpoints"]) == (0, ["1"])


def test_an_abort_restores_settings_and_leaves_the_fleet_mixed(
    server: SandboxServer, environment: dict[str, str]
) -> None:
    fleet = server.auto_scaling_fleet(name="aborting", desired=3)
    with start("roll", *request(fleet), *HELD, environment=environment) as driver:
        rollout = read_until(driver, "rollout.created")["rollout_id"]
        read_until(driver, "group.instances-terminated")
        aborted = awsroll("abort", rollout, "--json", environment=environment)
        code, report = end(driver)

    assert (aborted.code, aborted.lines[-1]["status"]) == (3, "stopped")
    assert (code, report["status"], report["reason"]) == (3, "stopped", f"aborted by request of {local_name()}")


def test_a_running_rollout_is_rolled_back(server: SandboxServer, environment: dict[str, str]) -> None:
    fleet = server.standalone_fleet(name="turning", servers=3)
    with start("roll", *request(fleet), *HELD, environment=environment) as driver:
        rollout = read_until(driver, "rollout.created")["rollout_id"]
        read_until(driver, "instance.serving")
        back = awsroll("rollback", rollout, *POLL, environment=environment)
        code, report = end(driver)

    assert (back.code, back.lines[-1]["status"]) == (0, "rolled_back")
    assert (code, report["status"], report["reason"]) == (1, "rolled_back", f"rolled back by request of {local_name()}")


def test_a_rollback_after_success_and_a_repeated_rollback(server: SandboxServer, environment: dict[str, str]) -> None:
    fleet = server.standalone_fleet(name="regret", servers=2)
    rolled = awsroll("roll", *request(fleet), "--launch-first", environment=environment)
    rollout = rolled.lines[-1]["rollout_id"]
    back = awsroll("rollback", rollout, *POLL, environment=environment)
    again = awsroll("rollback", rollout, *POLL, environment=environment)
    late = awsroll("abort", rollout, environment=environment)

    assert rolled.code == 0
    assert (back.code, back.lines[-1]["status"]) == (0, "rolled_back")
    assert (again.code, again.lines[-1]["status"]) == (0, "rolled_back")
    assert late.code == 2
    assert "has ended" in late.err


def test_a_bad_version_is_rolled_back_with_exit_one(server: SandboxServer, environment: dict[str, str]) -> None:
    fleet = server.auto_scaling_fleet(name="bad", desired=2, further_versions=({"sandbox:health": "unhealthy"},))
    words = (*request(fleet, version=3), "--launch-first", "--healthy-timeout", "8")
    rolled = awsroll("roll", *words, environment=environment)

    assert (rolled.code, rolled.lines[-1]["status"]) == (1, "rolled_back")
    assert rolled.lines[-1]["failures"]
    assert "rolled back" in rolled.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--checkpoint", "0"), "--checkpoint: pass 1 or more servers"),
        (("--checkpoint", "3", "--checkpoint", "1"), "pass them in increasing order"),
        (("--approve-checkpoints",), "pass --checkpoint"),
        (("--checkpoint", "1", "--approval-timeout", "60"), "pass --approve-checkpoints too"),
        (("--alarm", "unknown-alarm"), "there is no CloudWatch alarm 'unknown-alarm'"),
        (("--keep-old",), "--strategy double-half or --launch-first"),
        (("--keep-old", "--launch-first"), "--max-surge 100%"),
        (("--rollback-command", "undo"), "only --strategy reload"),
        (("--max-failures", "-1"), "--max-failures: pass a whole number from 0"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_options_that_contradict_each_other_are_refused(
    refusing: Fleet, environment: dict[str, str], words: tuple[str, ...], message: str
) -> None:
    refused = awsroll("roll", *request(refusing), *words, environment=environment)

    assert refused.code == 2
    assert message in refused.err
    assert refused.lines[-1]["event"] == "refused"


@pytest.mark.parametrize("command", ["pause", "approve", "abort", "rollback"])
def test_an_unknown_rollout_is_refused(environment: dict[str, str], command: str) -> None:
    refused = awsroll(command, "web-20260101-000000-0000", environment=environment)

    assert refused.code == 2
    assert "there is no rollout web-20260101-000000-0000" in refused.err
