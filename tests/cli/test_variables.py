"""Each option of each command has an environment variable, except those that a person must type each time."""

from collections import defaultdict
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from awsroll.cli.grouped_option import GroupedOption, long_form, variable_of
from awsroll.cli.main import run
from tests.docs.options_page import options_of_commands

TYPED = {
    "approve --reject",
    "approve --override-freeze",
    "budget --none",
    "probe --account",
    "probe --accept-cost",
    "probe --teardown",
    "repair --instance",
    "repair --release",
    "repair --take-over",
}
"""They confirm a danger or make another act of the command; docs/options.md says so."""


def test_each_option_has_a_variable_but_those_that_a_person_must_type() -> None:
    assert {f"{path} {long_form(each)}" for path, each in options_of_commands() if not each.envvar} == TYPED


def test_a_variable_is_that_of_one_option() -> None:
    meanings = defaultdict(set)
    for path, each in options_of_commands():
        shared = each.envvar == variable_of(long_form(each).removeprefix("--"))
        meanings[each.envvar].add((long_form(each), "" if shared else path))

    assert {variable: options for variable, options in meanings.items() if variable and len(options) > 1} == {}


def test_an_option_that_can_be_repeated_has_one_value_on_each_line_of_its_variable() -> None:
    repeated = [each for _, each in options_of_commands() if each.multiple]

    assert repeated
    assert all(isinstance(each, GroupedOption) for each in repeated)


@pytest.mark.parametrize(
    ("command", "variables", "words"),
    [
        (["list"], {"AWSROLL_LIST_LIMIT": "none"}, "AWSROLL_LIST_LIMIT"),
        (["history"], {"AWSROLL_HISTORY_HEAD": "abc"}, "--head is from AWSROLL_HISTORY_HEAD"),
        (["report", "web-1"], {"AWSROLL_REPORT_OUTPUT": "web.pdf"}, "web.pdf"),
    ],
    ids=["wrong-value", "wrong-combination", "required-option"],
)
def test_the_variable_of_an_option_of_one_command_gives_the_option(
    command: list[str], variables: dict[str, str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[Any]
) -> None:
    with patch.dict("os.environ", variables):
        code = run([*command, "--state", str(tmp_path)])

    assert code == 2
    assert words in capsys.readouterr().err


def test_a_variable_never_rejects_a_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture[Any]) -> None:
    with patch.dict("os.environ", {"AWSROLL_REJECT": "yes", "AWSROLL_APPROVE_REJECT": "yes"}):
        run(["approve", "web-1", "--override-freeze", "outage", "--state", str(tmp_path)])

    assert "--reject" not in capsys.readouterr().err
