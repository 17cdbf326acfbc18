"""Reads and writes plan files: a plan made today can be carried out later or elsewhere, unchanged."""

from pathlib import Path

import msgspec

from awsroll.errors import SpecError
from awsroll.files.decode import check_json_keys
from awsroll.report import RolloutPlan
from awsroll.stores.atomic_files import LONGEST_FILE, write_whole
from awsroll.stores.envelope import DamagedError, Envelope

FORMAT = 1
_ENVELOPE = Envelope(name="plan", format=FORMAT)
_ADVICE = "nothing was changed. Make a new plan with `awsroll plan ... --out FILE`"


def save_plan(plan: RolloutPlan, path: Path) -> str:
    """Write a plan to a file atomically; replace an existing file. Return the digest of its content.

    Raises:
        SpecError: if the file cannot be written.
    """
    try:
        sealed = _ENVELOPE.seal(plan)
        write_whole(path, sealed)
    except OSError as error:
        problem = f"the plan file {path} cannot be written: {error.strerror}. Choose another --out"
        raise SpecError(problem) from error
    return _digest(sealed)


def load_plan(path: Path, *, digest: str = "") -> RolloutPlan:
    """Read a plan that `save_plan` wrote.

    Args:
        path: the file.
        digest: the digest that `save_plan` returned; empty: read any plan.

    Raises:
        SpecError: if the file is missing, not a complete, unedited plan in a format that this version reads, or has
            another digest.
    """
    try:
        with path.open("rb") as file:  # also a pipe; a device may never end
            sealed = file.read(LONGEST_FILE + 1)
        if len(sealed) > LONGEST_FILE:
            problem = f"the plan file {path} cannot be used: it has more than {LONGEST_FILE} bytes; {_ADVICE}"
            raise SpecError(problem)
        plan = _ENVELOPE.unseal(sealed, RolloutPlan)
        check_json_keys(sealed.decode())
    except OSError as error:
        problem = f"the plan file {path} cannot be read: {error.strerror}; {_ADVICE}"
        raise SpecError(problem) from error
    except (DamagedError, ValueError) as error:
        problem = f"the plan file {path} cannot be used: {error}; {_ADVICE}"
        raise SpecError(problem) from error
    if digest and _digest(sealed) != digest:
        problem = f"the plan file {path} holds another plan: its digest is {_digest(sealed)}, not {digest}; {_ADVICE}"
        raise SpecError(problem)
    return plan


def _digest(sealed: bytes) -> str:
    """Return the digest of a sealed plan: the checksum of its content, which does not depend on the layout."""
    return str(msgspec.json.decode(sealed)["checksum"])
