"""The loop that carries out a plan's actions, shared by both kinds of fleet."""

from collections.abc import Callable, Sequence

from awsroll.core.model.actions import Action, Result
from awsroll.errors import AwsError
from awsroll.fleets.results import failed, fails_for_all, postponed, refused, stale
from awsroll.ports import Clock

_ACTING_SECONDS = 10.0


def execute_in_order(
    actions: Sequence[Action], execute: Callable[[Action], Result], clock: Clock
) -> tuple[Result, ...]:
    """Carry out actions in order. A failed call becomes a result; after a failure that holds for all, skip the rest.

    The loop stops after ten seconds. AWS takes two launches a second, so the launches of a large fleet would outlast a
    Lambda function, a lease and a request to pause. The actions that are left are stale; the next step decides again.
    """
    results: list[Result] = []
    end = clock.monotonic() + _ACTING_SECONDS
    for action in actions:
        if results and fails_for_all(results[-1]):
            results.append(stale(action, "not tried: the call before it failed for a reason that holds for all"))
            continue
        if results and clock.monotonic() >= end:
            results.append(postponed(action))
            continue
        try:
            results.append(execute(action))
        except AwsError as error:
            results.append(failed(action, error))
    return tuple(results)


def wrong_kind(action: Action) -> Result:
    """Return the refusal of an action that belongs to the other kind of fleet."""
    return refused(action, "WrongKindOfFleet", f"a fleet of this kind has no {type(action).__name__}")
