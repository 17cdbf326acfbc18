"""The request of a command: options, and a rollout file with the same keys. An option overrides the file.

`RolloutSpec` checks each value, and `RolloutSpec.problems` the values against each other.
"""

from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from awsroll.cli.flags import Flag, FlagGroup
from awsroll.cli.found_file import found_file
from awsroll.cli.spec_flags import SPEC_FLAGS
from awsroll.core.model.options import FLEET
from awsroll.core.model.rollout_choices import Pace
from awsroll.core.request.spec import RolloutSpec, pace_of, spec_of
from awsroll.errors import SpecError

if TYPE_CHECKING:
    from awsroll.core.request.waves import FleetsSpec

_FLEET_NAMES = ("asg", "target_group", "exclude_target_group")

_FILE_FLAG = Flag(
    field="file",
    type=str,
    short="-f",
    metavar="FILE",
    section=FLEET,
    from_environment=True,
    help="Rollout file (YAML, TOML or JSON) with these options as keys. An option on the command line overrides the "
    "file. roll and plan also accept a file of many fleets, with the key `waves`; see docs/fleets.md (default: "
    "awsroll.yaml in the current folder, if it exists and no option names a fleet).",
)


def build_request(*, file: str | None, **given: Any) -> RolloutSpec:
    """Return the request that a file and options define together.

    Raises:
        SpecError: if the file cannot be read, has an unknown key, or a value has the wrong type.
    """
    return spec_of(given_values(file=file, **given), where="" if file is None else f"{file}: ")


def _build_request_or_found(*, file: str | None, **given: Any) -> RolloutSpec:
    return build_request(file=_file_or_found(file, given), **given)


def build_request_or_fleets(*, file: str | None, **given: Any) -> "RolloutSpec | FleetsSpec":
    """Return the request that a file and options define together, or the waves of a file of many fleets.

    Raises:
        SpecError: if the file cannot be used, or an option names a fleet although the file names many.
    """
    file = _file_or_found(file, given)
    return read_fleets(file, given) or build_request(file=file, **given)


def _file_or_found(file: str | None, given: dict[str, Any]) -> str | None:
    """Return the file that the caller named; if the caller named neither a file nor a fleet, the file that is found."""
    names_fleet = any(name in given_options(given) for name in _FLEET_NAMES)
    return found_file() if file is None and not names_fleet else file


def given_values(*, file: str | None, **given: Any) -> dict[str, Any]:
    """Return the values given in a file or by options, without defaults.

    Raises:
        SpecError: if the file cannot be read or has an unknown key.
    """
    values: dict[str, Any] = {}
    if file is not None:
        from awsroll.files import rollout_file  # noqa: PLC0415 - only a file needs YAML and TOML

        content = rollout_file.read(Path(file))
        if rollout_file.has_waves(content):
            problem = f"the file {file} defines many fleets; only `awsroll roll -f` and `awsroll plan -f` accept it"
            raise SpecError(problem)
        values = rollout_file.options(content, Path(file))
    return values | given_options(given)


def read_fleets(file: str | None, given: dict[str, Any]) -> "FleetsSpec | None":
    """Return the waves of a file of many fleets; None for a file of one fleet. Options override every fleet.

    Raises:
        SpecError: if the file cannot be used, or an option names a fleet.
    """
    if file is None:
        return None
    from awsroll.files import rollout_file  # noqa: PLC0415 - see above

    content = rollout_file.read(Path(file))
    if not rollout_file.has_waves(content):
        return None
    options = given_options(given)
    wrong = [f"--{flag.name}" for flag in SPEC_FLAGS if flag.field in options and flag.field in _FLEET_NAMES]
    if wrong:
        problem = f"{', '.join(wrong)} cannot be combined with the file {file}, which names its fleets; omit the option"
        raise SpecError(problem)
    return rollout_file.to_fleets(content, over=options, where=f"{file}: ")


def given_options(given: dict[str, Any]) -> dict[str, Any]:
    """Return the options that the user gave."""
    return {name: value for name, value in given.items() if value not in (None, (), [])}


def _keeping_flag(flag: Flag) -> Flag:
    """Return the option of a command that continues a rollout: without it, the rollout's value is kept."""
    meaning, _, _ = flag.help.partition(" (default")
    return replace(flag, help=f"{meaning} (default: the rollout's value).")


PACE = tuple(field.name for field in fields(Pace))
REQUEST_GROUP = FlagGroup("request", (_FILE_FLAG, *SPEC_FLAGS), _build_request_or_found)
REQUEST_OR_FLEETS_GROUP = FlagGroup("request", (_FILE_FLAG, *SPEC_FLAGS), build_request_or_fleets)
PACE_GROUP = FlagGroup("pace", [_keeping_flag(flag) for flag in SPEC_FLAGS if flag.field in PACE], pace_of)
