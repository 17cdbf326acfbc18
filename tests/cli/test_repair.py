"""`awsroll repair` as a process: messages, confirmation and exit codes after drivers died by SIGKILL."""

import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pytest

from awsroll.core.tags import FLEET_TAG, RETIRING, ROLE_TAG, ROLLOUT_TAG
from awsroll.sandbox import SandboxServer, serve
from awsroll.sandbox.ready_fleets import Fleet
from tests.cli.program import FAKE_KEYS, Finished, awsroll, start
from tests.crash.ending import Found

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with serve(speed=100) as running:
        yield running


@dataclass(frozen=True, kw_only=True)
class Left:
    """A group whose double-half rollout was killed in the middle."""

    fleet: Fleet
    found: Found
    rollout_id: str
    environment: dict[str, str]
    state: Path

    def repair(self, *words: str) -> Finished:
        return awsroll("repair", *words, "--poll", "0.2", "--json", environment=self.environment)

    def record(self) -> Path:
        return self.state / "awsroll" / "rollouts" / self.rollout_id / "record.json"


Driver: TypeAlias = "subprocess.Popen[str]"


def _begun(server: SandboxServer, name: str, environment: dict[str, str]) -> tuple[Fleet, Found, Driver]:
    """Start a double-half rollout of three servers that waits for approval after two new servers."""
    fleet = server.auto_scaling_fleet(name=name, desired=3, max_size=3)
    found = Found.of(server, fleet)
    words = ("--asg", name, "--launch-template", f"{fleet.template_id}:2", "--strategy", "double-half")
    waiting = ("--checkpoint", "2", "--approve-checkpoints", "--poll", "0.2", "--json")
    return fleet, found, start("roll", *words, *waiting, environment=environment)


def _until(driver: Driver, event: str) -> str:
    """Read lines until an event; return the rollout's id."""
    assert driver.stdout is not None
    rollout_id = ""
    for line in driver.stdout:
        if '"rollout.created"' in line:
            rollout_id = line.split('"rollout_id":')[1].split('"')[1]
        if f'"{event}"' in line:
            return rollout_id
    raise AssertionError(event)


@pytest.fixture
def left(request: pytest.FixtureRequest, server: SandboxServer, tmp_path: Path) -> Left:
    environment = {**server.environment, "XDG_STATE_HOME": str(tmp_path)}
    name = "".join(letter for letter in request.node.name if letter.isalnum())[-20:]
    fleet, found, driver = _begun(server, name, environment)
    with driver:
        rollout_id = _until(driver, "checkpoint.reached")
        driver.kill()
    return Left(fleet=fleet, found=found, rollout_id=rollout_id, environment=environment, state=tmp_path)


def _assert_as_found(server: SandboxServer, left: Left) -> None:
    assert Found.of(server, left.fleet) == left.found


def test_leftovers_are_shown_and_nothing_changes_without_confirmation(server: SandboxServer, left: Left) -> None:
    before = Found.of(server, left.fleet)
    shown = left.repair("--asg", left.fleet.group_name or "")

    assert shown.code == 3
    leftovers = [line for line in shown.lines if line["event"] == "found"]
    assert {"what", "about", "found", "remedy", "acts", "at"} <= set(leftovers[0])
    assert (leftovers[0]["what"], leftovers[0]["about"]) == ("rollout", left.rollout_id)
    assert f"`awsroll resume {left.rollout_id}` continues it instead" in leftovers[0]["remedy"]
    assert {"surplus", "desired", "setting", "label"} <= {leftover["what"] for leftover in leftovers}
    assert len([leftover for leftover in leftovers if leftover["what"] == "surplus"]) == 2
    assert (shown.lines[-1]["event"], shown.lines[-1]["acted"]) == ("repair", False)
    assert "nothing was changed. Pass --yes to restore it" in shown.err
    assert Found.of(server, left.fleet) == before


def test_a_killed_rollout_is_repaired_from_its_record(server: SandboxServer, left: Left) -> None:
    listed = awsroll("repair", environment=left.environment)
    repaired = left.repair(left.rollout_id, "--yes")
    again = awsroll("repair", left.rollout_id, environment=left.environment)

    assert listed.code == 3
    assert f"restore them with `awsroll repair {left.rollout_id}`" in listed.out
    assert repaired.code == 0, repaired.err
    assert repaired.lines[-1]["event"] == "repair"
    assert (repaired.lines[-1]["rollout_id"], repaired.lines[-1]["left"]) == (left.rollout_id, 0)
    _assert_as_found(server, left)
    assert (again.code, again.out) == (0, f"{left.fleet.group_name}: no rollout left anything changed\n")
    assert awsroll("repair", environment=left.environment).code == 0


