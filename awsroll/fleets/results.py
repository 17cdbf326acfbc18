"""What came of an action: AWS's answers, and failures, as `Result`s. Nothing is called here."""

from awsroll.aws.translate_errors import is_passing
from awsroll.core.model.actions import PUT_OFF, Action, Answer, Result
from awsroll.errors import AccessRefusedError, AwsError, AwsUnansweredError


def done(action: Action, *, instance_ids: tuple[str, ...] = (), message: str = "") -> Result:
    """Say that AWS said yes."""
    return Result(action=action, answer=Answer.DONE, instance_ids=instance_ids, message=message)


def stale(action: Action, message: str) -> Result:
    """Say that the precondition no longer holds: no call was made."""
    return Result(action=action, answer=Answer.STALE, message=message)


def postponed(action: Action) -> Result:
    """Say that no call was made yet: this step has taken long enough."""
    return Result(action=action, answer=Answer.STALE, code=PUT_OFF)


def refused(action: Action, code: str, message: str, *, transient: bool = False, denied: bool = False) -> Result:
    """Say that AWS said no."""
    return Result(action=action, answer=Answer.REFUSED, code=code, message=message, transient=transient, denied=denied)


def failed(action: Action, error: AwsError) -> Result:
    """Read a failed call."""
    if isinstance(error, AwsUnansweredError):
        return Result(action=action, answer=Answer.UNANSWERED, code=error.code, message=str(error))
    denied = isinstance(error, AccessRefusedError)
    return refused(action, error.code, str(error), transient=is_passing(error), denied=denied)


def fails_for_all(result: Result) -> bool:
    """Tell whether the calls that follow would fail the same way: nobody answers, or permission is missing."""
    unreachable = result.answer is Answer.UNANSWERED and result.code == "ConnectionFailed"
    return unreachable or result.denied
