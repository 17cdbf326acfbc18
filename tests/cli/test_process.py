"""The program as a process: against the sandbox, without AWS, and interrupted by signals."""

import json
import shlex
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from awsroll.sandbox import SandboxServer, serve
from awsroll.sandbox.ready_fleets import Fleet
from tests.cli.program import FAKE_KEYS, Finished, awsroll, start
from tests.support.patience import PATIENCE_SECONDS, PROMPT_SECONDS

pytestmark = pytest.mark.process

REPORT_KEYS = {
    "rollout_id", "status", "fleet", "strategy", "from_version", "to_version", "started_at", "ended_at", "elapsed_s",
    "instances", "min_serving", "max_live", "max_running", "checkpoints", "failures", "api_calls",
}  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with serve(speed=100) as running:
        yield running


@pytest.fixture(scope="module")
def first(server: SandboxServer) -> Fleet:
    return server.standalone_fleet(name="first", servers=2)


@pytest.fixture
def environment(server: SandboxServer, tmp_path: Path) -> dict[str, str]:
    return {**server.environment, "XDG_STATE_HOME": str(tmp_path)}


def test_a_fleet_is_rolled_and_the_report_is_the_last_line(first: Fleet, environment: dict[str, str]) -> None:
    words = ("--target-group", first.target_group_arns[0], "--launch-template", f"{first.template_id}:2")

    planned = awsroll("plan", *words, "--json", environment=environment)
    rolled = awsroll("roll", *words, "--launch-first", "--poll", "0.2", "--json", environment=environment)
    listed = awsroll("list", "--json", environment=environment)

    assert planned.code == 0, planned.err
    assert {server["instance_id"] for server in planned.lines[-1]["order"]} == set(first.instance_ids)
    assert planned.lines[-1]["lowest_serving"] == 1
    assert rolled.code == 0, rolled.err
    assert rolled.lines[0]["event"] == "rollout.created"
    assert all({"event", "at"} <= set(line) for line in rolled.lines)
    report = rolled.lines[-1]
    assert report["event"] == "report"
    assert set(report) >= REPORT_KEYS
    assert report["status"] == "succeeded"
    assert report["instances"] == {"total": 2, "replaced": 2, "reloaded": 0, "failed": 0, "skipped": 0}
    assert (report["min_serving"], report["max_live"]) == (2, 3)
    assert 3 <= report["max_running"] <= 4
    assert set(report["api_calls"]) == {"total", "mutating", "by_operation"}
    assert report["rollout_id"] == rolled.lines[0]["rollout_id"] == listed.lines[0]["rollout_id"]


def test_a_saved_plan_is_carried_out_and_refused_after_the_fleet_has_changed(
    server: SandboxServer, environment: dict[str, str], tmp_path: Path
) -> None:
    fleet, path = server.standalone_fleet(name="planned", servers=2), str(tmp_path / "web.plan")
    words = ("--target-group", "planned-1", "--launch-template", "planned:$Latest", "--launch-first")

    planned = awsroll("plan", *words, "--out", path, "--json", environment=environment)
    contradicted = awsroll("roll", "--plan", path, "--concurrent", "2", "--json", environment=environment)
    elsewhere = awsroll("roll", "--plan", path, "--region", "eu-west-1", "--json", environment=environment)
    rolled = awsroll("roll", "--plan", path, "--poll", "0.2", "--json", environment=environment)
    again = awsroll("roll", *words, "--plan", path, "--json", environment=environment)

    assert planned.code == 0, planned.err
    assert planned.err.startswith(
        f"awsroll: the plan is saved in {path}; `awsroll roll --plan {path}` carries it out. "
    )
    assert "With `--plan-digest sha256:" in planned.err
    assert not {"asked", "request", "fingerprint"} & set(planned.lines[-1])
    _assert_refused(contradicted, code=2, message=f"--concurrent 2 contradicts the plan file {path}")
    _assert_refused(elsewhere, code=2, message="--region eu-west-1 contradicts the plan")
    assert rolled.code == 0, rolled.err
    assert rolled.lines[-1]["to_version"] == f"{fleet.template_id}:2"
    _assert_refused(again, code=2, message=f"{fleet.instance_ids[0]} is no longer in the fleet")
    _assert_on_version_2(server, fleet.target_group_arns[0], servers=2)


