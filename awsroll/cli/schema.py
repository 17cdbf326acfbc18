"""`awsroll schema`: JSON Schema of the rollout file."""

import json
from typing import Any

from awsroll.cli.everywhere import EVERYWHERE_GROUP, Everywhere
from awsroll.cli.flags import Flag, takes
from awsroll.cli.options import SPEC_FLAGS
from awsroll.cli.output import Output
from awsroll.core.hooks import HookSpec
from awsroll.core.spec import RolloutSpec

_DIALECT = "https://json-schema.org/draft/2020-12/schema"

_HOOKS = "What is run at fixed points of the rollout: a command, a Lambda function or a script on the server."


@takes(EVERYWHERE_GROUP)
def schema(everywhere: Everywhere) -> int:
    """Print the JSON Schema of the file that -f takes."""
    Output().result(json.dumps(file_schema(), indent=None if everywhere.json else 2))
    return 0


def file_schema() -> dict[str, Any]:
    """Return the JSON Schema of a rollout file: the fields of `RolloutSpec`, named with dashes."""
    import msgspec  # noqa: PLC0415 - keeps `--help` fast

    _, components = msgspec.json.schema_components([RolloutSpec], ref_template="#/$defs/{name}")
    fields = components.pop(RolloutSpec.__name__)["properties"]
    components[HookSpec.__name__]["additionalProperties"] = False
    return {
        "$schema": _DIALECT,
        "title": "awsroll rollout file",
        "type": "object",
        "properties": {
            **{flag.name: _property(flag, fields[flag.field]) for flag in SPEC_FLAGS},
            "hooks": {"description": _HOOKS, **fields["hooks"]},
        },
        "additionalProperties": False,
        "$defs": components,
    }


def _property(flag: Flag, field: dict[str, Any]) -> dict[str, Any]:
    described = {"description": flag.help, **field}
    if field.get("type") != "array":
        return described
    # One of a list may be given alone, as on the command line.
    kinds = [{"type": "array", "items": field["items"]}, field["items"]]
    return {"description": flag.help, "anyOf": kinds, "default": field["default"]}
