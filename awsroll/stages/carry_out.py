"""Carries out actions for a stage by the fleets' own code, and turns what keeps it from going on into errors."""

from collections.abc import Sequence

from awsroll.core.model.actions import Action, Answer, Result
from awsroll.errors import AccessRefusedError, AwsBusyError, AwsRefusedError, AwsUnansweredError
from awsroll.ports import Fleet
from awsroll.stages.scope import Scope


def carry_out(
    scope: Scope, actions: Sequence[Action], *, fleet: Fleet | None = None, awaited: frozenset[str] = frozenset()
) -> tuple[Result, ...]:
    """Carry out actions in order; return what came of those that were done, are stale, or are to be awaited.

    Args:
        scope: the fleet.
        actions: what to do.
        fleet: what carries them out, if it is to be kept.
        awaited: error codes that a stage takes as "not yet".

    Raises:
        AwsError: if one was refused, or has no known outcome; the call may be repeated, what was done stays done.
    """
    if not actions:
        return ()
    results = (fleet or scope.fleet()).execute(scope.rollout, actions)
    for one in results:
        if one.answer is Answer.UNANSWERED:
            raise AwsUnansweredError(one.message, code=one.code, operation=type(one.action).__name__)
        if one.answer is Answer.REFUSED and one.code not in awaited:
            raise _refusal(one)
    return results


def _refusal(result: Result) -> AwsRefusedError:
    kind = AwsRefusedError
    if result.denied:
        kind = AccessRefusedError
    elif result.transient:
        kind = AwsBusyError
    return kind(result.message, code=result.code, operation=type(result.action).__name__)
