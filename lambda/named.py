"""The errors of the handlers: classes whose names a state machine's Retry and Catch match.

`named` says which of them an error of awsroll is. Nothing was changed by a call that ends in one of them, except where
the table says otherwise; docs/step-functions.md has it for users.
"""

from awsroll import errors


class HandlerError(Exception):
    """What every handler raises on purpose."""


class InvalidEvent(HandlerError):  # noqa: N818 - the names are what state machines match
    """The event is not what the handler takes."""


class PreflightRefused(HandlerError):  # noqa: N818
    """The request or the fleet does not allow it."""


class FleetLocked(HandlerError):  # noqa: N818
    """Another rollout holds the fleet, or was left in the middle of it."""


class StepInProgress(HandlerError):  # noqa: N818
    """An earlier step of the same rollout has not finished; try again."""


class WaveStopped(HandlerError):  # noqa: N818
    """More fleets of a wave have failed than it tolerates: this one was not begun."""


class RolloutNotFound(HandlerError):  # noqa: N818
    """No rollout of that id is in the store."""


class RolloutEnded(HandlerError):  # noqa: N818
    """The rollout has come to an end: nothing is left to ask of it."""


class RecordUnusable(HandlerError):  # noqa: N818
    """The record is damaged, of a newer version, or was written by somebody else."""


class AccessDenied(HandlerError):  # noqa: N818
    """AWS refused for lack of permission, or because of the credentials."""


class Throttled(HandlerError):  # noqa: N818
    """AWS turned the call away for now; try again."""


class AwsUnanswered(HandlerError):  # noqa: N818
    """No answer came that can be relied on; try again."""


class AwsRefused(HandlerError):  # noqa: N818
    """AWS answered with a definite no."""


# The first one that fits counts: each before what it is a kind of.
NAMES: tuple[tuple[type[errors.AwsrollError], type[HandlerError]], ...] = (
    (errors.SpecError, PreflightRefused),
    (errors.FleetError, PreflightRefused),
    (errors.FleetLockedError, FleetLocked),
    (errors.StepInProgressError, StepInProgress),
    (errors.RolloutNotFoundError, RolloutNotFound),
    (errors.RolloutEndedError, RolloutEnded),
    (errors.StateError, RecordUnusable),
    (errors.AccessRefusedError, AccessDenied),
    (errors.AwsBusyError, Throttled),
    (errors.AwsUnansweredError, AwsUnanswered),
    (errors.AwsError, AwsRefused),
)

PASSING = (Throttled, AwsUnanswered, StepInProgress)
"""What may be gone at the next call: worth calling again."""


def named(error: errors.AwsrollError) -> HandlerError:
    """Return an error of awsroll under the name that state machines match."""
    name = next(name for kind, name in NAMES if isinstance(error, kind))
    return name(str(error))
