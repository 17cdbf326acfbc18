"""docs/step-functions.md: commands generate its pictures, schemas and tables; everything that it names exists."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import named
import schemas
from awsroll.cli.command_table import COMMANDS
from awsroll_cdk.definition import fleets_machine, rollout_machine
from awsroll_cdk.definition.states import RETRY
from picture.__main__ import FUNCTIONS, pictures
from tests.machines import costs

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "step-functions.md").read_text()


def _section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def _rows(text: str) -> list[list[str]]:
    """Return the cells of the first table in a section, without the heading row."""
    table = re.search(r"(?:^\|.*\n?)+", text, re.MULTILINE)
    assert table
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[0].splitlines()[2:]]


def _states(machine: dict[str, Any]) -> set[str]:
    states = machine["States"].values()
    inner = [state["ItemProcessor"] for state in states if "ItemProcessor" in state]
    inner += [branch for state in states for branch in state.get("Branches", ())]
    return set(machine["States"]).union(*map(_states, inner))


@pytest.mark.parametrize(("path", "drawn"), tuple(pictures()), ids=lambda value: getattr(value, "name", ""))
def test_the_pictures_are_current_and_are_shown(path: Path, drawn: str) -> None:
    assert path.read_text() == drawn
    assert f"]({path.name})" in PAGE


def test_the_picture_names_every_state() -> None:
    _, drawn = next(iter(pictures()))
    missing = [name for name in rollout_machine(FUNCTIONS)["States"] if f">{name}</text>" not in drawn]
    assert missing == []


def test_the_schemas_are_those_of_the_handlers() -> None:
    printed = json.dumps(schemas.schemas(), indent=2, ensure_ascii=False) + "\n"
    assert (DOCS / "step-functions.schema.json").read_text() == printed
    assert schemas.tables() in PAGE


def _references(part: Any, root: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield each reference with the schema that it refers to: an embedded schema has its own `$id`."""
    if isinstance(part, list):
        for item in part:
            yield from _references(item, root)
    if isinstance(part, dict):
        root = part if "$id" in part else root
        if isinstance(part.get("$ref"), str):
            yield root, part["$ref"]
        for item in part.values():
            yield from _references(item, root)


def _resolves(root: dict[str, Any], reference: str) -> bool:
    part: Any = root
    for name in reference.removeprefix("#/").split("/"):
        part = part.get(name)
        if part is None:
            return False
    return True


def test_the_schemas_are_valid_and_every_reference_resolves() -> None:
    generated = schemas.schemas()
    jsonschema.Draft202012Validator.check_schema(generated)
    references = list(_references(generated, generated))
    assert [reference for root, reference in references if not _resolves(root, reference)] == []
    assert len(references) > 100


def test_the_schema_accepts_the_same_events_as_a_handler() -> None:
    generated = schemas.schemas()
    event = jsonschema.Draft202012Validator({**generated, "$ref": "#/$defs/control.event"})
    assert event.is_valid({"rollout_id": "web-7", "action": "approve"})
    assert not event.is_valid({"rollout_id": "web-7", "action": "approve", "now": True})
    assert not event.is_valid({"rollout_id": "web-7", "action": "stop"})
    assert not event.is_valid({"action": "approve"})


def test_an_answer_is_never_interrupted() -> None:
    answer = schemas.schemas()["$defs"]["StepOutcome"]
    assert answer["enum"] == ["paused", "rolled_back", "running", "stopped", "succeeded"]


def test_every_error_is_in_the_table_with_its_meaning() -> None:
    described = {row[0].strip("`"): row[1] for row in _rows(_section("Errors"))}
    assert described == {kind.__name__: kind.__doc__ for kind in named.HandlerError.__subclasses__()}


def test_the_table_names_the_errors_that_are_retried() -> None:
    described = {row[0].strip("`") for row in _rows(_section("Errors")) if row[2] == "tries again"}
    known = {kind.__name__ for kind in named.HandlerError.__subclasses__()}
    (retried,) = (set(rule["ErrorEquals"]) for rule in RETRY if rule["MaxAttempts"] == 20)
    assert described == retried & known


@pytest.mark.parametrize("title", ["The machine", "When it ends otherwise"])
def test_every_state_in_the_tables_exists(title: str) -> None:
    named_states = [name for row in _rows(_section(title)) for name in re.findall(r"`([^`]+)`", row[0])]
    assert set(named_states) <= _states(rollout_machine(FUNCTIONS))
    assert len(named_states) > 4


def test_every_state_that_the_text_names_exists() -> None:
    known = _states(rollout_machine(FUNCTIONS)) | _states(fleets_machine(FUNCTIONS))
    named_states = set(re.findall(r"`([A-Z][a-z]+(?: [a-z]+)+\??)`", PAGE))
    assert named_states <= known
    assert {"Plan waves", "Wait for another driver", "What now?"} <= named_states


def test_the_costs_are_those_that_the_command_prints() -> None:
    rows = costs.kept()
    assert costs.table(rows, costs.Prices()) in PAGE
    assert {(row.strategy, row.servers) for row in rows} == {
        (name, many) for name in costs.STRATEGIES for many in (20, 200)
    }
    assert all(row.transitions == costs.transitions(row.steps) for row in rows)


def test_the_number_of_fleets_that_a_machine_takes_is_the_calculated_one() -> None:
    limit = f"{costs.most_fleets(1000)} fleets in one wave, {costs.most_fleets(10)} in waves of ten"
    assert limit in " ".join(PAGE.split())


def test_the_costs_use_the_memory_of_the_functions() -> None:
    source = (DOCS.parent / "cdk" / "awsroll_cdk" / "functions.py").read_text()
    assert f"_MEGABYTES = {costs.Prices().gigabytes * 1024:.0f}" in source


def test_the_commands_and_their_options_exist() -> None:
    known = {name: command.load() for name, command in COMMANDS.items()}
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("awsroll ")]
    for line in lines:
        words = shlex.split(line)
        options = {form for option in known[words[1]].params for form in option.opts}
        assert {word for word in words if word.startswith("--")} <= options, line
    assert len(lines) > 4


def test_the_example_input_is_valid_for_the_first_handler() -> None:
    example = json.loads(re.search(r"--input '(\{.*\})'", PAGE)[1])  # type: ignore[index]
    event = jsonschema.Draft202012Validator({**schemas.schemas(), "$ref": "#/$defs/prepare.event"})
    assert event.is_valid(example)


def test_each_linked_file_exists() -> None:
    linked = set(re.findall(r"\]\(([\w.-]+)\)", PAGE))
    assert [name for name in linked if not (DOCS / name).exists()] == []
