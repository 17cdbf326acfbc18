"""The request, made of options and of a file with the same keys; an option wins over the file.

Names and types are checked here. What the values mean is for `RolloutSpec.problems`.
"""

import math
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

from awsroll.cli.flags import FLEET, Flag, FlagGroup
from awsroll.cli.options import SPEC_FLAGS
from awsroll.core.hooks import HookSpec
from awsroll.core.rollout import Pace
from awsroll.core.spec import RolloutSpec, problems_of_times
from awsroll.errors import SpecError

_FILE_FLAG = Flag(
    field="file",
    type=str,
    short="-f",
    metavar="FILE",
    section=FLEET,
    help="YAML, TOML or JSON with any of these options as keys; an option given here wins over the file.",
)
_LISTS = {one.name for one in fields(RolloutSpec) if str(get_type_hints(RolloutSpec)[one.name]).startswith("tuple")}


def build_request(*, file: str | None, **given: Any) -> RolloutSpec:
    """Return the request that a file and flags make together.

    Raises:
        SpecError: if the file cannot be read, names an unknown key, or a value has the wrong type.
    """
    return to_spec(given_values(file=file, **given), where="" if file is None else f"{file}: ")


def given_values(*, file: str | None, **given: Any) -> dict[str, Any]:
    """Return what was said, by a file or by flags, and nothing else.

    Raises:
        SpecError: if the file cannot be read or names an unknown key.
    """
    values: dict[str, Any] = {}
    if file is not None:
        from awsroll.cli.specfile import read  # noqa: PLC0415 - YAML and TOML are loaded where a file is given

        values = read(Path(file))
    return values | {name: value for name, value in given.items() if value is not None and value != []}


def to_spec(values: dict[str, Any], *, where: str = "") -> RolloutSpec:
    """Return a request of plain values, named as the fields of `RolloutSpec`.

    Raises:
        SpecError: if a value has the wrong type.
    """
    import msgspec  # noqa: PLC0415 - not needed for `--help`

    shaped = {name: _shaped(name, value) for name, value in values.items() if value is not None}
    try:
        return msgspec.convert(shaped, RolloutSpec)
    except msgspec.ValidationError as error:
        problem = f"{where}{_in_words(str(error))}"
        raise SpecError(problem) from error


def _shaped(name: str, value: Any) -> Any:
    if name in _LISTS and isinstance(value, str):
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


def build_pace(**said: Any) -> Pace:
    """Return how to go on, of what was given anew.

    Raises:
        SpecError: if a time is too small.
    """
    if problems := problems_of_times(said):
        raise SpecError(*problems)
    return Pace(**said)


_PACE = ("poll", "settle_time", "lease")
REQUEST_GROUP = FlagGroup("request", (_FILE_FLAG, *SPEC_FLAGS), build_request)
PACE_GROUP = FlagGroup("pace", [one for one in SPEC_FLAGS if one.field in _PACE], build_pace)
