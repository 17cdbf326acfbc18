"""The results of actions: AWS's answers and failures as `Result`s. No calls."""

from dataclasses import replace

from awsroll.aws.call_counts import is_reading
from awsroll.aws.translate_errors import is_passing
from awsroll.core.model.action_results import PUT_OFF, Answer, Result
from awsroll.core.model.actions import Action, LaunchInGroup, LaunchInstance
from awsroll.errors import AccessRefusedError, AwsError, AwsUnansweredError, NotImplementedByEndpointError

_LAUNCHES = (LaunchInstance, LaunchInGroup)


def done(action: Action, *, instance_ids: tuple[str, ...] = (), message: str = "") -> Result:
    """Return the result of a call that AWS accepted."""
    return Result(action=action, answer=Answer.DONE, instance_ids=instance_ids, message=message)


def stale(action: Action, message: str) -> Result:
    """Return the result of an action whose precondition no longer holds. No call was made."""
    return Result(action=action, answer=Answer.STALE, message=message)


def postponed(action: Action) -> Result:
    """Return the result of an action that is left to the next step. No call was made."""
    return Result(action=action, answer=Answer.STALE, code=PUT_OFF)


def refused(action: Action, code: str, message: str, *, transient: bool = False, denied: bool = False) -> Result:
    """Return the result of a call that AWS refused."""
    return Result(action=action, answer=Answer.REFUSED, code=code, message=message, transient=transient, denied=denied)


def unanswered(action: Action, code: str, message: str) -> Result:
    """Return the result of a call that may or may not have had an effect."""
    return Result(action=action, answer=Answer.UNANSWERED, code=code, message=message)


def failed(action: Action, error: AwsError) -> Result:
    """Return the result of a failed call.

    A read checks a precondition before the call that changes something. If the read fails, that call was not made: the
    action is stale, unless a person must act. A launch is different: its read tells whether it can succeed.
    """
    is_lasting = isinstance(error, AccessRefusedError | NotImplementedByEndpointError)
    if is_reading(error.operation.rpartition(":")[2]) and not is_lasting and not isinstance(action, _LAUNCHES):
        return replace(stale(action, f"not tried: a check before it failed: {error}"), code=error.code)
    if isinstance(error, AwsUnansweredError):
        return unanswered(action, error.code, str(error))
    denied = isinstance(error, AccessRefusedError)
    return refused(action, error.code, str(error), transient=is_passing(error), denied=denied)


def fails_for_all(result: Result) -> bool:
    """Return whether the following calls would fail the same way: no connection, or a missing permission."""
    unreachable = result.answer in (Answer.UNANSWERED, Answer.STALE) and result.code == "ConnectionFailed"
    return unreachable or result.denied
