"""Calls that move members of a group. They have no client token: each keeps its own answer, or none."""

from collections.abc import Callable, Sequence

from awsroll.aws.translate_errors import is_throttle
from awsroll.core.model.action_results import Answer, Result
from awsroll.core.model.actions import Action
from awsroll.errors import AccessRefusedError, AwsError, AwsRefusedError
from awsroll.fleets.results import done, failed

Move = Callable[[Sequence[str]], None]


class MemberMoves:
    """The members that calls moved, and the errors of the other calls."""

    def __init__(self) -> None:
        self.accepted: list[str] = []
        self.errors: list[AwsError] = []

    def call_together(self, call: Move, ids: Sequence[str]) -> None:
        """Make one call for several members."""
        try:
            call(ids)
        except AwsError as error:
            self.record_failure(error, call, ids)
        else:
            self.accepted += ids

    def record_failure(self, error: AwsError, single: Move, ids: Sequence[str]) -> None:
        """Record a failed call. If AWS refused all members because of one, call for each member on its own."""
        definite = isinstance(error, AwsRefusedError) and not isinstance(error, AccessRefusedError)
        if definite and len(ids) > 1 and not is_throttle(error):
            self.call_each(single, ids)
        else:
            self.errors.append(error)

    def call_each(self, single: Move, ids: Sequence[str]) -> None:
        """Make one call for each member, until a call fails for a reason that holds for all."""
        for instance_id in ids:
            try:
                single([instance_id])
            except AwsError as error:
                self.errors.append(error)
                if not isinstance(error, AwsRefusedError) or isinstance(error, AccessRefusedError):
                    return
            else:
                self.accepted.append(instance_id)


def result_of(action: Action, moves: MemberMoves) -> Result:
    """Return the result of an action: of all its calls that were accepted, else of the first that was not."""
    results = [failed(action, error) for error in moves.errors]
    unknown = next((result for result in results if result.answer is Answer.UNANSWERED), None)
    if unknown is not None:
        return unknown  # the next observation shows which members moved
    if moves.accepted:
        message = "; ".join(result.message for result in results)
        return done(action, instance_ids=tuple(moves.accepted), message=message)
    return results[0]
