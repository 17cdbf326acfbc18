"""Convert the plain values of a fleets file to waves with one whole request for each fleet.

The values of a fleet override the `defaults` of its wave, those override the `defaults` of the file, and the options of
the command line override all. The caller decodes the
file and converts options to a request.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from awsroll.core.model.keys import named, spellings
from awsroll.core.model.options import options_of
from awsroll.core.model.replacing import replace
from awsroll.core.model.value_errors import shown
from awsroll.core.request.spec import RolloutSpec, spec_of
from awsroll.core.request.waves import LONGEST_NAME, FleetSpec, FleetsSpec, WaveSpec
from awsroll.errors import SpecError

OPTIONS = tuple(option.field for option in options_of(RolloutSpec))
PLACES = ("region", "role", "external_id", "image_parameter", "max_age_days")
_DEFAULTS = "defaults"
_WAVE_KEYS = tuple(option.field for option in options_of(WaveSpec))
_LIMITS = tuple(name for name in _WAVE_KEYS if name not in ("name", "fleets"))
_LISTED_BY = "awsroll schema --fleets"
_AMOUNTS = ("concurrent", "max_unavailable", "max_surge")  # any of them overrides all three
_UNREADABLE = FleetSpec(name="unreadable", request=RolloutSpec())  # stands for a fleet whose problems are reported
Read = TypeVar("Read")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    defaults: Mapping[str, Any]
    over: Mapping[str, Any]


def fleets_of(values: Mapping[str, Any], *, over: Mapping[str, Any]) -> FleetsSpec:
    """Return the waves in plain values. `FleetsSpec.problems` checks their meaning.

    Args:
        values: the values of the file, keys with dashes or underscores.
        over: options that override those of every fleet.

    Raises:
        SpecError: if values are wrong. It reports all of them.
    """
    problems: list[str] = []
    top = _named(values, (_DEFAULTS, "waves"), "the file", problems)
    reading = _Reading(defaults=_defaults(top, "`defaults`", problems), over=over)
    values_of_waves = _list(top.get("waves"), "`waves`", problems)
    waves = [_wave(wave, number, reading, problems) for number, wave in enumerate(values_of_waves, 1)]
    if problems:
        raise SpecError(*problems)
    return FleetsSpec(waves=tuple(wave for wave in waves if wave is not None))


def _defaults(values: Mapping[str, Any], where: str, problems: list[str]) -> dict[str, Any]:
    """Return the defaults in values; none if one is wrong, so that each fleet does not repeat its problem."""
    known = len(problems)
    given = {} if values.get(_DEFAULTS) is None else values[_DEFAULTS]
    defaults = _mapping(given, (*OPTIONS, *PLACES), where, problems)
    places = {key: defaults[key] for key in PLACES if defaults.get(key) is not None}
    options = {key: value for key, value in defaults.items() if key not in PLACES}
    _checked(problems, lambda: spec_of(options), None, where=f"{where}: ")
    _checked(problems, lambda: replace(_UNREADABLE, **places), None, where=f"{where}: ")
    return defaults if len(problems) == known else {}


def _wave(value: Any, number: int, reading: _Reading, problems: list[str]) -> WaveSpec | None:
    keys = _mapping(value, (*_WAVE_KEYS, _DEFAULTS), f"wave {number}", problems)
    name = str(number) if keys.get("name") is None else keys["name"]
    can_be_shown = isinstance(name, str) and name.isprintable() and len(name) <= LONGEST_NAME
    where = f"wave {name if can_be_shown else number}"
    values_of_fleets = _list(keys.get("fleets"), f"`fleets` of {where}", problems)
    limits = {key: keys[key] for key in _LIMITS if keys.get(key) is not None}
    own = _defaults(keys, f"`defaults` of {where}", problems)
    reading = replace(reading, defaults=_merged(reading.defaults, own))
    fleets = tuple(
        _fleet(fleet, f"{where}, fleet {position}", reading, problems)
        for position, fleet in enumerate(values_of_fleets, 1)
    )
    return _checked(problems, lambda: WaveSpec(name=name, fleets=fleets, **limits), None, where=f"{where}: ")


def _fleet(value: Any, where: str, reading: _Reading, problems: list[str]) -> FleetSpec:
    keys = _mapping(value, ("name", *PLACES, *OPTIONS), where, problems)
    merged = _merged(_merged(reading.defaults, keys), reading.over)
    given = {key: merged.pop(key) for key in PLACES if key in merged}
    places = {key: place for key, place in given.items() if place is not None}
    name = merged.pop("name", None)
    request = _checked(problems, lambda: spec_of(merged), None, where=f"{where}: ")
    if request is None:
        return _UNREADABLE
    if name is None:
        name = _default_name(request, places.get("region", ""))
        if not name:
            problems.append(f"{where}: no fleet is named: add asg or target-group")
            return _UNREADABLE
    return _checked(problems, lambda: FleetSpec(name=name, request=request, **places), _UNREADABLE, where=f"{where}: ")


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
        problems.append(f"{where} must be a mapping of keys to values, not {shown(value)}")
        return {}
    return _named(value, known, where, problems)


def _named(values: Mapping[str, Any], known: tuple[str, ...], where: str, problems: list[str]) -> dict[str, Any]:
    """Return the values under their names in Python; without the unknown keys, if there are any: they are problems."""

    def names_of(given: Mapping[str, Any]) -> dict[str, Any]:
        return named(given, known, where=where, listed_by=_LISTED_BY)

    found = _checked(problems, lambda: names_of(values), None)
    if found is not None:
        return found
    words = {word for name in known for word in spellings(name)}
    return _checked([], lambda: names_of({key: value for key, value in values.items() if key in words}), {})


def _list(value: Any, where: str, problems: list[str]) -> list[Any]:
    if not isinstance(value, list) or not value:
        problems.append(f"{where} must be a list with at least one item")
        return []
    return value


def _checked(problems: list[str], read: Callable[[], Read], otherwise: Read, *, where: str = "") -> Read:
    """Return what `read` returns. If it raises `SpecError`, add its problems and return `otherwise`."""
    try:
        return read()
    except SpecError as error:
        problems += [f"{where}{problem}" for problem in error.problems]
        return otherwise
