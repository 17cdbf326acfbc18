"""Halt all rollouts of a store, lift the halt, and set or remove the budget. All need the store alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from awsroll.core.model.status import Outcome
from awsroll.driver.caller_name import local_name
from awsroll.errors import SpecError
from awsroll.ports import Clock, Record
from awsroll.stores import Budget, Halt, RecordStore

_HALTED = "halted "


@dataclass(frozen=True, slots=True, kw_only=True)
class Unhalted:
    """What `unhalt` has found.

    Attributes:
        halt: the halt that was lifted; None if the rollouts of the store were not halted.
        paused: ids of the rollouts that the halt has paused, newest first. `resume` continues each.
    """

    halt: Halt | None
    paused: tuple[str, ...] = ()


def halt(store: RecordStore, clock: Clock, *, reason: str = "") -> Halt:
    """Halt all rollouts of a store: each pauses at its next safe point, and new ones are refused.

    A driver reads the halt at least every 2 seconds, a function at its next step. An earlier halt stays as it is.

    Args:
        store: the store.
        clock: the clock, for the time of the halt.
        reason: why, for everyone whose rollout is paused or refused.

    Returns:
        The halt that holds now.

    Raises:
        StateError: if the halt cannot be read or written; nothing was changed.
    """
    wanted = Halt(reason=" ".join(reason.split()), by=local_name(), since=clock.now().replace(microsecond=0))
    return store.change_halt(lambda before: before or wanted) or wanted


def unhalt(store: RecordStore) -> Unhalted:
    """Lift the halt of a store. The rollouts that it has paused stay paused, until each is resumed.

    Raises:
        StateError: if the halt cannot be read or written; nothing was changed.
    """
    return Unhalted(halt=store.change_halt(lambda _: None), paused=_paused_by_halt(store.unfinished()))


def set_budget(store: RecordStore, clock: Clock, *, rollouts: int | None, servers: int | None) -> Budget:
    """Set the budget of a store; return it.

    Args:
        store: the store.
        clock: the clock, for the time of the budget.
        rollouts: how many rollouts may run at once; None: any number.
        servers: how many servers may be in flight in all of them; None: any number.

    Raises:
        SpecError: if there is no limit, or a limit is less than 1; nothing was changed.
        StateError: if the budget cannot be read or written; nothing was changed.
    """
    limits = {"rollouts": rollouts, "servers": servers}
    problems = [f"{name}: {limit} is less than 1" for name, limit in limits.items() if limit is not None and limit < 1]
    if rollouts is None and servers is None:
        problems.append("a budget limits rollouts, servers or both")
    if problems:
        raise SpecError(*problems)
    wanted = Budget(rollouts=rollouts, servers=servers, by=local_name(), since=clock.now().replace(microsecond=0))
    store.budgets.change(wanted)
    return wanted


def remove_budget(store: RecordStore) -> Budget | None:
    """Remove the budget of a store; return the budget before, None if there was none.

    Raises:
        StateError: if the budget cannot be read or written; nothing was changed.
    """
    return store.budgets.change(None)


def _paused_by_halt(records: Sequence[Record]) -> tuple[str, ...]:
    paused = (record for record in records if record.status.outcome is Outcome.PAUSED)
    return tuple(record.rollout.rollout_id for record in paused if record.status.reason.startswith(_HALTED))
