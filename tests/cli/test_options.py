"""Options as data: a field of a request cannot be added without its option, its file key, its schema and its help.

The command line, the rollout file and the JSON Schema must know every field of `RolloutSpec`, `FleetSpec`, `WaveSpec`,
`HookSpec` and `CommonOptions`. docs/options.md is checked in tests/docs.
"""

import json
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import typer
from typer.main import get_command

from awsroll.cli.common_options import COMMON_FLAGS, COMMON_GROUP, CommonOptions
from awsroll.cli.flags import LIMITS, Flag, takes
from awsroll.cli.main import app
from awsroll.cli.read_request import PACE, REQUEST_GROUP, build_request
from awsroll.cli.rollout_options import SPEC_FLAGS
from awsroll.cli.schema import file_schema, fleets_schema
from awsroll.core.model.hooks import HookSpec
from awsroll.core.model.rollout import OnFailure, SkipPolicy, Strategy
from awsroll.core.request.spec import RolloutSpec
from awsroll.core.request.waves import FleetSpec, FleetsSpec, WaveSpec
from awsroll.files.rollout_file import to_fleets

FLAGS = {flag.field: flag for flag in SPEC_FLAGS}
FIELDS: dict[str, Field[Any]] = {field.name: field for field in fields(RolloutSpec)}
HINTS = get_type_hints(RolloutSpec)
TIMES = [name for name, flag in FLAGS.items() if flag.metavar == "SECONDS"]
EXAMPLES: dict[Any, tuple[str, Any]] = {
    bool: ("", True),
    int: ("7", 7),
    float: ("7.5", 7.5),
    str: ("7", "7"),
    list[str]: ("7", ("7",)),
    Strategy: ("double-half", Strategy.DOUBLE_HALF),
    OnFailure: ("pause", OnFailure.PAUSE),
    SkipPolicy: ("ignore", SkipPolicy.IGNORE),
}
"""For each type of an option: a value on the command line, and the same value in a request."""


def _default(field: "Field[Any]") -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def _example(flag: Flag) -> tuple[str, Any]:
    return ("K=V", {"K": ["V"]}) if flag.field == "parameter" else EXAMPLES[flag.type]


def _parsed(arguments: list[str]) -> RolloutSpec:
    """Return the request that the command line parses."""
    requests = []

    @takes(REQUEST_GROUP)
    def command(request: RolloutSpec) -> int:
        requests.append(request)
        return 0

    program = typer.Typer()
    program.command()(command)
    get_command(program).main(arguments, standalone_mode=False)
    return requests[0]


@pytest.mark.parametrize("name", FLAGS)
def test_an_option_and_a_file_key_set_the_field(name: str, tmp_path: Path) -> None:
    flag = FLAGS[name]
    text, value = _example(flag)
    path = tmp_path / "rollout.json"
    path.write_text(json.dumps({flag.name: value}))

    parsed = _parsed([f"--{flag.name}", *([text] if text else [])])

    assert getattr(parsed, name) == value != _default(FIELDS[name])
    assert build_request(file=str(path)) == parsed == RolloutSpec(**{name: value})


@pytest.mark.parametrize("name", FLAGS)
def test_the_help_is_a_sentence_with_unit_and_default(name: str) -> None:
    flag, default = FLAGS[name], _default(FIELDS[name])
    kinds = str(HINTS[name])

    assert flag.help.endswith(".")
    if "float" in kinds:
        assert flag.metavar == "SECONDS"
    if "float" in kinds or "int" in kinds:
        unit = "second" if flag.metavar == "SECONDS" else "number of "
        assert flag.metavar in ("SECONDS", "N", "N|N%")
        assert unit in flag.help.lower()
    if flag.section == LIMITS:
        assert "(default" in flag.help
    if isinstance(default, str | int | float) and not isinstance(default, bool) and default != "":
        assert f"(default: {default if isinstance(default, str) else f'{default:g}'}" in flag.help


@pytest.mark.parametrize("name", TIMES)
@pytest.mark.parametrize("seconds", [-1, -0.5], ids=str)
def test_a_negative_time_is_refused(name: str, seconds: float) -> None:
    problems = RolloutSpec(asg="web", **{name: seconds}).problems()

    assert any(problem.startswith((f"--{FLAGS[name].name} ", f"--{FLAGS[name].name}: ")) for problem in problems), (
        problems
    )


