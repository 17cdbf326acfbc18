"""Options as data: a field of a request cannot be added without its option, its file key, its schema and its help.

The command line, the rollout file and the JSON Schema must know every field of `RolloutSpec`, `FleetSpec`, `WaveSpec`,
`HookSpec` and `CommonOptions`. docs/options.md is checked in tests/docs.
"""

import json
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from awsroll.cli.command_group import CommandGroup
from awsroll.cli.command_table import COMMANDS
from awsroll.cli.common_options import COMMON_FLAGS, COMMON_GROUP, CommonOptions
from awsroll.cli.flags import takes
from awsroll.cli.main import run
from awsroll.cli.read_request import PACE, REQUEST_GROUP, build_request
from awsroll.cli.spec_flags import SPEC_FLAGS
from awsroll.core.model.composed_values import Many, Parameters
from awsroll.core.model.hooks import HookSpec
from awsroll.core.model.options import FLEET, VERSION, options_of
from awsroll.core.model.period import Period
from awsroll.core.model.values import Choice, Count, Kind, Seconds, SecretText, Share, Switch, Text
from awsroll.core.request.file_schema import fleets_schema, rollout_schema
from awsroll.core.request.spec import RolloutSpec
from awsroll.core.request.waves import FleetSpec, FleetsSpec, WaveSpec
from awsroll.files.rollout_file import to_fleets

FLAGS = {flag.field: flag for flag in SPEC_FLAGS}
FIELDS: dict[str, Field[Any]] = {field.name: field for field in fields(RolloutSpec)}
HINTS = get_type_hints(RolloutSpec)
KINDS = {option.field: option.kind for option in options_of(RolloutSpec)}
TIMES = [name for name, flag in FLAGS.items() if flag.metavar == "TIME"]
EXAMPLES: dict[type[Any], tuple[str, Any]] = {
    Switch: ("", True),
    Count: ("7", 7),
    Seconds: ("4m", 240),
    Share: ("7%", "7%"),
    Text: ("7", "7"),
    SecretText: ("eventbridge:main", "eventbridge:main"),
    Parameters: ("K=V", {"K": ["V"]}),
}
"""For each kind of value: a value on the command line, and the same value in a request."""


def _default(field: "Field[Any]") -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def _example(kind: Kind, default: Any) -> tuple[str, Any]:
    if kind is KINDS["drain_probe"]:
        return "connections", "connections"
    if kind is KINDS["judge_alpha"]:
        return "7%", "7%"
    if isinstance(kind, Many):
        text, value = _example(kind.item, None)
        return text, (value,)
    if isinstance(kind, Choice):
        other = next(choice for choice in kind.choices if choice != default)
        return str(other), other
    return EXAMPLES[type(kind)]


def _parsed(arguments: list[str]) -> RolloutSpec:
    """Return the request that the command line parses."""
    requests = []

    @takes(REQUEST_GROUP)
    def command(request: RolloutSpec) -> int:
        requests.append(request)
        return 0

    command.main(arguments, standalone_mode=False)
    return requests[0]


@pytest.mark.parametrize("name", FLAGS)
def test_an_option_and_a_file_key_set_the_field(name: str, tmp_path: Path) -> None:
    flag = FLAGS[name]
    text, value = _example(KINDS[name], _default(FIELDS[name]))
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
        assert flag.metavar == "TIME"
    if "float" in kinds or "int" in kinds:
        unit = "second" if flag.metavar == "TIME" else "number of "
        assert flag.metavar in ("TIME", "N", "N|N%")
        assert unit in flag.help.lower()
    if flag.section not in (FLEET, VERSION):
        assert "(default" in flag.help
    if isinstance(default, str | int | float) and not isinstance(default, bool) and default != "":
        assert f"(default: {default if isinstance(default, str) else f'{default:g}'}" in flag.help


@pytest.mark.parametrize("schema", [rollout_schema(), fleets_schema()], ids=["file", "fleets"])
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
    properties = rollout_schema()["properties"]

    for option in options_of(RolloutSpec):
        key = properties[option.name]
        assert key["description"] == option.help
        assert json.dumps(key.get("default")) == json.dumps(option.default)


