"""Reads and writes plan files: a plan made today can be carried out later or elsewhere, unchanged."""

from pathlib import Path

from awsroll.errors import SpecError
from awsroll.report import RolloutPlan
from awsroll.stores.atomic_files import write_whole
from awsroll.stores.envelope import DamagedError, Envelope

FORMAT = 1
_ENVELOPE = Envelope(name="plan", format=FORMAT)
_ADVICE = "nothing was changed. Make a new plan with `awsroll plan ... --out FILE`"


def save_plan(plan: RolloutPlan, path: Path) -> None:
    """Write a plan to a file atomically; replace an existing file.

    Raises:
        SpecError: if the file cannot be written.
    """
    try:
        write_whole(path, _ENVELOPE.seal(plan))
    except OSError as error:
        problem = f"the plan file {path} cannot be written: {error.strerror}. Choose another --out"
        raise SpecError(problem) from error


def load_plan(path: Path) -> RolloutPlan:
    """Read a plan that `save_plan` wrote.

    Raises:
        SpecError: if the file is missing, or not a complete, unedited plan in a format that this version reads.
    """
    try:
        return _ENVELOPE.unseal(path.read_bytes(), RolloutPlan)
    except OSError as error:
        problem = f"the plan file {path} cannot be read: {error.strerror}; {_ADVICE}"
        raise SpecError(problem) from error
    except DamagedError as error:
        problem = f"the plan file {path} cannot be used: {error}; {_ADVICE}"
        raise SpecError(problem) from error