@pytest.mark.parametrize("schema", [file_schema(), fleets_schema()], ids=["file", "fleets"])
def test_every_key_of_a_file_has_a_description(schema: dict[str, Any]) -> None:
    objects = {"file": schema, **schema["$defs"]}
    bare = [
        f"{kind}.{name}"
        for kind, described in objects.items()
        for name, key in described.get("properties", {}).items()
        if not key.get("description") and "$ref" not in key
    ]

    assert bare == []


def test_the_schema_has_the_default_and_the_help_of_every_field() -> None:
    properties = file_schema()["properties"]
    defaults = {name.replace("_", "-"): _default(field) for name, field in FIELDS.items()}

    assert {name: json.dumps(key.get("default", {})) for name, key in properties.items()} == {
        name: json.dumps(default) for name, default in defaults.items()
    }
    for name, flag in FLAGS.items():
        assert properties[name.replace("_", "-")]["description"] == flag.help


def test_the_schema_has_every_field_of_hooks_waves_and_fleets() -> None:
    schema = fleets_schema()
    keys = {kind: set(described.get("properties", ())) for kind, described in schema["$defs"].items()}

    assert keys["HookSpec"] == {field.name for field in fields(HookSpec)}
    assert keys["wave"] >= {field.name for field in fields(WaveSpec)}
    assert keys["fleet"] >= {field.name for field in fields(FleetSpec)} - {"request"} | set(FIELDS)
    assert keys["defaults"] == keys["fleet"] - {"name"}
    assert set(schema["properties"]) == {"defaults", *(field.name for field in fields(FleetsSpec))}


def test_a_file_of_many_fleets_sets_every_field() -> None:
    role = "arn:aws:iam::111122223333:role/deploy"
    place = {"name": "one", "region": "eu-west-1", "role": role, "external_id": "shared"}
    wave = {"name": "canary", "concurrency": 1, "tolerated_failures": 1}
    fleet = FleetSpec(request=RolloutSpec(asg="web"), **place)

    assert set(place) == {field.name for field in fields(FleetSpec)} - {"request"}
    assert set(wave) == {field.name for field in fields(WaveSpec)} - {"fleets"}
    assert to_fleets({"waves": [{**wave, "fleets": [{**place, "asg": "web"}]}]}) == FleetsSpec(
        waves=(WaveSpec(fleets=(fleet,), **wave),)
    )


def test_every_common_option_is_a_field() -> None:
    assert [flag.field for flag in COMMON_FLAGS] == [field.name for field in fields(CommonOptions)]


def test_the_times_that_may_change_in_the_middle_are_options() -> None:
    assert set(PACE) <= set(TIMES)


def test_every_option_and_argument_of_every_command_is_described() -> None:
    commands = {name: command for name, command in get_command(app).commands.items() if name != "state"}  # type: ignore[attr-defined]
    parameters = [(name, parameter) for name, command in commands.items() for parameter in command.params]
    bare = [f"{name} {parameter.name}" for name, parameter in parameters if not getattr(parameter, "help", "")]
    numbers = [
        f"{name} {parameter.name}: {parameter.help}"
        for name, parameter in parameters
        if parameter.metavar == "N" and "default" not in parameter.help and not parameter.show_default
    ]

    assert bare == []
    assert numbers == []
    assert [name for name, command in commands.items() if not (command.help or "").split("\n")[0].endswith(".")] == []


def test_a_command_receives_the_value_that_its_options_build() -> None:
    @takes(COMMON_GROUP)
    def command(common: CommonOptions) -> int:
        return 3 if common.quiet else 0

    given = dict.fromkeys((flag.field for flag in COMMON_GROUP.flags), None)

    assert command(**{**given, "quiet": True}) == 3


def test_a_command_without_a_parameter_for_its_options_is_refused() -> None:
    def command(other: CommonOptions) -> int:
        return 0

    with pytest.raises(TypeError, match="command has no parameter common"):
        takes(COMMON_GROUP)(command)
