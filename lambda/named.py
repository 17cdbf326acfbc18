"""The errors of the handlers: classes whose names the Retry and Catch of a state machine match.

A durable function reports them with the name of this module (`named.Throttled`), so the module keeps its name. A call
that ends in one of them has changed nothing, except where docs/step-functions.md says otherwise.
"""

import re

from awsroll import errors

_FLAG = re.compile(r"(?<![^\s(/'\"])--([a-z][a-z0-9-]*)")


class HandlerError(Exception):
    """Base of the errors that handlers raise."""


class InvalidEvent(HandlerError):  # noqa: N818 - the names are what state machines match
    """The event has the wrong form."""


class PreflightRefused(HandlerError):  # noqa: N818
    """The request is wrong, or the fleet does not allow it."""


class FleetLocked(HandlerError):  # noqa: N818
    """Another rollout holds the fleet, or was left unfinished."""


class StepInProgress(HandlerError):  # noqa: N818
    """An earlier step of the same rollout has not finished; try again."""


class WaveStopped(HandlerError):  # noqa: N818
    """More fleets of a wave have failed than the wave tolerates: this rollout was not started."""


class RolloutNotFound(HandlerError):  # noqa: N818
    """The store has no rollout with this id."""


class RolloutEnded(HandlerError):  # noqa: N818
    """The rollout has ended and accepts no commands."""


class NoApprovalAwaited(HandlerError):  # noqa: N818
    """The checkpoint does not wait for an answer, or has one already."""


class RecordUnusable(HandlerError):  # noqa: N818
    """The record is damaged, of a newer version, or was written by someone else."""


class AccessDenied(HandlerError):  # noqa: N818
    """AWS refused because of missing permissions or invalid credentials."""


class Throttled(HandlerError):  # noqa: N818
    """AWS throttled the call; try again."""


class AwsUnanswered(HandlerError):  # noqa: N818
    """AWS gave no reliable answer; try again."""


class AwsRefused(HandlerError):  # noqa: N818
    """AWS refused the call."""


# The first match counts: a subclass comes before its base.
NAMES: tuple[tuple[type[errors.AwsrollError], type[HandlerError]], ...] = (
    (errors.SpecError, PreflightRefused),
    (errors.FleetError, PreflightRefused),
    (errors.FleetLockedError, FleetLocked),
    (errors.StepInProgressError, StepInProgress),
    (errors.RolloutNotFoundError, RolloutNotFound),
    (errors.RolloutEndedError, RolloutEnded),
    (errors.NoApprovalAwaitedError, NoApprovalAwaited),
    (errors.StateError, RecordUnusable),
    (errors.AccessRefusedError, AccessDenied),
    (errors.AwsBusyError, Throttled),
    (errors.AwsUnansweredError, AwsUnanswered),
    (errors.AwsError, AwsRefused),
)

PASSING = (Throttled, AwsUnanswered, StepInProgress)
"""Errors that may be gone at the next call."""


def handler_error(error: errors.AwsrollError) -> HandlerError:
    """Return an error of awsroll as the class whose name state machines match, in the words of events."""
    name = next(name for kind, name in NAMES if isinstance(error, kind))
    return name(as_keys(str(error)))


def as_keys(message: str) -> str:
    """Return a message with the keys of requests instead of the flags of the command line: `max_surge`, `--max-surge`.

    A whole command between backticks stays: a person enters it at a terminal.
    """
    parts = message.split("`")
    parts[::2] = [_FLAG.sub(lambda flag: flag[1].replace("-", "_"), part) for part in parts[::2]]
    return "`".join(parts)
