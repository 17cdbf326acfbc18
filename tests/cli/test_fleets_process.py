"""`awsroll roll -f fleets.yaml` as a process against the sandbox, with two waves, regions and accounts."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from awsroll.sandbox import FaultRule, Fleet, FleetShape, SandboxServer, serve
from awsroll.sandbox.ready_fleets import Clients, Pace, standalone_fleet
from tests.cli.program import Finished, awsroll, start
from tests.support.patience import PATIENCE_SECONDS, PROMPT_SECONDS

pytestmark = pytest.mark.process
ROLE = "arn:aws:iam::111122223333:role/deploy"


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with serve(speed=100) as running:
        yield running


@pytest.fixture
def environment(server: SandboxServer, tmp_path: Path) -> dict[str, str]:
    return {**server.environment, "XDG_STATE_HOME": str(tmp_path)}


def _session(server: SandboxServer, region: str, *, role: str = "") -> Any:
    """Return a session of another region or account, where the sandbox is plain moto."""
    own = server.session().client("sts")
    keys = own.assume_role(RoleArn=role, RoleSessionName="test")["Credentials"] if role else None

    class There(boto3.Session):
        def client(self, *args: Any, **more: Any) -> Any:
            return super().client(*args, endpoint_url=server.url, **more)

    return There(
        aws_access_key_id=keys["AccessKeyId"] if keys else "AKIAFAKE",
        aws_secret_access_key=keys["SecretAccessKey"] if keys else "fake",
        aws_session_token=keys["SessionToken"] if keys else None,
        region_name=region,
    )


def _fleet_in(session: Any, name: str) -> Fleet:
    return standalone_fleet(Clients(session), FleetShape(name=name, servers=2), Pace(pause=lambda: time.sleep(0.02)))


def _versions(session: Any, fleet: Fleet) -> list[str]:
    health = session.client("elbv2").describe_target_health(TargetGroupArn=fleet.target_group_arns[0])
    ids = [target["Target"]["Id"] for target in health["TargetHealthDescriptions"]]
    reservations = session.client("ec2").describe_instances(InstanceIds=ids)["Reservations"]
    tags = [
        {tag["Key"]: tag["Value"] for tag in instance["Tags"]}
        for reservation in reservations
        for instance in reservation["Instances"]
    ]
    return [values["aws:ec2launchtemplate:version"] for values in tags]


def test_two_waves_are_rolled_over_two_regions_and_two_accounts(
    server: SandboxServer, environment: dict[str, str], tmp_path: Path
) -> None:
    first = server.standalone_fleet(name="web", servers=2)
    ireland, other = _session(server, "eu-west-1", role=ROLE), _session(server, "us-east-1", role=ROLE)
    second, third = _fleet_in(ireland, "web"), _fleet_in(other, "api")
    path = tmp_path / "fleets.yaml"
    path.write_text(f"""
defaults: {{concurrent: 1, poll: 0.2}}
waves:
  - name: canary
    fleets:
      - {{target_group: web-1, launch_template: "web:2"}}
  - name: rest
    concurrency: 2
    fleets:
      - {{target_group: web-1, region: eu-west-1, role: "{ROLE}", launch_template: "web:2"}}
      - {{name: api, target_group: api-1, role: "{ROLE}", launch_template: "api:2"}}
