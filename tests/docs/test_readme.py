"""README.md: its commands, options, exit codes and examples match the program."""

import re
import shlex
from pathlib import Path
from xml.etree import ElementTree as ET

import click
import pytest

import awsroll
from awsroll.cli.command_table import COMMANDS
from awsroll.cli.exit_codes import Exit
from awsroll.cli.main import run

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()


def _fenced(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def _quick_start() -> str:
    return README.split("## Quick start\n")[1].split("\n## ")[0]


def _commands() -> dict[str, click.Command]:
    return {name: command.load() for name, command in COMMANDS.items()}


def test_every_command_is_in_the_readme() -> None:
    missing = [name for name in _commands() if f"awsroll {name}" not in README]

    assert missing == []


def test_every_option_that_the_readme_names_exists() -> None:
    known = {
        form
        for command in _commands().values()
        for option in command.params
        for form in (*option.opts, *option.secondary_opts)
    }
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*[a-z]", README)) - {"--help"}
    own = set(re.findall(r"--[a-z][a-z-]*", _quick_start()))  # those of pip

    assert named - own <= known


def test_the_quick_start_is_two_commands_of_one_line() -> None:
    demo, checks = (block.rstrip("\n") for block in _fenced(_quick_start(), "sh"))

    assert "\n" not in demo + checks
    assert shlex.split(demo)[-2:] == [".venv/bin/awsroll", "demo"]
    assert shlex.split(checks)[-2:] == ["-m", "tests.check"]


def test_every_exit_code_is_in_the_readme() -> None:
    assert [code for code in Exit if f"| {code.value} |" not in README] == []


def test_each_shell_example_is_an_existing_command() -> None:
    lines = [line for block in _fenced(README, "sh") for line in block.splitlines() if line.startswith("awsroll ")]
    known = _commands()

    for line in lines:
        words = shlex.split(line, comments=True)
        options = {form for option in known[words[1]].params for form in option.opts}
        assert {word for word in words if word.startswith("-")} <= options, line
    assert len(lines) > 5


def test_the_recording_is_small_ends_with_the_promise_and_loads_nothing() -> None:
    path = ROOT / re.findall(r"!\[.*\]\((.*\.svg)\)", README)[0]
    picture = ET.fromstring(path.read_text())  # noqa: S314 - our own file
    shown = "".join(picture.itertext())

    assert path.stat().st_size < 150_000
    assert re.search(r"0 of [\d,]+ requests dropped; never fewer than 8 of 9 servers took requests", shown)
    assert not {"script", "image", "foreignObject"} & {each.tag.rpartition("}")[2] for each in picture.iter()}
    assert not [each for each in re.findall(r'href="([^"]+)"', path.read_text()) if not each.startswith("#")]


def test_each_name_in_the_python_examples_exists() -> None:
    blocks = _fenced(README, "python")

    for block in blocks:
        compile(block, "README.md", "exec")
        for name in re.findall(r"awsroll\.([A-Za-z_]+)", block):
            assert hasattr(awsroll, name), name
    assert blocks


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    for name in _commands():
        assert run([name, "--help"]) == 0
        assert f"Usage: awsroll {name}" in capsys.readouterr().out