def test_a_damaged_record_is_refused_until_the_fleet_is_named(server: SandboxServer, left: Left) -> None:
    left.record().write_text("{")
    refused = left.repair(left.rollout_id, "--yes")
    repaired = left.repair(left.rollout_id, "--asg", left.fleet.group_name or "", "--yes")

    assert refused.code == 2
    assert "pass --asg or --target-group" in refused.lines[-1]["reason"]
    assert repaired.code == 0, repaired.err
    assert repaired.lines[-1]["rollout_id"].startswith("repair-")
    _assert_as_found(server, left)


def test_a_fleet_held_by_a_rollout_of_another_store_is_refused(left: Left, tmp_path: Path) -> None:
    refused = left.repair("--asg", left.fleet.group_name or "", "--yes", "--state", str(tmp_path / "other"))

    assert refused.code == 4
    assert f"is held by rollout {left.rollout_id} of the store" in refused.lines[-1]["reason"]


def test_a_rollout_that_is_driven_is_refused(server: SandboxServer, tmp_path: Path) -> None:
    environment = {**server.environment, "XDG_STATE_HOME": str(tmp_path)}
    fleet, _, driver = _begun(server, "driven", environment)
    with driver:
        rollout_id = _until(driver, "checkpoint.reached")
        driver.send_signal(signal.SIGSTOP)
        by_record = awsroll("repair", rollout_id, "--yes", environment=environment)
        by_fleet = awsroll("repair", "--asg", fleet.group_name or "", "--yes", environment=environment)
        driver.kill()

    assert (by_record.code, by_fleet.code) == (4, 4)
    assert "this process changed nothing" in by_record.err.replace("\n", " ")


def test_an_instance_that_only_its_own_tags_show_is_confirmed_by_its_id(server: SandboxServer, tmp_path: Path) -> None:
    environment = {**server.environment, "XDG_STATE_HOME": str(tmp_path)}
    fleet = server.standalone_fleet(name="api", servers=2)
    client = server.session().client("ec2")
    launched = client.run_instances(
        MinCount=1,
        MaxCount=1,
        LaunchTemplate={"LaunchTemplateId": fleet.template_id},
        SubnetId=fleet.subnet_ids[0],
    )
    stranger = launched["Instances"][0]["InstanceId"]
    tags = {FLEET_TAG: "api-1", ROLE_TAG: RETIRING, ROLLOUT_TAG: "api-1"}
    client.get_waiter("instance_running").wait(InstanceIds=[stranger], WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    client.create_tags(Resources=[stranger], Tags=[{"Key": key, "Value": tags[key]} for key in tags])
    words = ("repair", "--target-group", "api-1", "--yes", "--json")

    together = awsroll(*words, environment=environment)
    wrong = awsroll(*words, "--instance", "i-0123456789abcdef0", environment=environment)

    assert together.code == 3
    assert [(line["about"], line["confirm_by_id"]) for line in together.lines[:-1]] == [(stranger, True)]
    assert together.lines[-1]["acted"] is False
    assert f"--instance {stranger}" in together.err
    assert wrong.code == 2
    assert "no finding needs this confirmation; nothing was changed" in wrong.lines[-1]["reason"]


def test_an_unknown_fleet_or_rollout_is_refused(server: SandboxServer, tmp_path: Path) -> None:
    environment = {**server.environment, "XDG_STATE_HOME": str(tmp_path)}
    unknown = awsroll("repair", "--asg", "unknown", environment=environment)
    nameless = awsroll("repair", "web-9", environment=environment)

    assert (unknown.code, nameless.code) == (2, 2)
    assert "there is no Auto Scaling group 'unknown'" in unknown.err
    assert "there is no rollout web-9" in nameless.err


def test_without_aws_nothing_is_repaired(tmp_path: Path) -> None:
    environment = {**FAKE_KEYS, "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "XDG_STATE_HOME": str(tmp_path)}

    assert awsroll("repair", "--asg", "web", environment=environment).code == 5
