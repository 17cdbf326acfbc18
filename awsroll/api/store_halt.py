"""Halt all rollouts of a store, and lift the halt."""

from awsroll.api.given import record_store
from awsroll.clock import SystemClock
from awsroll.driver import halt_store
from awsroll.driver.halt_store import Unhalted
from awsroll.ports import Clock
from awsroll.stores import Halt, RecordStore


def halt(reason: str = "", *, store: RecordStore | str | None = None, clock: Clock | None = None) -> Halt:
    """Halt all rollouts of a store: each pauses at its next safe point, and new ones are refused.

    Args:
        reason: why, for everyone whose rollout is paused or refused.
        store: a store, or an address as for `--state`; None: a directory under the user's state home.
        clock: the clock, for the time of the halt; None: the system clock.

    Returns:
        The halt that holds now: an earlier halt stays as it is.

    Raises:
        StateError: if the halt cannot be read or written; nothing was changed.
    """
    return halt_store.halt(record_store(store), clock or SystemClock(), reason=reason)


def unhalt(*, store: RecordStore | str | None = None) -> Unhalted:
    """Lift the halt of a store; return it, with the rollouts that it has paused. `resume` continues each of them.

    Raises:
        StateError: if the halt cannot be read or written; nothing was changed.
    """
    return halt_store.unhalt(record_store(store))
