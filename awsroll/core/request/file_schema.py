"""The JSON Schemas of a rollout file and of a file of many fleets, made from the options of their classes.

The schemas accept what the parser accepts, key by key. They cannot express the bounds of a duration that is written as
text, nor the rules between options, which `RolloutSpec.problems` checks.
"""

from collections.abc import Iterable
from typing import Any

from awsroll.core.model.hooks import HookSpec
from awsroll.core.model.keys import spellings
from awsroll.core.model.options import Option, options_of
from awsroll.core.model.period import Period
from awsroll.core.request.spec import RolloutSpec
from awsroll.core.request.waves import FleetSpec, FleetsSpec, WaveSpec
from awsroll.core.request.waves_file import PLACES

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
PLACE = "https://raw.githubusercontent.com/awsroll/awsroll/main/docs/"
ROLLOUT_FILE = "rollout-file.schema.json"
FLEETS_FILE = "fleets-file.schema.json"

_EMPTY: list[Any] = [None, "", []]


def rollout_schema() -> Schema:
    """Return the JSON Schema of a rollout file. It must name a fleet, unless the command line does."""
    return {
        **_heading(ROLLOUT_FILE, "awsroll rollout file"),
        "description": "The request to roll one fleet to a new version. Keys may have dashes or underscores.",
        **_mapping(options_of(RolloutSpec), at="#"),
        "anyOf": [_gives(name) for name in (*spellings("asg"), *spellings("target_group"))],
        "$defs": {"HookSpec": _hook_schema(), "Period": _period_schema()},
    }


def fleets_schema() -> Schema:
    """Return the JSON Schema of a file of many fleets."""
    places = [option for option in options_of(FleetSpec) if option.field in PLACES]
    names = [option for option in options_of(FleetSpec) if option.field == "name"]
    options = (*options_of(RolloutSpec), *places)
    described: Schema = {"description": "Options of every fleet. A fleet's own value overrides them."}
    fleet = {"description": "One fleet.", **_mapping((*names, *options), at="#/$defs/fleet")}
    defaults = described | _mapping(options, at="#/$defs/defaults")
    defaults["properties"] = {name: {"$ref": f"#/$defs/fleet/properties/{name}"} for name in defaults["properties"]}
    return {
        **_heading(FLEETS_FILE, "awsroll fleets file"),
        "description": "The request to roll many fleets in waves. Keys may have dashes or underscores.",
        "type": "object",
        "properties": {
            "defaults": {**described, "anyOf": [{"$ref": "#/$defs/defaults"}, _NULL]},
            **{option.field: _list_of("wave", option.help) for option in options_of(FleetsSpec)},
        },
        "required": ["waves"],
        "additionalProperties": False,
        "$defs": {
            "HookSpec": _hook_schema(),
            "Period": _period_schema(),
            "defaults": defaults,
            "wave": _wave_schema(),
            "fleet": fleet,
        },
    }


_NULL: Schema = {"type": "null"}


def _heading(file: str, title: str) -> Schema:
    return {"$schema": DIALECT, "$id": f"{PLACE}{file}", "title": title}


def _hook_schema() -> Schema:
    hook = _mapping(options_of(HookSpec), at="#/$defs/HookSpec")
    return {"description": _first_line(HookSpec), **hook, "required": ["point"]}


def _period_schema() -> Schema:
    return {"description": _first_line(Period), **_mapping(options_of(Period), at="#/$defs/Period")}


def _wave_schema() -> Schema:
    options = [option for option in options_of(WaveSpec) if option.field != "fleets"]
    (fleets,) = (option for option in options_of(WaveSpec) if option.field == "fleets")
    wave = _mapping(options, at="#/$defs/wave")
    wave["properties"]["defaults"] = {
        "description": "Options of every fleet of the wave. They override those of the file.",
        "anyOf": [{"$ref": "#/$defs/defaults"}, _NULL],
    }
    wave["properties"][fleets.field] = _list_of("fleet", fleets.help)
    return {"description": "Fleets that are rolled at the same time.", **wave, "required": ["fleets"]}


def _mapping(options: Iterable[Option], *, at: str) -> Schema:
    """Return the schema of a mapping with a key for each option, in either spelling but not in both.

    Args:
        options: the options.
        at: where the schema will be, such as `#/$defs/wave`.
    """
    options = tuple(options)
    properties: Schema = {}
    doubled = []
    for option in options:
        properties[option.name] = _property(option)
        if option.field != option.name:
            properties[option.field] = {"$ref": f"{at}/properties/{option.name}"}
            doubled.append({"not": {"required": [option.name, option.field]}})
    both = {"allOf": doubled} if doubled else {}
    return {"type": "object", "properties": properties, "additionalProperties": False, **both}


def _property(option: Option) -> Schema:
    """Return the schema of a value. `null` leaves an option at its default, or removes a value of `defaults`."""
    described: Schema = {"title": option.name, "description": option.help}
    value = option.kind.schema()
    if option.is_required and option.field != "name":
        return described | value
    alternatives = value["anyOf"] if set(value) == {"anyOf"} else [value]
    default = {} if option.default is None else {"default": _plain(option.default)}
    return {**described, "anyOf": [*alternatives, _NULL], **default}


def _plain(default: Any) -> Any:
    return list(default) if isinstance(default, tuple) else default


def _gives(name: str) -> Schema:
    return {"required": [name], "properties": {name: {"not": {"enum": _EMPTY}}}}


def _list_of(item: str, description: str) -> Schema:
    return {"description": description, "type": "array", "minItems": 1, "items": {"$ref": f"#/$defs/{item}"}}


def _first_line(kind: type) -> str:
    return (kind.__doc__ or "").partition("\n")[0]
