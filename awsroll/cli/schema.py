"""`awsroll schema`: the JSON Schema of a rollout file, and of a file of many fleets."""

from typing import Annotated, Any

import typer

from awsroll.cli.common_options import COMMON_GROUP, CommonOptions
from awsroll.cli.flags import Flag, takes
from awsroll.cli.output import Output
from awsroll.cli.rollout_options import SPEC_FLAGS
from awsroll.core.model.hooks import HookSpec
from awsroll.core.request.spec import RolloutSpec

_DIALECT = "https://json-schema.org/draft/2020-12/schema"

_HOOKS = "Hooks to run at fixed points of the rollout: commands, Lambda functions or scripts on the servers."
_ONE_HOOK = "One hook: its point, and exactly one of command, function and script. See docs/hooks.md."
_HOOK_FIELDS = {
    "point": "Point of the rollout at which the hook runs.",
    "command": "Program and arguments to run next to awsroll, without a shell.",
    "function": "Name or ARN of a Lambda function to invoke with the event as JSON.",
    "script": "Shell lines to run on the server by SSM.",
    "timeout": "Maximum duration in seconds; a longer run is a failure (default: 300 seconds).",
    "name": "Name of the hook in events and failures (default: the point).",
}
_TEXT = {"type": "string"}
_WAVES = "Waves, which are rolled one after the other."
_FLEETS = "Fleets of the wave, each with the options of a rollout file."
_WAVE_NAME = "Name of the wave (default: its number, from 1)."
_FLEET_NAME = "Unique name of the fleet (default: its group or target groups, followed by @REGION if it has a region)."
_PLACES = {
    "region": {"description": "AWS region of the fleet (default: the region of the session).", "type": "string"},
    "role": {
        "description": "ARN of the IAM role to assume (default: the credentials of the session).",
        "type": "string",
    },
    "external-id": {
        "description": "External id that the trust policy of the role requires (default: none).",
        "type": "string",
    },
}
_WAVE_LIMITS = {
    "concurrency": {
        "description": "Number or percentage of fleets to roll at a time; rounded down, at least 1 (default: all).",
        "type": ["integer", "string"],
    },
    "tolerated-failures": {
        "description": "Number or percentage of fleets that may fail in a wave; rounded down (default: 0).",
        "type": ["integer", "string"],
        "default": 0,
    },
}


@takes(COMMON_GROUP)
def schema(
    common: CommonOptions,
    *,
    fleets: Annotated[bool, typer.Option("--fleets", help="Print the schema of a file of many fleets.")] = False,
) -> int:
    """Print the JSON Schema of a rollout file."""
    printed = fleets_schema() if fleets else file_schema()
    Output(json=common.json).document(printed)
    return 0


def file_schema() -> dict[str, Any]:
    """Return the JSON Schema of a rollout file: one key for each field of `RolloutSpec`, with dashes."""
    properties, components = _options()
    return {
        "$schema": _DIALECT,
        "title": "awsroll rollout file",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "$defs": components,
    }


def fleets_schema() -> dict[str, Any]:
    """Return the JSON Schema of a file of many fleets; keys may have dashes or underscores."""
    options, components = _options()
    fleet = {name: _or_null(schema) for name, schema in (options | _PLACES).items()}
    wave = {"name": _TEXT | {"description": _WAVE_NAME}, **_WAVE_LIMITS, "fleets": _list_of("fleet", _FLEETS)}
    return {
        "$schema": _DIALECT,
        "title": "awsroll fleets file",
        "type": "object",
        "properties": {"defaults": {"$ref": "#/$defs/defaults"}, "waves": _list_of("wave", _WAVES)},
        "required": ["waves"],
        "additionalProperties": False,
        "$defs": {
            **components,
            "defaults": _mapping("Options of every fleet. A fleet's own value overrides them.", fleet),
            "wave": _mapping("Fleets that are rolled at the same time.", wave) | {"required": ["fleets"]},
            "fleet": _mapping("One fleet.", {"name": _TEXT | {"description": _FLEET_NAME}, **fleet}),
        },
    }


def _options() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the schemas of the options by their names with dashes, and the schemas that they refer to."""
    import msgspec  # noqa: PLC0415 - keeps `--help` fast

    _, components = msgspec.json.schema_components([RolloutSpec], ref_template="#/$defs/{name}")
    fields = components.pop(RolloutSpec.__name__)["properties"]
    hook = components[HookSpec.__name__]
    hook["properties"] = {
        name: {"description": _HOOK_FIELDS[name], **schema} for name, schema in hook["properties"].items()
    }
    hook["description"] = _ONE_HOOK
    hook["additionalProperties"] = False
    properties = {flag.name: _property(flag, fields[flag.field]) for flag in SPEC_FLAGS}
    return properties | {"hooks": {"description": _HOOKS, **fields["hooks"]}}, components


def _mapping(description: str, properties: dict[str, Any]) -> dict[str, Any]:
    spellings = {spelling: schema for name, schema in properties.items() for spelling in (name, name.replace("-", "_"))}
    return {"description": description, "type": "object", "properties": spellings, "additionalProperties": False}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Allow `null`, which removes a value of `defaults`."""
    description = {"description": schema["description"]}
    return description | {"anyOf": [{key: schema[key] for key in schema if key != "description"}, {"type": "null"}]}


def _list_of(item: str, description: str) -> dict[str, Any]:
    return {"description": description, "type": "array", "minItems": 1, "items": {"$ref": f"#/$defs/{item}"}}


def _property(flag: Flag, field: dict[str, Any]) -> dict[str, Any]:
    described = {"description": flag.help, **field}
    if field.get("type") != "array":
        return described
    # A single value may be given without a list, as on the command line.
    kinds = [{"type": "array", "items": field["items"]}, field["items"]]
    return {"description": flag.help, "anyOf": kinds, "default": field["default"]}
