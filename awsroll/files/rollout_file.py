"""A rollout file, or a file of many fleets: YAML, TOML or JSON to plain values, and plain values to a request.

Keys may be written with dashes or underscores. Types are checked here; meaning is for `RolloutSpec.problems`. The
command line, and whoever gets a request as JSON, come through here.
"""

import math
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, get_type_hints

import msgspec

from awsroll.core.model.hooks import HookSpec
from awsroll.core.request.keys import named
from awsroll.core.request.spec import RolloutSpec
from awsroll.core.request.waves import FleetSpec, FleetsSpec
from awsroll.core.request.waves_file import fleets_of
from awsroll.errors import SpecError

KNOWN = tuple(field.name for field in fields(RolloutSpec))
_LISTS = {one.name for one in fields(RolloutSpec) if str(get_type_hints(RolloutSpec)[one.name]).startswith("tuple")}
_MANY = "waves"


def read(path: Path) -> dict[str, Any]:
    """Read a file by its suffix: `.toml`, `.json`, else YAML (which JSON is a part of). Keys stay as written.

    Raises:
        SpecError: if it cannot be read, or is no mapping.
    """
    try:
        values = _decode(path.suffix.lower(), path.read_bytes())
    except OSError as error:
        problem = f"the file {path} cannot be read: {error.strerror}"
        raise SpecError(problem) from error
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        problem = f"the file {path} cannot be read: {_one_line(error)}"
        raise SpecError(problem) from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        problem = f"the file {path} must hold options and their values, such as `asg: web`"
        raise SpecError(problem)
    return values


def is_of_many(values: Mapping[str, Any]) -> bool:
    """Tell whether what a file holds is about many fleets, in waves."""
    return _MANY in values


def options(values: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Return the options of a rollout file under the names of `RolloutSpec`'s fields.

    Raises:
        SpecError: if it has keys that no option has.
    """
    return named(values, KNOWN, where=f"the file {path}", listed_by="awsroll schema")


def load_fleets(path: Path | str) -> FleetsSpec:
    """Read a file of many fleets.

    Raises:
        SpecError: if it cannot be read, or something in it cannot be right; everything that is wrong with it.
    """
    path = Path(path)
    values = read(path)
    if not is_of_many(values):
        problem = f"the file {path} has no `{_MANY}`: it is of one fleet, for `awsroll roll -f {path}`"
        raise SpecError(problem)
    return to_fleets(values, where=f"{path}: ")


def to_fleets(values: Mapping[str, Any], *, over: Mapping[str, Any] | None = None, where: str = "") -> FleetsSpec:
    """Return the waves that plain values describe, each fleet with its whole request: pure, whoever decoded them.

    Args:
        values: what a file of many fleets holds.
        over: options that win over the file, for every fleet.
        where: begins each complaint.

    Raises:
        SpecError: if something in it cannot be right; everything that is wrong with it.
    """
    try:
        spec = fleets_of(values, to_spec, over=over or {})
    except SpecError as error:
        raise SpecError(*(f"{where}{problem}" for problem in error.problems)) from error
    if problems := spec.problems():
        raise SpecError(*(f"{where}{problem}" for problem in problems))
    return spec


def plain_fleets(spec: FleetsSpec) -> dict[str, Any]:
    """Return resolved waves as plain JSON values: what a machine iterates over. See docs/fleets.md."""
    return {
        "waves": [
            {
                "name": wave.name,
                "concurrency": wave.at_once,
                "tolerated_failures": wave.may_fail,
                "fleets": [_plain_fleet(fleet, wave.name) for fleet in wave.fleets],
            }
            for wave in spec.waves
        ]
    }


def _plain_fleet(fleet: FleetSpec, wave: str) -> dict[str, Any]:
    return {
        "name": fleet.name,
        "wave": wave,
        "region": fleet.region,
        "role": fleet.role,
        "external_id": fleet.external_id,
        "request": plain_request(fleet.request),
    }


def plain_request(request: RolloutSpec) -> dict[str, Any]:
    """Return a request as plain JSON values under the names of its fields; what is as by default is left out."""
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(request))  # lists, as in JSON
    return {one.name: plain[one.name] for one in fields(RolloutSpec) if getattr(request, one.name) != _default(one)}


def _default(field: Any) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def to_spec(values: Mapping[str, Any], *, where: str = "") -> RolloutSpec:
    """Return a request of plain values, named as the fields of `RolloutSpec`.

    Raises:
        SpecError: if a value has the wrong type.
    """
    shaped = {name: _shaped(name, value) for name, value in values.items() if value is not None}
    try:
        return msgspec.convert(shaped, RolloutSpec)
    except msgspec.ValidationError as error:
        problem = f"{where}{_in_words(str(error))}"
        raise SpecError(problem) from error


def _decode(suffix: str, data: bytes) -> Any:
    if suffix == ".toml":
        return msgspec.toml.decode(data)
    if suffix == ".json":
        return msgspec.json.decode(data)
    return msgspec.yaml.decode(data)


def _shaped(name: str, value: Any) -> Any:
    if name in _LISTS and isinstance(value, str | int) and not isinstance(value, bool):
        return [value]
    if name == "hooks":
        return _hooks(value)
    if name == "parameter":
        return _parameters(value)
    if isinstance(value, float) and not math.isfinite(value):
        problem = f"--{name.replace('_', '-')}: {value} is not a number of seconds"
        raise SpecError(problem)
    return value


def _hooks(value: Any) -> Any:
    """Refuse keys that no hook has: a misspelt `timeout` would otherwise be passed over."""
    for one in value if isinstance(value, list) else []:
        unknown = sorted(set(one) - {each.name for each in fields(HookSpec)}) if isinstance(one, dict) else []
        if unknown:
            known = ", ".join(each.name for each in fields(HookSpec))
            problem = f"hooks: a hook has no {', '.join(map(str, unknown))}; it has {known}"
            raise SpecError(problem)
    return value


def _parameters(value: Any) -> dict[str, list[str]]:
    if isinstance(value, dict):
        return {
            str(key): [str(one) for one in (said if isinstance(said, list) else [said])] for key, said in value.items()
        }
    found: dict[str, list[str]] = {}
    for pair in value if isinstance(value, list) else [value]:
        key, equals, said = str(pair).partition("=")
        if not equals or not key:
            problem = f"--parameter {pair}: give it as NAME=VALUE"
            raise SpecError(problem)
        found.setdefault(key, []).append(said)
    return found


def _in_words(problem: str) -> str:
    """Turn `Expected `int`, got `str` - at `$.poll`` into words for people."""
    what, _, place = problem.partition(" - at `$.")
    name = place.rstrip("`").split("[")[0].replace("_", "-")
    plain = what.replace(" | null", "").replace("`", "")
    said = f"{name}: {plain[:1].lower()}{plain[1:]}" if name else plain
    return f"{said}; `awsroll schema` says what each option takes"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
