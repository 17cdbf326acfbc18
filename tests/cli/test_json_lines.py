"""Each JSON line of each command has `event`, `at` and `rollout_id`: null if the line is about no single rollout."""

import json
from pathlib import Path
from typing import Any

import pytest

from awsroll.cli.main import run


@pytest.mark.parametrize(
    ("command", "event", "rollout"),
    [
        ("halt --reason outage", "halted", None),
        ("unhalt", "unhalted", None),
        ("budget", "budget", None),
        ("state create", "state.created", None),
        ("repair", "repair", None),
        ("roll", "refused", None),
        ("resume web-1 --yes", "refused", "web-1"),
        ("approve web-1", "refused", "web-1"),
    ],
)
def test_a_line_names_its_rollout_or_null(
    command: str, event: str, rollout: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[Any]
) -> None:
    run([*command.split(), "--json", "--state", str(tmp_path)])

    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (last["event"], last["rollout_id"]) == (event, rollout)


@pytest.mark.parametrize("command", ["list", "history"])
def test_an_empty_list_prints_no_line(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[Any]) -> None:
    assert run([command, "--json", "--state", str(tmp_path)]) == 0
    assert capsys.readouterr().out == ""
