"""Reads rollout files and waves files: YAML, TOML or JSON to plain values, and plain values to a request.

Keys may have dashes or underscores. This module checks types; `RolloutSpec.problems` checks meaning. The command line
and the Lambda functions use it for every request.
"""

import math
from collections.abc import Callable, Mapping
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
_LISTS = {field for field in KNOWN if str(get_type_hints(RolloutSpec)[field]).startswith("tuple")}
_WAVES = "waves"
_DECODERS: dict[str, Callable[[bytes], Any]] = {".toml": msgspec.toml.decode, ".json": msgspec.json.decode}


def read(path: Path) -> dict[str, Any]:
    """Read a file by its suffix: `.toml`, `.json`, or else YAML. Keys are not changed.

    Raises:
        SpecError: if the file cannot be read, or does not hold a mapping.
    """
    try:
        decode = _DECODERS.get(path.suffix.lower(), msgspec.yaml.decode)
        values = decode(path.read_bytes())
    except OSError as error:
        problem = f"the file {path} cannot be read: {error.strerror}"
        raise SpecError(problem) from error
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        problem = f"the file {path} cannot be read: {_one_line(error)}"
        raise SpecError(problem) from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        problem = f"the file {path} must contain options with values, such as `asg: web`"
        raise SpecError(problem)
    return values


def has_waves(values: Mapping[str, Any]) -> bool:
    """Return whether the content of a file describes many fleets in waves."""
    return _WAVES in values


def options(values: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Return the options of a rollout file by the names of the fields of `RolloutSpec`.

    Raises:
        SpecError: if a key is not an option.
    """
    return named(values, KNOWN, where=f"the file {path}", listed_by="awsroll schema")


def load_fleets(path: Path | str) -> FleetsSpec:
    """Read a waves file.

    Raises:
        SpecError: if the file cannot be read; or with all problems of its content.
    """
    path = Path(path)
    values = read(path)
    if not has_waves(values):
        problem = f"the file {path} has no `{_WAVES}`: it describes one fleet. Use it with `awsroll roll -f {path}`"
        raise SpecError(problem)
    return to_fleets(values, where=f"{path}: ")


def to_fleets(values: Mapping[str, Any], *, over: Mapping[str, Any] | None = None, where: str = "") -> FleetsSpec:
    """Return the waves that plain values describe, each fleet with its complete request.

    Args:
        values: the content of a waves file.
        over: options that override the file, for every fleet.
        where: the prefix of each problem.

    Raises:
        SpecError: with all problems of the values.
    """
    try:
        spec = fleets_of(values, to_spec, over=over or {})
    except SpecError as error:
        raise SpecError(*(f"{where}{problem}" for problem in error.problems)) from error
    if problems := spec.problems():
        raise SpecError(*(f"{where}{problem}" for problem in problems))
    return spec


def plain_fleets(spec: FleetsSpec) -> dict[str, Any]:
    """Return resolved waves as plain JSON values, for a state machine to iterate over. See docs/fleets.md."""
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
    """Return a request as plain JSON values by the names of its fields, without default values."""
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(request))  # lists, as in JSON
    return {
        field.name: plain[field.name]
        for field in fields(RolloutSpec)
        if getattr(request, field.name) != _default(field)
    }


def _default(field: Any) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def to_spec(values: Mapping[str, Any], *, where: str = "") -> RolloutSpec:
    """Return the request for plain values by the names of the fields of `RolloutSpec`.

    Raises:
        SpecError: if a value has the wrong type.
    """
    shaped = {name: _shaped(name, value) for name, value in values.items() if value is not None}
    try:
        return msgspec.convert(shaped, RolloutSpec)
    except msgspec.ValidationError as error:
        problem = f"{where}{_type_problem(str(error))}"
        raise SpecError(problem) from error


def _shaped(name: str, value: Any) -> Any:
    if name in _LISTS and isinstance(value, str | int) and not isinstance(value, bool):
        return [value]
    if name in _SHAPES:
        return _SHAPES[name](value)
    if isinstance(value, float) and not math.isfinite(value):
        problem = f"--{name.replace('_', '-')}: {value} is not a number of seconds"
        raise SpecError(problem)
    return value


def _hooks(value: Any) -> Any:
    """Return the hooks; refuse unknown keys: msgspec would ignore a misspelt `timeout`."""
    known = [field.name for field in fields(HookSpec)]
    for hook in value if isinstance(value, list) else []:
        unknown = sorted(set(hook).difference(known)) if isinstance(hook, dict) else []
        if unknown:
            problem = f"hooks: unknown key {', '.join(map(str, unknown))}. The keys of a hook are {', '.join(known)}"
            raise SpecError(problem)
    return value


def _parameters(value: Any) -> dict[str, list[str]]:
    if isinstance(value, dict):
        return {
            str(name): [str(each) for each in (given if isinstance(given, list) else [given])]
            for name, given in value.items()
        }
    parameters: dict[str, list[str]] = {}
    for pair in value if isinstance(value, list) else [value]:
        name, equals, given = str(pair).partition("=")
        if not equals or not name:
            problem = f"--parameter {pair}: use the form NAME=VALUE"
            raise SpecError(problem)
        parameters.setdefault(name, []).append(given)
    return parameters


# The options that a file or the command line may give in another form than their field has.
_SHAPES: dict[str, Callable[[Any], Any]] = {"hooks": _hooks, "parameter": _parameters}


def _type_problem(error: str) -> str:
    """Return an error of msgspec, such as `Expected `int`, got `str` - at `$.poll``, with the name of the option."""
    what, _, path = error.partition(" - at `$.")
    name = path.rstrip("`").split("[")[0].replace("_", "-")
    plain = what.replace(" | null", "").replace("`", "")
    problem = f"{name}: {plain[:1].lower()}{plain[1:]}" if name else plain
    return f"{problem}. `awsroll schema` shows the type of each option"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
