"""Reads rollout files and waves files: YAML, TOML or JSON to plain values, and plain values to a request.

Keys may have dashes or underscores. `RolloutSpec` checks the values. `plain_request` returns them as they were.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from awsroll.core.model.keys import named
from awsroll.core.model.options import options_of
from awsroll.core.request.spec import RolloutSpec
from awsroll.core.request.waves import FleetSpec, FleetsSpec, WaveSpec
from awsroll.core.request.waves_file import OPTIONS, fleets_of
from awsroll.errors import SpecError
from awsroll.files.decode import SYNTAXES, Syntax, decode, one_line

_WAVES = "waves"
LONGEST_FILE = 4 * 1024 * 1024


def read(path: Path) -> dict[str, Any]:
    """Read a file by its suffix: `.toml`, `.json`, or else YAML. Keys are not changed.

    Raises:
        SpecError: if the file cannot be read, or does not hold a mapping.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LONGEST_FILE + 1)
        if len(data) > LONGEST_FILE:
            problem = f"the file {path} cannot be read: it has more than {LONGEST_FILE} bytes"
            raise SpecError(problem)
        values = decode(data, SYNTAXES.get(path.suffix.lower(), Syntax.YAML))
    except (OSError, ValueError) as error:
        cause = (error.strerror if isinstance(error, OSError) else "") or one_line(error)
        problem = f"the file {path} cannot be read: {cause}"
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
    return named(values, OPTIONS, where=f"the file {path}", listed_by="awsroll schema")


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
        spec = fleets_of(values, over=over or {})
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
                "bake_seconds": wave.bake_time,
                "alarms": list(wave.alarm),
                "judge": wave.judge,
                "on_failure": wave.on_failure.value,
                "fleets": [_plain_fleet(fleet, wave.name) for fleet in wave.fleets],
            }
            for wave in spec.waves
        ]
    }


def content_of_fleets(spec: FleetsSpec) -> dict[str, Any]:
    """Return the content of a file that describes waves, as plain JSON values: `to_fleets` reads it back."""
    keys = [option.field for option in options_of(WaveSpec) if option.field != "fleets"]
    waves = [
        {**{key: getattr(wave, key) for key in keys}, "fleets": [_content_of_fleet(fleet) for fleet in wave.fleets]}
        for wave in spec.waves
    ]
    content: dict[str, Any] = msgspec.json.decode(msgspec.json.encode({"waves": waves}))
    return content


def _content_of_fleet(fleet: FleetSpec) -> dict[str, Any]:
    places = {
        option.field: getattr(fleet, option.field) for option in options_of(FleetSpec) if option.field != "request"
    }
    return {**{key: value for key, value in places.items() if value}, **plain_request(fleet.request)}


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
        option.field: plain[option.field]
        for option in options_of(RolloutSpec)
        if getattr(request, option.field) != option.default
    }
