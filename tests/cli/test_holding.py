"""Processes that compete for one fleet, and a process that is frozen past its lease."""

import json
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from awsroll.aws.call_counts import is_reading
from awsroll.sandbox import SandboxServer, serve
from tests.cli.program import awsroll, start
from tests.support.patience import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with serve(speed=100) as running:
        yield running


@pytest.fixture
def environment(server: SandboxServer, tmp_path: Path) -> dict[str, str]:
    return {**server.environment, "XDG_STATE_HOME": str(tmp_path)}


def changes(server: SandboxServer) -> Counter[str]:
    calls = server.calls.items()
    return Counter({name: count for name, count in calls if not is_reading(name.partition(":")[2])})


def until(driver: "subprocess.Popen[str]", event: str) -> dict[str, Any]:
    """Read the driver's lines until an event; return its first line."""
    assert driver.stdout is not None
    first: dict[str, Any] = {}
    for line in driver.stdout:
        fields = json.loads(line)
        first = first or fields
        if fields["event"] == event:
            return first
    pytest.fail(f"no {event}")


def test_a_second_rollout_of_a_held_fleet_is_refused_under_any_name(
    server: SandboxServer, environment: dict[str, str]
) -> None:
    fleet = server.standalone_fleet(name="two", servers=3, target_groups=2)
    first = fleet.target_group_arns[0]
    version = ("--launch-template", f"{fleet.template_id}:2", "--poll", "0.2", "--json")
    both = ("--target-group", "two-1", "--target-group", "two-2")
    how = ("--launch-first",)  # the checks alone would allow this
    stopped = ("--lease", "600")
    elsewhere = {**environment, "XDG_STATE_HOME": environment["XDG_STATE_HOME"] + "/elsewhere"}

    with start("roll", *both, *version, *stopped, environment=environment) as driver:
        rollout_id = until(driver, "instance.deregistered")["rollout_id"]
        driver.send_signal(signal.SIGSTOP)  # count only the calls of the other processes
        before = changes(server)
        refused = [
            awsroll("roll", "--target-group", "two-2", *version, *how, environment=environment),
            awsroll("roll", "--target-group", first, *version, *how, environment=environment),
            awsroll("roll", *both, *version, *how, environment=elsewhere),
            awsroll("plan", *both, *version, *how, environment=elsewhere),
            awsroll("doctor", *both, *version, *how, environment=elsewhere),
        ]
        after = changes(server)
        driver.send_signal(signal.SIGCONT)
        out, err = driver.communicate(timeout=PATIENCE_SECONDS)

    assert {finished.code for finished in refused} == {4}, [finished.err for finished in refused]
    assert all(rollout_id in finished.err for finished in refused)
    assert after == before
    assert json.loads(out.splitlines()[-1])["status"] == "succeeded", err


def test_a_group_by_name_and_by_arn_is_one_fleet(server: SandboxServer, environment: dict[str, str]) -> None:
    fleet = server.auto_scaling_fleet(name="grouped", desired=2)
    autoscaling = server.session().client("autoscaling")
    (group,) = autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[fleet.group_name])["AutoScalingGroups"]
    how = ("--launch-first", "--poll", "0.2", "--json")

    with start("roll", "--asg", str(fleet.group_name), *how, "--lease", "600", environment=environment) as driver:
        rollout_id = until(driver, "rollout.created")["rollout_id"]
        driver.send_signal(signal.SIGSTOP)  # keep the rollout from ending while others start
        second = awsroll("roll", "--asg", group["AutoScalingGroupARN"], *how, environment=environment)
        planned = [
            awsroll(command, "--asg", str(fleet.group_name), *how, environment=environment)
            for command in ("plan", "doctor")
        ]
        driver.send_signal(signal.SIGCONT)
        out, err = driver.communicate(timeout=PATIENCE_SECONDS)

    assert second.code == 4, second.err
    assert [finished.code for finished in planned] == [4, 4], [finished.err for finished in planned]
    assert rollout_id in second.err
    assert json.loads(out.splitlines()[-1])["status"] == "succeeded", err


