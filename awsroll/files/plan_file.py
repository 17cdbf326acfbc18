"""A plan as a file: made and looked at today, carried out later, or elsewhere, exactly as it says.

Reading and writing alone. What a plan means for a rollout is in `compose`.
"""

from pathlib import Path

from awsroll.errors import SpecError
from awsroll.report import RolloutPlan
from awsroll.stores.atomic_files import write_whole
from awsroll.stores.envelope import DamagedError, Envelope

FORMAT = 1
_ENVELOPE = Envelope(name="plan", format=FORMAT)
_ADVICE = "nothing was changed; make a new one with `awsroll plan ... --out FILE`"


def save_plan(plan: RolloutPlan, path: Path) -> None:
    """Write a plan to a file, whole or not at all; one that is there already is replaced.

    Raises:
        SpecError: if it cannot be written there.
    """
    try:
        write_whole(path, _ENVELOPE.seal(plan))
    except OSError as error:
        problem = f"the plan file {path} cannot be written: {error.strerror}; give another --out"
        raise SpecError(problem) from error


def load_plan(path: Path) -> RolloutPlan:
    """Read a plan that `save_plan` wrote.

    Raises:
        SpecError: if it is missing, or anything but a whole, unedited plan in a format that this version reads.
    """
    try:
        return _ENVELOPE.unseal(path.read_bytes(), RolloutPlan)
    except OSError as error:
        problem = f"the plan file {path} cannot be read: {error.strerror}; {_ADVICE}"
        raise SpecError(problem) from error
    except DamagedError as error:
        problem = f"the plan file {path} cannot be used: {error}; {_ADVICE}"
        raise SpecError(problem) from error
