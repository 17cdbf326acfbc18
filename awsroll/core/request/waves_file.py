"""From the plain values of a fleets file to waves with one whole request for each fleet.

What a fleet says wins over `defaults`, and what was said for all of them (on the command line) wins over both. Pure:
decoding the file, and the types of a request's options, are given from outside.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from awsroll.core.request.keys import named
from awsroll.core.request.spec import RolloutSpec
from awsroll.core.request.waves import FleetSpec, FleetsSpec, WaveSpec
from awsroll.errors import SpecError

OPTIONS = tuple(field.name for field in fields(RolloutSpec))
PLACES = ("region", "role", "external_id")
_WAVE_KEYS = ("name", "concurrency", "tolerated_failures", "fleets")
_LISTED_BY = "awsroll schema --fleets"
_AMOUNTS = ("concurrent", "max_unavailable", "max_surge")  # one way to say it replaces another


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    to_spec: Callable[[Mapping[str, Any]], RolloutSpec]
    defaults: Mapping[str, Any]
    over: Mapping[str, Any]


def fleets_of(
    values: Mapping[str, Any], to_spec: Callable[[Mapping[str, Any]], RolloutSpec], *, over: Mapping[str, Any]
) -> FleetsSpec:
    """Return the waves that plain values describe; what they mean is for `FleetsSpec.problems`.

    Args:
        values: as a file holds them, keys with dashes or underscores.
        to_spec: makes a request of plain values; raises `SpecError` for a wrong type.
        over: options that win, for every fleet.

    Raises:
        SpecError: if something has the wrong shape; everything that has.
    """
    problems: list[str] = []
    said = _checked(problems, lambda: named(values, ("defaults", "waves"), where="the file", listed_by=_LISTED_BY))
    defaults = _mapping(said.get("defaults") or {}, (*OPTIONS, *PLACES), "`defaults`", problems)
    reading = _Reading(to_spec=to_spec, defaults=defaults, over=over)
    waves = _list(said.get("waves"), "`waves`", problems)
    made = tuple(_wave(one, number, reading, problems) for number, one in enumerate(waves, 1))
    if problems:
        raise SpecError(*problems)
    return FleetsSpec(waves=made)


def _wave(value: Any, number: int, reading: _Reading, problems: list[str]) -> WaveSpec:
    said = _mapping(value, _WAVE_KEYS, f"wave {number}", problems)
    name = str(said.get("name") or number)
    where = f"wave {name}"
    fleets = _list(said.get("fleets"), f"`fleets` of {where}", problems)
    limits = {key: said[key] for key in ("concurrency", "tolerated_failures") if said.get(key) is not None}
    for key, limit in limits.items():
        if isinstance(limit, bool) or not isinstance(limit, (int, str)):
            problems.append(f"{where}: {key.replace('_', '-')} {limit!r}: give a number of fleets or a percentage")
    made = tuple(_fleet(one, f"{where}, fleet {place}", reading, problems) for place, one in enumerate(fleets, 1))
    return WaveSpec(name=name, fleets=made, **limits)


def _fleet(value: Any, where: str, reading: _Reading, problems: list[str]) -> FleetSpec:
    said = _mapping(value, ("name", *PLACES, *OPTIONS), where, problems)
    merged = _merged(_merged(reading.defaults, said), reading.over)
    slots = {key: merged.pop(key) or "" for key in PLACES if key in merged}
    for key in ("name", *PLACES):
        text = said.get("name") if key == "name" else slots.get(key)
        if text is not None and not isinstance(text, str):
            problems.append(f"{where}: {key.replace('_', '-')} {text!r} is not a text: put it in quotes")
    given = merged.pop("name", None)
    try:
        request = reading.to_spec(merged)
    except SpecError as error:
        problems += [f"{where}: {problem}" for problem in error.problems]
        request = RolloutSpec()
    return FleetSpec(name=str(given or _made_up(request, str(slots.get("region", "")))), request=request, **slots)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Lay values over others; `null` unsets one, and an amount in one form replaces the other form."""
    hidden = _AMOUNTS if any(above.get(name) is not None for name in _AMOUNTS) else ()
    return {name: value for name, value in below.items() if name not in hidden} | dict(above)


def _made_up(request: RolloutSpec, region: str) -> str:
    """Name a fleet like its servers: `web`, or `web@eu-west-1` where it says its region."""
    named_by = request.asg.rpartition("autoScalingGroupName/")[2] or "+".join(request.target_group)
    return f"{named_by}@{region}" if region and named_by else named_by


def _mapping(value: Any, known: tuple[str, ...], where: str, problems: list[str]) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        problems.append(f"{where} must hold keys and their values, not {value!r}")
        return {}
    return _checked(problems, lambda: named(value, known, where=where, listed_by=_LISTED_BY))


def _list(value: Any, where: str, problems: list[str]) -> list[Any]:
    if not isinstance(value, list) or not value:
        problems.append(f"{where} must be a list of at least one")
        return []
    return value


def _checked(problems: list[str], make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return make()
    except SpecError as error:
        problems += error.problems
        return {}
