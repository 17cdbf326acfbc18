"""Every block and every command in the documents is valid: shell, YAML, Python and JSON, and options in the text."""

import ast
import importlib
import json
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest
import yaml

from awsroll.cli.command_table import COMMANDS
from awsroll.core.request.file_schema import fleets_schema, rollout_schema

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "SECURITY.md", *(ROOT / "docs").glob("*.md")])
# Options of programs of this repository in the text, and the file that has each.
OTHERS = {
    "--arch": "lambda/build.py",
    "--durable": "lambda/build.py",
    "--fleet": "cdk/awsroll_cdk/plain_template.py",
    "--scenario": "tests/crash/everything.py",
    "--s3-bucket": "docs/deploy.md",  # of the AWS CLI
}
# Blocks of YAML that are no file of awsroll, by a key at their top level.
OTHER_YAML = frozenset({"jobs", "include", "steps", "hosts", "Resources", "name", "on"})


def _blocks(language: str) -> list[Any]:
    pattern = re.compile(rf"^ *```{language}\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
    return [
        pytest.param(block, id=f"{page.name}-{number}")
        for page in PAGES
        for number, block in enumerate(pattern.findall(page.read_text()), 1)
    ]


@cache
def _command(name: str) -> click.Command:
    loaded: click.Command = COMMANDS[name].load()
    return loaded


def _with_subcommands(command: click.Command) -> Iterator[click.Command]:
    yield command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            subcommand = command.get_command(context, name)
            assert subcommand is not None
            yield subcommand


def commands_in(text: str) -> Iterator[list[str]]:
    """Return the words of each call of awsroll in a piece of shell, without redirections and other commands."""
    for line in re.sub(r"\\\n", " ", text).splitlines():
        words = shlex.split(line, comments=True)
        starts = [index for index, word in enumerate(words) if word.rpartition("/")[2] == "awsroll"]
        for start in starts:
            if start == 0 or words[start - 1] in {"&&", "|", ";", "run", "--"} or "=" in words[start - 1]:
                call = words[start + 1 :]
                end = next((at for at, word in enumerate(call) if word in {">", "|", "&&", ";", ">>", "2>&1"}), None)
                yield call[:end]


def _check_call(words: list[str], *, names_an_option: bool = False) -> None:
    """Parse a call without running it: an unknown command, an unknown option or a missing value is an error.

    In the text, a call may end with the name of an option that needs a value.
    """
    if not words or words[0].startswith("-"):
        assert set(words) <= {"--help", "--version"}, words
        return
    command = _command(words[0])
    if "--help" not in words:
        value = ["VALUE"] if names_an_option else []
        command.make_parser(click.Context(command)).parse_args([*words[1:], *value])


@pytest.mark.parametrize("block", _blocks("sh"))
def test_each_shell_block_calls_commands_and_options_that_exist(block: str) -> None:
    for words in commands_in(block):
        _check_call(words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_command_in_the_text_exists(page: Path) -> None:
    prose = re.sub(r"^ *```.*?^ *```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for code in re.findall(r"`(awsroll [a-z][^`]*)`", prose):
        words = shlex.split(re.sub(r"\s+", " ", code))[1:]
        if words[0] != "COMMAND":
            assert words[0] in COMMANDS, code
            _check_call([word for word in words if not word.endswith("|")], names_an_option=words[-1].startswith("-"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_option_in_the_text_exists(page: Path) -> None:
    commands = [each for name in COMMANDS for each in _with_subcommands(_command(name))]
    known = {form for each in commands for option in each.params for form in (*option.opts, *option.secondary_opts)}
    prose = re.sub(r"^ *```.*?^ *```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    lines = [line for line in prose.splitlines() if not re.search(r"python |docker |npx |pip |cdk |aws ", line)]
    named = set(re.findall(r"`(--[a-z][a-z-]*[a-z])", "\n".join(lines)))

    assert named - known - OTHERS.keys() - {"--help", "--version"} == set()


def test_each_option_of_another_program_is_in_its_file() -> None:
    assert [option for option, path in OTHERS.items() if option not in (ROOT / path).read_text()] == []


@pytest.mark.parametrize("block", _blocks("ya?ml"))
def test_each_yaml_block_is_valid(block: str) -> None:
    for content in yaml.safe_load_all(block):
        if isinstance(content, list) or OTHER_YAML & set(content):
            continue  # tests/integrations has those of pipelines
        jsonschema.validate(content, fleets_schema() if "waves" in content else rollout_schema())


@pytest.mark.parametrize("block", _blocks("json"))
def test_each_json_block_is_valid(block: str) -> None:
    assert [json.loads(part) for part in re.split(r"\n(?=\{)", block.strip())]


@pytest.mark.parametrize("block", _blocks("python"))
def test_each_python_block_compiles_and_uses_public_names(block: str) -> None:
    tree = ast.parse(block)
    modules: dict[str, Any] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.asname or alias.name: importlib.import_module(alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            module = importlib.import_module(node.module)
            assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []
    used = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)]
    names = {"awsroll": importlib.import_module("awsroll")} | modules

    assert [
        f"{node.value.id}.{node.attr}"
        for node in used
        if isinstance(node.value, ast.Name) and node.value.id in names and not hasattr(names[node.value.id], node.attr)
    ] == []
