"""Read, set and remove the budget of a store."""

from awsroll.api.given import record_store
from awsroll.clock import SystemClock
from awsroll.driver import halt_store
from awsroll.ports import Clock
from awsroll.stores import Budget, RecordStore


def budget(*, store: RecordStore | str | None = None) -> Budget | None:
    """Return how much the rollouts of a store may do at once, in each account and region; None without a budget.

    Args:
        store: a store, or an address as for `--state`; None: a directory under the user's state home.

    Raises:
        StateError: if the budget cannot be read.
    """
    return record_store(store).budgets.load()


def set_budget(
    *,
    rollouts: int | None = None,
    servers: int | None = None,
    store: RecordStore | str | None = None,
    clock: Clock | None = None,
) -> Budget:
    """Set how much the rollouts of a store may do at once, in each account and region. It replaces the budget before.

    Rollouts beyond the budget wait, in the order in which they came. Rollouts that run go on.

    Args:
        rollouts: how many rollouts may run at once; None: any number.
        servers: how many servers may be in flight in all of them; None: any number.
        store: a store, or an address as for `--state`; None: a directory under the user's state home.
        clock: the clock, for the time of the budget; None: the system clock.

    Returns:
        The budget that holds now.

    Raises:
        SpecError: if there is no limit, or a limit is less than 1; nothing was changed.
        StateError: if the budget cannot be read or written; nothing was changed.
    """
    return halt_store.set_budget(record_store(store), clock or SystemClock(), rollouts=rollouts, servers=servers)


def remove_budget(*, store: RecordStore | str | None = None) -> Budget | None:
    """Remove the budget of a store; return the budget before, None if there was none.

    Raises:
        StateError: if the budget cannot be read or written; nothing was changed.
    """
    return halt_store.remove_budget(record_store(store))
