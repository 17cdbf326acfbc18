"""All errors that awsroll raises, in one tree with five branches.

- `SpecError`: the request is wrong; nothing was changed (exit 2).
- `FleetError`: the fleet does not match the request or cannot be rolled now; nothing was changed (exit 2).
- `AwsError`: AWS, or another server at the endpoint, refused or did not answer (exit 5 before anything was changed).
- `StateError`: the record of a rollout is missing, unreadable, or held by another process (exit 2 or 4).
- `UnsuccessfulError`: a rollout has ended in another way than its caller wanted; only `raise_for_status` raises it.

A message says what happened, what was left unchanged, and what to do next. Only `cli` maps errors to exit codes.
"""

_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})


class AwsrollError(Exception):
    """The root of the tree. Catch it to catch every error that awsroll raises on purpose."""


class SpecError(AwsrollError):
    """Raised when a request is wrong for any fleet.

    Args:
        problems: all problems of the request, one line each.
    """

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


class FleetError(AwsrollError):
    """Raised when a fleet does not match the request, or cannot be rolled safely now.

    Args:
        problems: all problems of the fleet, one line each.
    """

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


class UnsuccessfulError(AwsrollError):
    """Raised by `raise_for_status` of a report when a rollout did not end as its caller wanted.

    Args:
        message: how the rollout ended, why, where the fleet stands, and what to do.
        rollout_id: the rollout.
    """

    def __init__(self, message: str, *, rollout_id: str) -> None:
        self.rollout_id = rollout_id
        super().__init__(message)


class UnconfirmedError(SpecError):
    """Raised when a record makes a process run or use something that its caller has neither given nor confirmed."""


class AwsError(AwsrollError):
    """Raised when an AWS call failed.

    Args:
        message: the message of AWS, in one line.
        code: the error code of AWS, or awsroll's code for a failure below the API (`ConnectionFailed`,
            `NoCredentials`, …).
        operation: the API operation, for example `ec2:RunInstances`.
    """

    def __init__(self, message: str, *, code: str, operation: str) -> None:
        self.code = code
        self.operation = operation
        super().__init__(message)


class AwsRefusedError(AwsError):
    """Raised when AWS refused a call: it had no effect."""


class AwsBusyError(AwsRefusedError):
    """Raised when AWS kept rejecting a call for now: too many calls, or another activity is in progress."""


class AccessRefusedError(AwsRefusedError):
    """Raised when a permission is missing, or the credentials are missing, expired or invalid."""

    @property
    def is_expiry(self) -> bool:
        """Whether the credentials have expired."""
        return self.code in _EXPIRED


class NotImplementedByEndpointError(AwsRefusedError):
    """Raised when the endpoint (or the installed SDK) does not know this operation or its parameters."""


class AwsUnansweredError(AwsError):
    """Raised when no reliable answer arrived: the call may or may not have taken effect."""


class StateError(AwsrollError):
    """Raised when the stored record of a rollout cannot be used."""


class OldItemError(StateError):
    """Raised when an older awsroll wrote an item of the store, in a format that this version does not read."""


class UntrustedItemError(StateError):
    """Raised when an item of the store is unsigned, wrongly signed, put back, or has another request than at first."""


class RolloutNotFoundError(StateError):
    """Raised when the store has no rollout with this id."""


class RolloutEndedError(StateError):
    """Raised when a command is sent to a rollout that has ended."""


class NoApprovalAwaitedError(StateError):
    """Raised when a person approves or rejects a checkpoint that does not wait for an answer."""


class StaleRecordError(StateError):
    """Raised when another process has written the record since it was read."""


class FleetLockedError(StateError):
    """Raised when another rollout holds the fleet, or is unfinished on it (exit 4)."""


class HaltedError(FleetLockedError):
    """Raised when the rollouts of a store are halted, so that none starts or continues (exit 4)."""


class BudgetFullError(FleetLockedError):
    """Raised when the budget of a store has no room for another rollout, so that it does not start (exit 4)."""


class StepInProgressError(StateError):
    """Raised when an earlier step of the same rollout has not finished or has just died; try again."""


class LeaseLostError(StateError):
    """Raised when the lease of a fleet expired or another process holds it now: the former holder changes nothing."""
