"""`awsroll probe` as a program: the list, the refusals, and a probe against the sandbox server."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from awsroll.core.request.spec import RolloutSpec
from awsroll.probe.process_rolls import ProcessRolls
from awsroll.sandbox import SandboxServer, serve
from tests.cli.program import FAKE_KEYS, awsroll

pytestmark = pytest.mark.process

GUARDS = ("--account", "123456789012", "--accept-cost")


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with serve(speed=100) as running:
        yield running


def test_the_list_shows_every_experiment_and_calls_nothing() -> None:
    listed = awsroll("probe", "--list")
    lines = awsroll("probe", "--list", "--only", "P7,P1", "--json").lines
    assert listed.code == 0
    assert all(f"P{number:<3} " in listed.out for number in range(1, 17))
    assert "in total at most $" in listed.out
    assert [line["id"] for line in lines] == ["P1", "P7"]
    assert {"calls", "expected", "settles", "minutes", "dollars", "deletes"} <= set(lines[0])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "--accept-cost"),
        (("--accept-cost",), "12 digits"),
        (("--only", "P99"), "P1 to P16"),
        (("--teardown", "missing.jsonl"), "cannot be read"),
    ],
    ids=str,
)
def test_a_mistake_is_refused(arguments: tuple[str, ...], words: str) -> None:
    refused = awsroll("probe", *arguments, environment=FAKE_KEYS)
    assert refused.code == 2
    assert words in refused.err
    assert "Traceback" not in refused.err


def test_a_folder_with_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    refused = awsroll("probe", *GUARDS, "--out", str(tmp_path), environment=FAKE_KEYS)
    assert refused.code == 2
    assert "new or empty folder" in refused.err


def test_a_probe_measures_and_its_result_sets_the_switches_of_a_sandbox(server: SandboxServer, tmp_path: Path) -> None:
    out = tmp_path / "probe"
    probed = awsroll("probe", *GUARDS, "--only", "P9", "--out", str(out), "--json", environment=server.environment)
    again = awsroll("probe", "--teardown", str(out / "ledger.jsonl"), "--json", environment=server.environment)

    assert probed.code == 0, probed.err
    ended = probed.lines[-1]
    assert (ended["event"], ended["experiments"], ended["left"]) == ("probe.ended", {"P9": "measured"}, [])
    assert json.loads((out / "result.json").read_text())["experiments"]["P9"]["measured"]["group, $"] == "accepted"
    assert "123456789012" not in (out / "calls.jsonl").read_text()
    assert (again.code, again.lines[-1]["left"]) == (0, [])
    left = [each for each in server.ec2.instances() if each.is_live and "awsroll:probe" in each.tags]
    assert left == []


def test_a_killed_rollout_is_resumed_in_another_process(
    server: SandboxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**server.environment, "XDG_STATE_HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    fleet = server.auto_scaling_fleet(name="killed", desired=2)
    spec = RolloutSpec(asg="killed", launch_template=f"{fleet.template_id}:2", poll=0.2, settle_time=2)
    ended = ProcessRolls(options=("--region", "us-east-1")).roll(spec, tmp_path / "store", seconds=600)

    assert (ended.killed, ended.exit_code) == (True, 0)
    group = server.session().client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=["killed"])
    members = group["AutoScalingGroups"][0]["Instances"]
    assert {each["LaunchTemplate"]["Version"] for each in members} == {"2"}
