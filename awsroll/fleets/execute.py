"""The loop that carries out a plan's actions, shared by both kinds of fleet."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from types import MappingProxyType
from typing import Any, TypeAlias

from awsroll.aws.batches import batches
from awsroll.core.aws_limits import TOGETHER
from awsroll.core.model.action_results import Result
from awsroll.core.model.actions import Action, LaunchInstance
from awsroll.errors import AwsError
from awsroll.fleets.results import failed, fails_for_all, postponed, refused, stale
from awsroll.ports import Clock

_ACTING_SECONDS = 10.0

Together: TypeAlias = Callable[[Sequence[Any]], Sequence[Result]]
"""Carries out several actions of one type, on servers that differ, with few calls; returns one result for each."""


def execute_in_order(
    actions: Sequence[Action],
    execute: Callable[[Action], Result],
    clock: Clock,
    *,
    together: Mapping[type[Any], Together] = MappingProxyType({}),
) -> tuple[Result, ...]:
    """Carry out actions in order. A failed call becomes a result; after a failure that holds for all, skip the rest.

    The loop stops after ten seconds. AWS takes two launches a second, so the launches of a large fleet would outlast a
    Lambda function, a lease and a request to pause. The actions that are left are stale; the next step decides again.

    Args:
        actions: what to do.
        execute: carries out one action.
        clock: measures the ten seconds.
        together: for each type of action that takes several servers in one call: what carries out several of them.
    """
    results: list[Result] = []
    broken = False
    end = clock.monotonic() + _ACTING_SECONDS
    for batch in _in_batches(actions, together):
        if broken:
            why = "not tried: the call before it failed for a reason that holds for all"
            results += (stale(action, why) for action in batch)
        elif results and clock.monotonic() >= end:
            results += map(postponed, batch)
        else:
            answers = _executed(batch, execute, together)
            broken = any(map(fails_for_all, answers))
            results += answers
    return tuple(results)


def _in_batches(actions: Sequence[Action], together: Mapping[type[Any], Together]) -> Iterator[list[Action]]:
    """Yield the actions in order, in lists for one call. Launches are of one call if they have one token."""
    for (kind, _), same in groupby(actions, lambda action: (type(action), _token(action))):
        yield from batches(tuple(same), TOGETHER if kind in together else 1)


def _token(action: Action) -> str:
    return action.launch.token if isinstance(action, LaunchInstance) else ""


def _executed(
    batch: Sequence[Action], execute: Callable[[Action], Result], together: Mapping[type[Any], Together]
) -> Sequence[Result]:
    try:
        several = together.get(type(batch[0]))
        return [execute(batch[0])] if several is None else several(batch)
    except AwsError as error:
        return [failed(action, error) for action in batch]


def wrong_kind(action: Action) -> Result:
    """Return the refusal of an action that belongs to the other kind of fleet."""
    return refused(action, "WrongKindOfFleet", f"a fleet of this kind has no {type(action).__name__}")