def test_an_interrupted_rollout_is_resumed(server: SandboxServer, environment: dict[str, str]) -> None:
    fleet = server.standalone_fleet(name="second", servers=3)
    words = ("--target-group", "second-1", "--launch-template", "second:2", "--poll", "0.2")

    with start("roll", *words, "--json", environment=environment) as driver:
        rollout_id = json.loads(_until(driver, "instance.deregistered"))["rollout_id"]
        driver.send_signal(signal.SIGSTOP)  # keep the rollout from ending while others start
        second = awsroll("roll", *words, "--json", environment=environment)
        running = awsroll("list", "--json", environment=environment)
        begun = time.monotonic()
        driver.send_signal(signal.SIGINT)
        driver.send_signal(signal.SIGCONT)
        out, err = driver.communicate(timeout=PATIENCE_SECONDS)
        seconds = time.monotonic() - begun
    interrupted = awsroll("list", "--json", environment=environment)
    resumed = awsroll("resume", rollout_id, "--poll", "0.2", environment=environment)
    again = awsroll("resume", rollout_id, "--json", environment=environment)

    assert driver.returncode == 130
    assert seconds < PROMPT_SECONDS
    assert json.loads(out.splitlines()[-1])["status"] == "interrupted"
    assert f"awsroll resume {rollout_id}" in err
    assert second.code == 4
    assert second.lines[-1]["event"] == "refused"
    assert rollout_id in second.err
    assert running.lines[0]["status"] == "running"
    assert interrupted.lines[0]["status"] == "interrupted"
    assert resumed.code == 0, resumed.err
    assert resumed.out.splitlines()[0] == f"rollout {rollout_id}"
    assert "succeeded" in resumed.out
    assert again.code == 0
    assert again.lines[-1]["status"] == "succeeded"
    _assert_on_version_2(server, fleet.target_group_arns[0], servers=3)


UNKNOWN = {
    "group": (("--asg", "unknown"), "unknown"),
    "target-group": (("--target-group", "unknown", "--launch-template", "first:2"), "unknown"),
    "template": (("--target-group", "first-1", "--launch-template", "unknown:2"), "unknown"),
    "template-id": (("--target-group", "first-1", "--launch-template", "lt-00000000000000000"), "lt-00000000000000000"),
    "version": (("--target-group", "first-1", "--launch-template", "first:99"), "99"),
}


@pytest.mark.usefixtures("first")
@pytest.mark.parametrize(("words", "named"), UNKNOWN.values(), ids=UNKNOWN)
def test_a_name_that_aws_does_not_know_is_refused(
    words: tuple[str, ...], named: str, environment: dict[str, str]
) -> None:
    refused = awsroll("roll", *words, "--json", environment=environment)

    _assert_refused(refused, code=2, message=named)


def test_missing_credentials_exit_5(tmp_path: Path) -> None:
    refused = awsroll("roll", "--asg", "web", "--json", environment={"XDG_STATE_HOME": str(tmp_path)})

    _assert_refused(refused, code=5, message="credentials")
    assert list(tmp_path.iterdir()) == []


def test_a_dead_endpoint_exits_5(tmp_path: Path) -> None:
    environment = {**FAKE_KEYS, "XDG_STATE_HOME": str(tmp_path)}

    dead = awsroll("doctor", "--asg", "web", "--endpoint-url", "http://127.0.0.1:9", "--json", environment=environment)

    _assert_refused(dead, code=5, message="http://127.0.0.1:9")


def test_the_sandbox_prints_its_environment_and_stops_on_sigterm() -> None:
    with start("sandbox", "--port", "0", "--json", environment={}) as sandbox:
        assert sandbox.stdout is not None
        started = json.loads(sandbox.stdout.readline())
        listed = awsroll("doctor", "--asg", "web", environment=started["environment"])
        sandbox.send_signal(signal.SIGTERM)
        sandbox.communicate(timeout=PATIENCE_SECONDS)

    assert started["environment"]["AWS_ENDPOINT_URL"] == started["url"]
    assert "AWS_PROFILE" in started["unset"]
    assert listed.code == 2
    assert "web" in listed.err
    assert sandbox.returncode == 0


