"""`awsroll schema`: JSON Schema of the rollout file, and of the file of many fleets."""

import json
from typing import Annotated, Any

import typer

from awsroll.cli.common_options import COMMON_GROUP, CommonOptions
from awsroll.cli.flags import Flag, takes
from awsroll.cli.output import Output
from awsroll.cli.rollout_options import SPEC_FLAGS
from awsroll.core.model.hooks import HookSpec
from awsroll.core.request.spec import RolloutSpec

_DIALECT = "https://json-schema.org/draft/2020-12/schema"

_HOOKS = "What is run at fixed points of the rollout: a command, a Lambda function or a script on the server."
_TEXT = {"type": "string"}
_WAVE_NAME = "Names the wave; left out: its number, from 1."
_FLEET_NAME = "Names the fleet among all; left out: the group or target groups, with the region where one is given."
_PLACES = {
    "region": {"description": "AWS region; left out: the session's.", "type": "string"},
    "role": {
        "description": "ARN of the IAM role to assume; left out: the session's own credentials.",
        "type": "string",
    },
    "external-id": {"description": "What the role's trust policy asks for.", "type": "string"},
}
_WAVE_LIMITS = {
    "concurrency": {
        "description": "Fleets at a time, a count or a percentage (rounded down, 1 at the least); left out: all.",
        "type": ["integer", "string"],
    },
    "tolerated-failures": {
        "description": "Fleets that may fail, a count or a percentage (rounded down), before no further one is begun.",
        "type": ["integer", "string"],
        "default": 0,
    },
}


@takes(COMMON_GROUP)
def schema(
    common: CommonOptions,
    *,
    fleets: Annotated[bool, typer.Option("--fleets", help="The file of many fleets, in waves.")] = False,
) -> int:
    """Print the JSON Schema of the file that -f takes."""
    printed = fleets_schema() if fleets else file_schema()
    Output().result(json.dumps(printed, indent=None if common.json else 2))
    return 0


def file_schema() -> dict[str, Any]:
    """Return the JSON Schema of a rollout file: the fields of `RolloutSpec`, named with dashes."""
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
    """Return the JSON Schema of a file of many fleets. Names may have dashes or underscores."""
    options, components = _options()
    # `null` takes away what `defaults` says.
    fleet = {name: {"anyOf": [one, {"type": "null"}]} for name, one in (options | _PLACES).items()}
    wave = {"name": _TEXT | {"description": _WAVE_NAME}, **_WAVE_LIMITS, "fleets": _some("fleet")}
    return {
        "$schema": _DIALECT,
        "title": "awsroll fleets file",
        "type": "object",
        "properties": {"defaults": {"$ref": "#/$defs/defaults"}, "waves": _some("wave")},
        "required": ["waves"],
        "additionalProperties": False,
        "$defs": {
            **components,
            "defaults": _mapping("Options of every fleet; what a fleet says itself wins.", fleet),
            "wave": _mapping("Fleets that are rolled side by side.", wave) | {"required": ["fleets"]},
            "fleet": _mapping("One fleet.", {"name": _TEXT | {"description": _FLEET_NAME}, **fleet}),
        },
    }


def _options() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options of a request, named with dashes, and what they refer to."""
    import msgspec  # noqa: PLC0415 - keeps `--help` fast

    _, components = msgspec.json.schema_components([RolloutSpec], ref_template="#/$defs/{name}")
    fields = components.pop(RolloutSpec.__name__)["properties"]
    components[HookSpec.__name__]["additionalProperties"] = False
    properties = {flag.name: _property(flag, fields[flag.field]) for flag in SPEC_FLAGS}
    return properties | {"hooks": {"description": _HOOKS, **fields["hooks"]}}, components


def _mapping(description: str, properties: dict[str, Any]) -> dict[str, Any]:
    spelt = {spelling: one for name, one in properties.items() for spelling in (name, name.replace("-", "_"))}
    return {"description": description, "type": "object", "properties": spelt, "additionalProperties": False}


def _some(what: str) -> dict[str, Any]:
    return {"type": "array", "minItems": 1, "items": {"$ref": f"#/$defs/{what}"}}


def _property(flag: Flag, field: dict[str, Any]) -> dict[str, Any]:
    described = {"description": flag.help, **field}
    if field.get("type") != "array":
        return described
    # One of a list may be given alone, as on the command line.
    kinds = [{"type": "array", "items": field["items"]}, field["items"]]
    return {"description": flag.help, "anyOf": kinds, "default": field["default"]}
