"""Convert the plain values of a fleets file to waves with one whole request for each fleet.

The values of a fleet override `defaults`, and the options of the command line override both. The caller decodes the
file and converts options to a request.
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
_AMOUNTS = ("concurrent", "max_unavailable", "max_surge")  # any of them overrides all three


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    to_spec: Callable[[Mapping[str, Any]], RolloutSpec]
    defaults: Mapping[str, Any]
    over: Mapping[str, Any]


def fleets_of(
    values: Mapping[str, Any], to_spec: Callable[[Mapping[str, Any]], RolloutSpec], *, over: Mapping[str, Any]
) -> FleetsSpec:
    """Return the waves in plain values. `FleetsSpec.problems` checks their meaning.

    Args:
        values: the values of the file, keys with dashes or underscores.
        to_spec: converts plain values to a request; raises `SpecError` for a wrong type.
        over: options that override those of every fleet.

    Raises:
        SpecError: if values have the wrong shape. It reports all of them.
    """
    problems: list[str] = []
    top = _checked(problems, lambda: named(values, ("defaults", "waves"), where="the file", listed_by=_LISTED_BY))
    defaults = _mapping(top.get("defaults") or {}, (*OPTIONS, *PLACES), "`defaults`", problems)
    reading = _Reading(to_spec=to_spec, defaults=defaults, over=over)
    values_of_waves = _list(top.get("waves"), "`waves`", problems)
    waves = tuple(_wave(wave, number, reading, problems) for number, wave in enumerate(values_of_waves, 1))
    if problems:
        raise SpecError(*problems)
    return FleetsSpec(waves=waves)


def _wave(value: Any, number: int, reading: _Reading, problems: list[str]) -> WaveSpec:
    keys = _mapping(value, _WAVE_KEYS, f"wave {number}", problems)
    name = str(keys.get("name") or number)
    where = f"wave {name}"
    values_of_fleets = _list(keys.get("fleets"), f"`fleets` of {where}", problems)
    limits = {key: keys[key] for key in ("concurrency", "tolerated_failures") if keys.get(key) is not None}
    for key, limit in limits.items():
        if isinstance(limit, bool) or not isinstance(limit, (int, str)):
            problems.append(f"{where}: {key.replace('_', '-')} {limit!r}: use a number of fleets or a percentage")
    fleets = tuple(
        _fleet(fleet, f"{where}, fleet {position}", reading, problems)
        for position, fleet in enumerate(values_of_fleets, 1)
    )
    return WaveSpec(name=name, fleets=fleets, **limits)


def _fleet(value: Any, where: str, reading: _Reading, problems: list[str]) -> FleetSpec:
    keys = _mapping(value, ("name", *PLACES, *OPTIONS), where, problems)
    merged = _merged(_merged(reading.defaults, keys), reading.over)
    places = {key: merged.pop(key) or "" for key in PLACES if key in merged}
    for key in ("name", *PLACES):
        text = keys.get("name") if key == "name" else places.get(key)
        if text is not None and not isinstance(text, str):
            problems.append(f"{where}: {key.replace('_', '-')} {text!r} is not a string: put it in quotes")
    given_name = merged.pop("name", None)
    try:
        request = reading.to_spec(merged)
    except SpecError as error:
        problems += [f"{where}: {problem}" for problem in error.problems]
        request = RolloutSpec()
    name = str(given_name or _default_name(request, str(places.get("region", ""))))
    return FleetSpec(name=name, request=request, **places)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return values overridden by others; `null` unsets a value, and an amount in one form replaces the other form."""
    hidden = _AMOUNTS if any(above.get(name) is not None for name in _AMOUNTS) else ()
    return {name: value for name, value in below.items() if name not in hidden} | dict(above)


def _default_name(request: RolloutSpec, region: str) -> str:
    """Return the name of the group or target groups: `web`, or `web@eu-west-1` if the fleet has a region."""
    named_by = request.asg.rpartition("autoScalingGroupName/")[2] or "+".join(request.target_group)
    return f"{named_by}@{region}" if region and named_by else named_by


def _mapping(value: Any, known: tuple[str, ...], where: str, problems: list[str]) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        problems.append(f"{where} must be a mapping of keys to values, not {value!r}")
        return {}
    return _checked(problems, lambda: named(value, known, where=where, listed_by=_LISTED_BY))


def _list(value: Any, where: str, problems: list[str]) -> list[Any]:
    if not isinstance(value, list) or not value:
        problems.append(f"{where} must be a list with at least one item")
        return []
    return value


def _checked(problems: list[str], parse: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return parse()
    except SpecError as error:
        problems += error.problems
        return {}