""")

    planned = awsroll("plan", "-f", str(path), "--json", environment=environment)
    rolled = awsroll("roll", "-f", str(path), "--json", environment=environment)
    again = awsroll("roll", "-f", str(path), environment=environment)

    assert planned.code == 0, planned.err
    assert [
        (fleet["fleet_name"], fleet["region"], fleet["plan"]["desired"])
        for wave in planned.lines[-1]["waves"]
        for fleet in wave["fleets"]
    ] == [("web-1", "us-east-1", 2), ("web-1@eu-west-1", "eu-west-1", 2), ("api", "us-east-1", 2)]
    assert rolled.code == 0, rolled.err
    report = rolled.lines[-1]
    assert (report["event"], report["status"]) == ("report", "succeeded")
    assert [(wave["name"], wave["status"]) for wave in report["waves"]] == [
        ("canary", "succeeded"),
        ("rest", "succeeded"),
    ]
    assert _replaced(rolled) == {"web-1": 2, "web-1@eu-west-1": 2, "api": 2}
    events = [line for line in rolled.lines if line["event"].startswith(("rollout.", "instance."))]
    assert {(line["fleet_name"], line["wave"]) for line in events} == {
        ("web-1", "canary"),
        ("web-1@eu-west-1", "rest"),
        ("api", "rest"),
    }
    begun = [line["wave"] for line in rolled.lines if line["event"] == "rollout.created"]
    assert begun == ["canary", "rest", "rest"]
    assert _versions(server.session(), first) == ["2", "2"]
    assert _versions(ireland, second) == ["2", "2"]
    assert _versions(other, third) == ["2", "2"]
    assert again.code == 0, again.err
    assert "web-1@eu-west-1: " in again.err
    assert "status   succeeded" in again.out
    assert again.out.count("0 of 2 changed, 0 failed") == 3


def test_bad_input_in_the_last_wave_is_refused_before_the_first_is_begun(
    server: SandboxServer, environment: dict[str, str], tmp_path: Path
) -> None:
    server.standalone_fleet(name="early", servers=1)
    path = tmp_path / "fleets.json"
    waves = [
        {"fleets": [{"target-group": "early-1", "launch-template": "early:2", "launch-first": True}]},
        {"fleets": [{"asg": "absent", "role": ROLE}, {"asg": "missing"}]},
    ]
    path.write_text(json.dumps({"waves": waves}))

    refused = awsroll("roll", "-f", str(path), "--json", environment=environment)

    assert refused.code == 2
    assert [line["event"] for line in refused.lines] == ["refused"]
    assert "absent: there is no Auto Scaling group 'absent' in us-east-1" in refused.lines[0]["reason"]
    assert "missing: there is no Auto Scaling group 'missing' in us-east-1" in refused.lines[0]["reason"]
    assert not (tmp_path / "awsroll").exists()


def test_keep_rolls_what_a_dry_run_has_announced_and_names_what_is_refused(
    server: SandboxServer, environment: dict[str, str], tmp_path: Path
) -> None:
    server.standalone_fleet(name="kept", servers=1)
    path = tmp_path / "fleets.yaml"
    path.write_text("""
defaults: {poll: 0.2, launch-first: true, checkpoint: 1, checkpoint-delay: 1}
waves:
  - fleets:
      - {target_group: kept-1, launch_template: "kept:2"}
      - {asg: absent, launch_template: "kept:2"}
""")

    planned = awsroll("keep", "-f", str(path), "--dry-run", "--json", environment=environment)
    kept = awsroll("keep", "-f", str(path), "--json", environment=environment)
    again = awsroll("keep", "-f", str(path), environment=environment)

    assert [each.code for each in (planned, kept, again)] == [3, 3, 3], "one fleet is refused"
    assert len(planned.lines) == 1
    actions = {name: fleet["action"] for name, fleet in planned.lines[-1]["fleets"].items()}
    assert actions == {"kept-1": "roll", "absent": "refused"}
    assert kept.lines[-1]["event"] == "kept"
    assert kept.lines[-1]["report"]["status"] == "succeeded"
    assert "there is no Auto Scaling group 'absent'" in kept.lines[-1]["fleets"]["absent"]["why"]
    assert "kept-1: rest: all 1 servers run" in again.out


def test_ctrl_c_interrupts_every_fleet_and_the_same_file_continues(
    server: SandboxServer, environment: dict[str, str], tmp_path: Path
) -> None:
    fleets = [server.standalone_fleet(name=name, servers=3) for name in ("left", "right", "later")]
    path = tmp_path / "fleets.toml"
    path.write_text("""
[defaults]
poll = 0.2

[[waves]]
name = "both"
fleets = [
  { target-group = "left-1", launch-template = "left:2" },
  { target-group = "right-1", launch-template = "right:2" },
]

