"""Exit codes, and which error or outcome ends in which. Scripts depend on the numbers."""

from enum import IntEnum

from awsroll.core.model.status import Outcome
from awsroll.errors import AwsError, AwsrollError, FleetLockedError


class Exit(IntEnum):
    """How a command ended."""

    DONE = 0
    ROLLED_BACK = 1  # the rollout failed and was rolled back; the fleet serves the old version
    REFUSED = 2  # the request is invalid, or the checks refuse it: nothing was changed
    NEEDS_A_PERSON = 3  # stopped or paused with the fleet mixed
    FLEET_HELD = 4  # another rollout holds this fleet: nothing was changed
    AWS_REFUSED = 5  # credentials, permission, endpoint: before anything was changed
    INTERRUPTED = 130


def exit_of_outcome(outcome: Outcome, *, wanted: Outcome = Outcome.SUCCEEDED) -> Exit:
    """Return how a rollout with this outcome ends a command that wanted another, or this one."""
    if outcome in (wanted, Outcome.SUCCEEDED):
        return Exit.DONE
    if outcome is Outcome.ROLLED_BACK:
        return Exit.ROLLED_BACK
    return Exit.INTERRUPTED if outcome in (Outcome.INTERRUPTED, Outcome.RUNNING) else Exit.NEEDS_A_PERSON


def exit_of_error(error: AwsrollError) -> Exit:
    """Return how an error ends the command."""
    if isinstance(error, FleetLockedError):
        return Exit.FLEET_HELD
    if isinstance(error, AwsError):
        return Exit.AWS_REFUSED
    return Exit.REFUSED
