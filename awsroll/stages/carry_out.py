"""Execute the actions of a stage with the code of the fleets, and turn failures into errors."""

from collections.abc import Sequence

from awsroll.core.model.action_results import Answer, Result
from awsroll.core.model.actions import Action
from awsroll.errors import AccessRefusedError, AwsBusyError, AwsRefusedError, AwsUnansweredError
from awsroll.ports import Fleet
from awsroll.stages.scope import Scope


def carry_out(
    scope: Scope, actions: Sequence[Action], *, fleet: Fleet | None = None, not_yet: frozenset[str] = frozenset()
) -> tuple[Result, ...]:
    """Execute actions in order and return their results: done, stale, or refused with a code of `not_yet`.

    Args:
        scope: the fleet.
        actions: what to do.
        fleet: what executes the actions; pass it to use the same one several times.
        not_yet: error codes that mean that the stage must wait.

    Raises:
        AwsError: if an action was refused, or its outcome is unknown. The call may be repeated; what was done stays.
    """
    if not actions:
        return ()
    results = (fleet or scope.fleet()).execute(scope.rollout, actions)
    for result in results:
        if result.answer is Answer.UNANSWERED:
            raise AwsUnansweredError(result.message, code=result.code, operation=type(result.action).__name__)
        if result.answer is Answer.REFUSED and result.code not in not_yet:
            raise _refusal(result)
    return results


def _refusal(result: Result) -> AwsRefusedError:
    kind = AwsRefusedError
    if result.denied:
        kind = AccessRefusedError
    elif result.transient:
        kind = AwsBusyError
    return kind(result.message, code=result.code, operation=type(result.action).__name__)
