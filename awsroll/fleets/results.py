"""The results of actions: AWS's answers and failures as `Result`s. No calls."""

from awsroll.aws.translate_errors import is_passing
from awsroll.core.model.actions import PUT_OFF, Action, Answer, Result
from awsroll.errors import AccessRefusedError, AwsError, AwsUnansweredError


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
    """Return the result of a failed call."""
    if isinstance(error, AwsUnansweredError):
        return unanswered(action, error.code, str(error))
    denied = isinstance(error, AccessRefusedError)
    return refused(action, error.code, str(error), transient=is_passing(error), denied=denied)


def fails_for_all(result: Result) -> bool:
    """Return whether the following calls would fail the same way: no connection, or a missing permission."""
    unreachable = result.answer is Answer.UNANSWERED and result.code == "ConnectionFailed"
    return unreachable or result.denied