[[waves]]
name = "last"
fleets = [{ target-group = "later-1", launch-template = "later:2" }]
""")

    with start("roll", "-f", str(path), "--json", environment=environment) as driver:
        _until_drained(driver, {"left-1", "right-1"})
        begun = time.monotonic()
        driver.send_signal(signal.SIGTERM)
        out, err = driver.communicate(timeout=PATIENCE_SECONDS)
        seconds = time.monotonic() - begun
    listed = awsroll("list", "--json", environment=environment)
    other = awsroll("roll", "-f", str(path), "--concurrent", "2", "--json", environment=environment)
    resumed = awsroll("roll", "-f", str(path), "--json", environment=environment)

    assert driver.returncode == 130
    assert seconds < PROMPT_SECONDS
    report = json.loads(out.splitlines()[-1])
    assert (report["event"], report["status"]) == ("report", "interrupted")
    assert [fleet["status"] for wave in report["waves"] for fleet in wave["fleets"]] == [
        "interrupted",
        "interrupted",
        "not_begun",
    ]
    assert "ontinue with `awsroll roll -f` with the same file" in err
    assert "awsroll resume left-1-" in err
    assert {line["status"] for line in listed.lines} == {"interrupted"}
    interrupted = {line["rollout_id"] for line in listed.lines}
    assert other.code == 4, other.err
    assert all(rollout_id in other.lines[-1]["reason"] for rollout_id in interrupted)
    assert "This request differs (--concurrent" in other.lines[-1]["reason"]
    assert resumed.code == 0, resumed.err
    assert {line["rollout_id"] for line in resumed.lines if line["event"] == "rollout.resumed"} == interrupted
    assert [_versions(server.session(), fleet) for fleet in fleets] == [["2"] * 3] * 3


def test_a_failing_wave_stops_the_next_one_and_ends_with_exit_1(
    server: SandboxServer, environment: dict[str, str], tmp_path: Path
) -> None:
    fleets = [
        server.standalone_fleet(name=name, servers=2, further_versions=({"sandbox:health": "unhealthy"},))
        for name in ("sick", "well")
    ]
    path = tmp_path / "fleets.yaml"
    path.write_text("""
defaults: {healthy-timeout: 4, poll: 0.2}
waves:
  - fleets: [{target-group: sick-1, launch-template: "sick:3"}]
  - fleets: [{target-group: well-1, launch-template: "well:2"}]
""")

    rolled = awsroll("roll", "-f", str(path), environment=environment)

    assert rolled.code == 1, rolled.err
    assert "status   rolled_back" in rolled.out
    assert "wave 2: not begun" in rolled.out
    assert "awsroll: sick-1: rolled back: " in rolled.err
    assert "awsroll: not begun: well-1" in rolled.err
    assert "ontinue with `awsroll roll -f` with the same file" in rolled.err
    assert [_versions(server.session(), fleet) for fleet in fleets] == [["1"] * 2] * 2


def test_a_role_that_cannot_be_assumed_exits_5(
    server: SandboxServer, environment: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "fleets.yaml"
    path.write_text(f'waves: [{{fleets: [{{asg: web, role: "{ROLE}"}}]}}]\n')
    rule = server.faults.add(FaultRule.parse("denied sts:AssumeRole"))

    refused = awsroll("plan", "-f", str(path), "--json", environment=environment)
    server.faults.remove(rule)

    assert refused.code == 5, refused.err
    assert refused.lines[-1]["event"] == "refused"
    assert refused.lines[-1]["reason"].startswith("web: ")
    assert "sts:AssumeRole" in refused.lines[-1]["reason"]


def _until_drained(driver: "subprocess.Popen[str]", names: set[str]) -> None:
    assert driver.stdout is not None
    waited = set(names)
    for line in driver.stdout:
        event = json.loads(line)
        if event["event"] == "instance.deregistered":
            waited.discard(event["fleet_name"])
        if not waited:
            return
    pytest.fail(f"nothing was deregistered of {waited}")


def _replaced(rolled: Finished) -> dict[str, int]:
    return {
        fleet["fleet_name"]: fleet["report"]["instances"]["replaced"]
        for wave in rolled.lines[-1]["waves"]
        for fleet in wave["fleets"]
    }