def test_a_process_frozen_past_its_lease_changes_nothing(server: SandboxServer, environment: dict[str, str]) -> None:
    fleet = server.standalone_fleet(name="frozen", servers=2)
    words = ("--target-group", "frozen-1", "--launch-template", f"{fleet.template_id}:2", "--poll", "0.2", "--json")
    words = (*words, "--max-running", "100%")  # nothing is launched while the first server drains: the process waits

    with start("roll", *words, "--lease", "10", environment=environment) as driver:
        rollout_id = until(driver, "instance.deregistered")["rollout_id"]
        record = Path(environment["XDG_STATE_HOME"], "awsroll", "rollouts", rollout_id, "record.json")
        # It must not stop in the middle of a write, which it would finish when it wakes up: the drain is quiet.
        wait_until(lambda: '"deregistered_at":"' in record.read_text())
        wait_until(lambda: time.time() - record.stat().st_mtime > 0.3)
        driver.send_signal(signal.SIGSTOP)
        time.sleep(12)  # its lease is measured by the clock of the machine
        before = changes(server)
        written = record.read_bytes()
        listed = awsroll("list", "--json", environment=environment)
        driver.send_signal(signal.SIGCONT)
        out, err = driver.communicate(timeout=PATIENCE_SECONDS)
        after = changes(server)

    report = json.loads(out.splitlines()[-1])
    assert driver.returncode == 3
    assert (report["event"], report["status"]) == ("report", "paused")
    assert "lease of 10 s expired" in report["reason"]
    assert "Traceback" not in err
    assert after == before
    assert record.read_bytes() == written
    assert listed.lines[0]["status"] == "interrupted"

    resumed = awsroll("resume", rollout_id, "--poll", "0.2", environment=environment)
    assert resumed.code == 0, resumed.err


def test_a_fleet_whose_driver_was_killed_must_be_resumed_first(
    server: SandboxServer, environment: dict[str, str]
) -> None:
    fleet = server.standalone_fleet(name="left", servers=3)
    words = ("--target-group", "left-1", "--launch-template", f"{fleet.template_id}:2", "--poll", "0.2", "--json")

    with start("roll", *words, environment=environment) as driver:
        rollout_id = until(driver, "instance.deregistered")["rollout_id"]
        driver.kill()
    before = changes(server)
    refused = awsroll("roll", *words, environment=environment)
    after = changes(server)
    resumed = awsroll("resume", rollout_id, "--poll", "0.2", environment=environment)
    again = awsroll("roll", *words, environment=environment)

    assert refused.code == 4, refused.err
    assert refused.lines[-1]["event"] == "refused"
    for command in ("resume", "rollback", "repair"):
        assert f"awsroll {command} {rollout_id}" in refused.lines[-1]["reason"]
    assert after == before
    assert (resumed.code, again.code) == (0, 0), resumed.err + again.err


def test_records_and_locks_can_be_stored_in_a_bucket(server: SandboxServer, environment: dict[str, str]) -> None:
    fleet = server.standalone_fleet(name="bucket", servers=2)
    server.session().client("s3").create_bucket(Bucket="records")
    state = ("--state", "s3://records/awsroll", "--json")
    words = ("--target-group", "bucket-1", "--launch-template", f"{fleet.template_id}:2", "--poll", "0.2")

    rolled = awsroll("roll", *words, *state, environment=environment)
    listed = awsroll("list", *state, environment=environment)

    assert rolled.code == 0, rolled.err
    assert listed.lines[0]["rollout_id"] == rolled.lines[0]["rollout_id"]
    assert listed.lines[0]["status"] == "succeeded"
    assert not any(Path(environment["XDG_STATE_HOME"]).iterdir())
