"""Every error awsroll raises, as one tree with four branches.

- `SpecError`: the request is wrong; nothing was changed (exit 2).
- `FleetError`: the fleet is not what the request says or may not be rolled now; nothing was changed (exit 2).
- `AwsError`: AWS, or whatever answers at the endpoint, refused or did not answer (exit 5 before anything was changed).
- `StateError`: the record of a rollout is missing, unreadable, or held by somebody else (exit 2 or 4).

A message says what happened, what was left untouched, and what to do next. Only `cli` turns these into exit codes.
"""


class AwsrollError(Exception):
    """The root of the tree: catch this to catch all that awsroll raises on purpose."""


class SpecError(AwsrollError):
    """The request cannot be right, whatever the fleet looks like.

    Args:
        problems: one line each; all that were found, not only the first.
    """

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


class FleetError(AwsrollError):
    """The fleet is not what the request says, or cannot be rolled safely as it is now.

    Args:
        problems: one line each; all that were found.
    """

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


class AwsError(AwsrollError):
    """An AWS call failed.

    Args:
        message: what AWS said, in one line.
        code: AWS's error code, or awsroll's word for a failure below the API (`ConnectionFailed`, `NoCredentials`, …).
        operation: the API operation, for example `ec2:RunInstances`.
    """

    def __init__(self, message: str, *, code: str, operation: str) -> None:
        self.code = code
        self.operation = operation
        super().__init__(message)


class AwsRefusedError(AwsError):
    """AWS answered with a definite no: the call had no effect."""


class AwsBusyError(AwsRefusedError):
    """AWS turned the call away for now, and went on doing so: too many calls, or another activity is under way."""


class AccessRefusedError(AwsRefusedError):
    """AWS refused for lack of permission, or for missing, expired or invalid credentials."""


class NotImplementedByEndpointError(AwsRefusedError):
    """The endpoint (or the installed SDK) does not know this operation or this form of it."""


class AwsUnansweredError(AwsError):
    """No answer that can be relied on came: the call may or may not have had its effect."""


class StateError(AwsrollError):
    """The stored record of a rollout cannot be used."""


class RolloutNotFoundError(StateError):
    """No rollout of that id is in the store."""


class RolloutEndedError(StateError):
    """The rollout has come to an end: nothing is left to ask of it."""


class StaleRecordError(StateError):
    """Somebody else wrote the record since it was read."""


class FleetLockedError(StateError):
    """Another rollout holds this fleet, or was left in the middle of it (exit 4)."""


class StepInProgressError(StateError):
    """An earlier step of the same rollout has not finished, or died a moment ago; try again."""


class LeaseLostError(StateError):
    """The lease of a fleet ran out, or somebody else holds it now: its former holder changes and writes nothing."""