def test_the_schema_has_every_field_of_hooks_waves_and_fleets() -> None:
    schema = fleets_schema()
    keys = {kind: set(described.get("properties", ())) for kind, described in schema["$defs"].items()}

    assert keys["HookSpec"] == {field.name for field in fields(HookSpec)}
    assert keys["Period"] >= {field.name for field in fields(Period)}
    assert keys["wave"] >= {field.name for field in fields(WaveSpec)}
    assert keys["fleet"] >= {field.name for field in fields(FleetSpec)} - {"request"} | set(FIELDS)
    assert keys["defaults"] == keys["fleet"] - {"name"}
    assert set(schema["properties"]) == {"defaults", *(field.name for field in fields(FleetsSpec))}


def test_a_file_of_many_fleets_sets_every_field() -> None:
    role = "arn:aws:iam::111122223333:role/deploy"
    kept = {"image_parameter": "/images/web", "max_age_days": 30}
    place = {"name": "one", "region": "eu-west-1", "role": role, "external_id": "shared", **kept}
    watching = {"bake_time": 60, "alarm": ["errors"], "on_failure": "rollback-all", "judge": "1%"}
    wave = {"name": "canary", "concurrency": 1, "tolerated_failures": 1, **watching}
    counting = {"point": "while_judging", "function": "count"}
    hook = HookSpec(**counting)
    fleet = FleetSpec(request=RolloutSpec(asg="web", hooks=(hook,)), **place)

    assert set(place) == {field.name for field in fields(FleetSpec)} - {"request"}
    assert set(wave) == {field.name for field in fields(WaveSpec)} - {"fleets"}
    assert to_fleets({"waves": [{**wave, "fleets": [{**place, "asg": "web", "hooks": [counting]}]}]}) == FleetsSpec(
        waves=(WaveSpec(fleets=(fleet,), **wave),)
    )


def test_every_common_option_is_a_field() -> None:
    assert [flag.field for flag in COMMON_FLAGS] == [field.name for field in fields(CommonOptions)]


def test_the_times_that_may_change_in_the_middle_are_options() -> None:
    assert set(PACE) <= set(TIMES)


def test_every_option_and_argument_of_every_command_is_described() -> None:
    commands = {name: command.load() for name, command in COMMANDS.items() if name != "state"}
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

    assert command.callback is not None
    assert command.callback(**{**given, "quiet": True}) == 3


def test_a_command_without_a_parameter_for_its_options_is_refused() -> None:
    def command(other: CommonOptions) -> int:
        return 0

    with pytest.raises(TypeError, match="command has no parameter common"):
        takes(COMMON_GROUP)(command)


def test_a_command_without_an_option_for_its_parameter_is_refused() -> None:
    def command(common: CommonOptions, *, other: str) -> int:
        return 0

    with pytest.raises(TypeError, match="command has no option for other"):
        takes(COMMON_GROUP)(command)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_each_command_says(name: str) -> None:
    command = COMMANDS[name].load()

    assert (command.help or "").split("\n\n")[0].replace("\n", " ") == COMMANDS[name].help
    if isinstance(command, CommandGroup):
        for each in command.lazy.values():
            assert (each.load().help or "").split("\n\n")[0].replace("\n", " ") == each.help


@pytest.mark.parametrize(
    ("command", "shown", "hidden"),
    [
        ("roll", {"--state", "--region", "--json", "--yes"}, set()),
        ("plan", {"--state", "--region", "--json"}, {"--yes"}),
        ("schema", {"--json"}, {"--yes", "--state", "--region", "--quiet"}),
        ("sandbox", {"--json", "--quiet"}, {"--yes", "--state", "--region"}),
    ],
)
def test_the_help_shows_the_common_options_that_act_and_every_command_takes_all(
    command: str, shown: set[str], hidden: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([command, "--help"]) == 0
    words = set(capsys.readouterr().out.split())
    assert shown <= words
    assert not hidden & words
    assert run([command, "--yes", "--quiet", "--state", "records", "--region", "eu-west-1", "--help"]) == 0
