"""Exit codes, and the code of each outcome and error. Scripts depend on the numbers."""

from enum import IntEnum
from typing import TYPE_CHECKING

from awsroll.errors import AwsError, AwsrollError, FleetLockedError

if TYPE_CHECKING:
    from awsroll.core.model.status import Outcome


class Exit(IntEnum):
    """The exit code of a command."""

    DONE = 0
    ROLLED_BACK = 1  # the rollout failed and was rolled back; the fleet serves the old version
    REFUSED = 2  # the request is invalid or a check refuses it: nothing was changed
    STOPPED_OR_PAUSED = 3  # stopped or paused; the fleet may be mixed
    FLEET_HELD = 4  # another rollout holds this fleet: nothing was changed
    AWS_REFUSED = 5  # credentials, permission or endpoint: nothing was changed
    FAILED = 70  # awsroll itself failed unexpectedly: a defect
    INTERRUPTED = 130


def exit_of_outcome(outcome: "Outcome", *, success: "Outcome | None" = None) -> Exit:
    """Return the exit code of a rollout whose command was started for the outcome `success` (default: succeeded)."""
    from awsroll.core.model.status import Outcome  # noqa: PLC0415 - keeps `--help` fast

    if outcome in (success, Outcome.SUCCEEDED):
        return Exit.DONE
    if outcome is Outcome.ROLLED_BACK:
        return Exit.ROLLED_BACK
    return Exit.INTERRUPTED if outcome in (Outcome.INTERRUPTED, Outcome.RUNNING) else Exit.STOPPED_OR_PAUSED


def exit_of_error(error: AwsrollError) -> Exit:
    """Return the exit code of an error."""
    if isinstance(error, FleetLockedError):
        return Exit.FLEET_HELD
    if isinstance(error, AwsError):
        return Exit.AWS_REFUSED
    return Exit.REFUSED