def test_fleets_that_the_sandbox_built_are_rolled_by_the_commands_that_it_printed(tmp_path: Path) -> None:
    fleets = ("--fleet", "web:2", "--fleet", "tg:api:1")
    with start("sandbox", "--port", "0", "--speed", "100", *fleets, environment={}) as sandbox:
        assert sandbox.stdout is not None
        lines = [sandbox.stdout.readline().strip() for _ in range(9 + 2 * 4)]
        exports = [line.removeprefix("export ").split("=", 1) for line in lines if line.startswith("export ")]
        environment = {**dict(exports), "XDG_STATE_HOME": str(tmp_path)}
        commands = [shlex.split(line) for line in lines if line.startswith("awsroll ")]
        finished = [awsroll(*command[1:], environment=environment) for command in commands]
        sandbox.send_signal(signal.SIGTERM)
        _, err = sandbox.communicate(timeout=PATIENCE_SECONDS)

    assert lines[0].startswith("unset AWS_PROFILE AWS_DEFAULT_PROFILE ")
    assert [line for line in lines if line.startswith("#")] == [
        "# Auto Scaling group web, 2 servers: roll it to version 2",
        "# target group api, 1 server: roll it to version 2",
    ]
    assert [(command[1], command[3]) for command in commands] == [
        ("plan", "web"), ("roll", "web"), ("plan", "api"), ("roll", "api"),
    ]  # fmt: skip
    assert [each.code for each in finished] == [0, 0, 0, 0], [each.err for each in finished]
    assert all("succeeded" in each.out for each in finished[1::2])
    assert "~ user data" in finished[0].out
    assert "building Auto Scaling group web, 2 servers" in err
    assert "a plan shows the times of AWS; here they pass 100 times as fast" in err


def test_the_sandbox_accepts_options_and_faults(tmp_path: Path) -> None:
    measured = tmp_path / "result.json"
    measured.write_text('{"switches": {"changed_delay": "applied", "boot_seconds": 9}}')
    options = ("--switches", str(measured), "--option", "boot_seconds=7", "--option", "first_healthy_needs=threshold")
    with start("sandbox", "--port", "0", "--json", *options, "--fault", "denied ec2:*", environment={}) as sandbox:
        assert sandbox.stdout is not None
        url = json.loads(sandbox.stdout.readline())["url"]
        with urllib.request.urlopen(f"{url}/_awsroll/options", timeout=PATIENCE_SECONDS) as answer:  # noqa: S310  loopback
            options = json.load(answer)
        with urllib.request.urlopen(f"{url}/_awsroll/faults", timeout=PATIENCE_SECONDS) as answer:  # noqa: S310  the same
            rules = json.load(answer)["rules"]
        sandbox.send_signal(signal.SIGTERM)
        sandbox.communicate(timeout=PATIENCE_SECONDS)

    assert (options["boot_seconds"], options["first_healthy_needs"]) == (7, "threshold")
    assert options["changed_delay"] == "applied"
    assert [(rule["fault"], rule["operation"]) for rule in rules] == [("denied", "ec2:*")]


def _until(driver: "subprocess.Popen[str]", event: str) -> str:
    """Read the driver's lines until an event; return its first line."""
    assert driver.stdout is not None
    first = ""
    for line in driver.stdout:
        first = first or line
        if json.loads(line)["event"] == event:
            return first
    pytest.fail(f"no {event}")


def _assert_refused(finished: Finished, *, code: int, message: str) -> None:
    assert finished.code == code, finished.err
    assert finished.lines[-1]["event"] == "refused"
    assert message in finished.lines[-1]["reason"]
    assert "Traceback" not in finished.err
    assert all(line.startswith("awsroll: ") for line in finished.err.splitlines())


def _assert_on_version_2(server: SandboxServer, target_group: str, *, servers: int) -> None:
    session = server.session()
    health = session.client("elbv2").describe_target_health(TargetGroupArn=target_group)["TargetHealthDescriptions"]
    ids = [target["Target"]["Id"] for target in health]
    assert [target["TargetHealth"]["State"] for target in health] == ["healthy"] * servers
    reservations = session.client("ec2").describe_instances(InstanceIds=ids)["Reservations"]
    tags = [
        {tag["Key"]: tag["Value"] for tag in instance["Tags"]}
        for reservation in reservations
        for instance in reservation["Instances"]
    ]
    assert [values["aws:ec2launchtemplate:version"] for values in tags] == ["2"] * servers
