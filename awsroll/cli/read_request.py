"""The request, made of options and of a file with the same keys; an option wins over the file.

Names and types are checked here. What the values mean is for `RolloutSpec.problems`.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from awsroll.cli.flags import FLEET, LIMITS, VERSION, Flag, FlagGroup
from awsroll.cli.rollout_options import SPEC_FLAGS
from awsroll.core.model.rollout import Pace
from awsroll.core.request.spec import RolloutSpec, problems_of_times
from awsroll.errors import SpecError

if TYPE_CHECKING:
    from awsroll.core.request.waves import FleetsSpec

_FILE_FLAG = Flag(
    field="file",
    type=str,
    short="-f",
    metavar="FILE",
    section=FLEET,
    help="YAML, TOML or JSON with any of these options as keys; an option given here wins over the file. With the key "
    "`waves` (roll, plan): many fleets, see docs/fleets.md.",
)


def build_request(*, file: str | None, **given: Any) -> RolloutSpec:
    """Return the request that a file and flags make together.

    Raises:
        SpecError: if the file cannot be read, names an unknown key, or a value has the wrong type.
    """
    return to_spec(given_values(file=file, **given), where="" if file is None else f"{file}: ")


def build_request_or_fleets(*, file: str | None, **given: Any) -> "RolloutSpec | FleetsSpec":
    """Return the request that a file and flags make together, or the waves of a file of many fleets.

    Raises:
        SpecError: if the file cannot be used, or a flag names a fleet beside a file that names many.
    """
    return read_fleets(file, given) or build_request(file=file, **given)


def given_values(*, file: str | None, **given: Any) -> dict[str, Any]:
    """Return what was said, by a file or by flags, and nothing else.

    Raises:
        SpecError: if the file cannot be read or names an unknown key.
    """
    values: dict[str, Any] = {}
    if file is not None:
        from awsroll.files import rollout_file  # noqa: PLC0415 - YAML and TOML are loaded where a file is given

        held = rollout_file.read(Path(file))
        if rollout_file.is_of_many(held):
            problem = f"the file {file} is of many fleets: `awsroll roll -f` and `awsroll plan -f` take it"
            raise SpecError(problem)
        values = rollout_file.options(held, Path(file))
    return values | said(given)


def read_fleets(file: str | None, given: dict[str, Any]) -> "FleetsSpec | None":
    """Return the waves of a file of many fleets, with the flags laid over every fleet; None if it is of one.

    Raises:
        SpecError: if it cannot be used, or a flag names a fleet.
    """
    if file is None:
        return None
    from awsroll.files import rollout_file  # noqa: PLC0415 - see above

    held = rollout_file.read(Path(file))
    if not rollout_file.is_of_many(held):
        return None
    flags = said(given)
    wrong = [f"--{one.name}" for one in SPEC_FLAGS if one.field in flags and one.section not in (LIMITS, VERSION)]
    if wrong:
        problem = f"{', '.join(wrong)}: the file {file} names its fleets itself; leave it out"
        raise SpecError(problem)
    return rollout_file.to_fleets(held, over=flags, where=f"{file}: ")


def said(given: dict[str, Any]) -> dict[str, Any]:
    """Return the flags that were given."""
    return {name: value for name, value in given.items() if value is not None and value != []}


def to_spec(values: dict[str, Any], *, where: str = "") -> RolloutSpec:
    """Return a request of plain values.

    Raises:
        SpecError: if a value has the wrong type.
    """
    from awsroll.files import rollout_file  # noqa: PLC0415 - not needed for `--help`

    return rollout_file.to_spec(values, where=where)


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
ASKED_GROUP = FlagGroup("asked", (_FILE_FLAG, *SPEC_FLAGS), build_request_or_fleets)
PACE_GROUP = FlagGroup("pace", [one for one in SPEC_FLAGS if one.field in _PACE], build_pace)
