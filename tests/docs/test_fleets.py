"""docs/fleets.md: its example is a valid file, and its keys and names exist."""

import json
import re
from pathlib import Path

import jsonschema
import msgspec

import awsroll
from awsroll.cli.schema import fleets_schema
from awsroll.core.request.waves import FleetEnding
from awsroll.files.rollout_file import plain_fleets, to_fleets

PAGE = (Path(__file__).parent.parent.parent / "docs" / "fleets.md").read_text()


def _fenced(language: str) -> str:
    block = re.search(rf"^```{language}\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    assert block
    return block[1]


def test_the_example_is_valid_and_resolves_as_shown() -> None:
    values = msgspec.yaml.decode(_fenced("yaml"))
    jsonschema.Draft202012Validator(fleets_schema()).validate(values)

    (wave,) = json.loads(_fenced("json"))["waves"]
    resolved = {other["name"]: other for other in plain_fleets(to_fleets(values))["waves"]}[wave["name"]]

    assert {**resolved, "fleets": [fleet for fleet in resolved["fleets"] if fleet["role"]]} == wave


def test_each_name_in_the_python_example_exists() -> None:
    block = _fenced("python")

    compile(block, "fleets.md", "exec")
    assert [name for name in re.findall(r"awsroll\.([A-Za-z_]+)\(", block) if not hasattr(awsroll, name)] == []


def test_every_ending_of_a_fleet_is_documented() -> None:
    assert [ending for ending in FleetEnding if f"`{ending}`" not in PAGE] == []
