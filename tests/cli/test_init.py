"""`awsroll init` writes a rollout file that can be planned as it stands, and similar names help after a mistake."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from awsroll.cli.main import run
from awsroll.core.request.spec import spec_of
from awsroll.files import rollout_file
from awsroll.files.starter_file import starter_file
from awsroll.preflight.describe_fleet import FleetDescription
from awsroll.sandbox import Sandbox
from awsroll.testing.clock import VirtualClock

FLEET = FleetDescription(
    asg="web", target_groups=("web-1",), region="us-east-1", servers=9, zones=("a", "b"), template="web", version=1
)


UNKNOWN = FleetDescription(asg="", target_groups=("api", "a: b"), region="us-east-1", servers=1, zones=())


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    monkeypatch.chdir(tmp_path)
    with Sandbox(clock=VirtualClock()) as sandbox:
        yield sandbox


@pytest.mark.parametrize("grouped", [True, False], ids=["group", "standalone"])
def test_the_file_is_planned_as_it_stands(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str], *, grouped: bool
) -> None:
    fleet = sandbox.auto_scaling_fleet(desired=2) if grouped else sandbox.standalone_fleet(servers=2)

    assert run(["init", *(["--asg", "web"] if fleet.group_name else ["--target-group", "web-1"])]) == 0
    assert "is written. Next: `awsroll plan`" in capsys.readouterr().err
    assert run(["plan", "--state", "records"]) == 0

    assert f"{fleet.template_name}:1 -> {fleet.template_name}:2" in capsys.readouterr().out


def test_a_file_is_replaced_only_if_the_user_says_so(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sandbox.auto_scaling_fleet(desired=1)
    file = tmp_path / "awsroll.yaml"
    file.write_text("mine")

    assert run(["init", "--asg", "web"]) == 2
    assert "awsroll.yaml exists; nothing was written" in capsys.readouterr().err
    assert file.read_text() == "mine"
    assert run(["init", "--asg", "web", "--force"]) == 0
    assert "asg:" in file.read_text()
    assert run(["init", "--asg", "web", "-o", "-"]) == 0
    assert capsys.readouterr().out == file.read_text()


@pytest.mark.parametrize("description", [FLEET, UNKNOWN], ids=["group", "unknown-version"])
def test_each_commented_option_is_valid(description: FleetDescription, tmp_path: Path) -> None:
    text = starter_file(description)
    options = re.findall(r"^# (\w+: .*?)  # ", text, re.MULTILINE)
    file = tmp_path / "all.yaml"

    for option in options:
        file.write_text(f"{text}{option}\n")
        assert spec_of(rollout_file.options(rollout_file.read(file), file)).target_group == (
            () if description.asg else description.target_groups
        )
    assert len(options) >= 10


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--asg", "wbe"], "(did you mean web?)"),
        (["--asg", "web", "--launch-template", "wbe"], "no launch template wbe in us-east-1 (did you mean web?)"),
        (["--target-group", "web_1", "--launch-template", "web"], "(did you mean web-1?)"),
    ],
    ids=["group", "launch-template", "target-group"],
)
def test_a_wrong_name_is_answered_with_similar_names(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    sandbox.auto_scaling_fleet(desired=1)

    assert run(["plan", *arguments, "--state", "records"]) == 2
    assert words in capsys.readouterr().err
