"""The budget of a store, and who has a share of it: the unfinished rollouts whose lock is held."""

from collections.abc import Callable, Iterable

from awsroll.core.model.rollout import Rollout
from awsroll.ports import Clock, Record
from awsroll.stores.backend import Backend
from awsroll.stores.budgets import Budget, Share, Shortfall, StoredBudget, share_of
from awsroll.stores.items import Items
from awsroll.stores.leases import Lease
from awsroll.stores.locks import holder_of, rollout_lock
from awsroll.stores.process_identity import Process
from awsroll.stores.record_keys import BUDGET_KEY
from awsroll.stores.share_file import Counting, ShareFile
from awsroll.stores.side_files import change_item, load_item


class StoreBudgets:
    """Reads and changes the budget, and takes shares of it.

    Args:
        backend: stores the bytes.
        items: reads and writes the budget.
        unfinished: returns the unfinished rollouts of the store.
        process: returns the process that takes shares.
    """

    def __init__(
        self,
        backend: Backend,
        items: Items,
        unfinished: Callable[[], tuple[Record, ...]],
        process: Callable[[], Process],
    ) -> None:
        self._backend = backend
        self._items = items
        self._unfinished = unfinished
        self._process = process

    def load(self) -> Budget | None:
        """Return how much the rollouts of this store may do at once; None without a budget.

        Raises:
            StateError: if it cannot be read.
        """
        item = load_item(self._items, BUDGET_KEY, StoredBudget)
        return None if item is None else item.value.budget

    def change(self, budget: Budget | None) -> Budget | None:
        """Set the budget of this store, or remove it; return the budget before.

        Raises:
            StateError: if it cannot be read or written.
        """
        about, wanted = self._backend.location(BUDGET_KEY), StoredBudget(budget=budget)
        before, _ = change_item(self._items, BUDGET_KEY, StoredBudget(), lambda _: wanted, about=about)
        return before.budget

    def room_for(self, rollout: Rollout, *, clock: Clock) -> Shortfall | None:
        """Return why the budget has no room for a rollout; None if it has. Write nothing.

        Raises:
            StateError: if the budget or the shares cannot be read.
        """
        budget = self.load()
        if budget is None:
            return None
        return self._file(rollout, clock).room_for(share_of(rollout, clock.now()), budget)

    def wait_for_room(self, rollout: Rollout, *, clock: Clock) -> Shortfall | None:
        """Return why the budget has no room for a rollout, and keep its place among those that wait; None if it has.

        The place needs no lock. It expires within a minute, unless this is called again.

        Raises:
            StateError: if the budget or the shares cannot be read or written.
        """
        budget = self.load()
        if budget is None:
            return None
        return self._file(rollout, clock).wait(share_of(rollout, clock.now()), budget)

    def leave(self, rollout: Rollout, *, clock: Clock) -> None:
        """Remove the place of a rollout that no longer waits.

        Raises:
            StateError: if the shares cannot be read or written.
        """
        self._file(rollout, clock).leave(rollout.rollout_id)

    def take_share(
        self, rollout: Rollout, *, clock: Clock, in_any_case: bool = False, waits: bool = False
    ) -> Shortfall | None:
        """Take a share of the budget for a rollout whose lock is held; return why there is no room.

        Args:
            rollout: the rollout.
            clock: decides which leases have expired.
            in_any_case: take the share also if there is no room.
            waits: if there is no room, keep a place for the rollout, as `wait_for_room` does.

        Raises:
            StateError: if the budget or the shares cannot be read or written.
        """
        budget = self.load()
        if budget is None:
            return None
        share = share_of(rollout, clock.now())
        return self._file(rollout, clock).take(share, None if in_any_case else budget, waits=waits)

    def _file(self, rollout: Rollout, clock: Clock) -> ShareFile:
        return ShareFile(self._backend, rollout, clock.now(), self._counting(rollout, clock))

    def _counting(self, rollout: Rollout, clock: Clock) -> Counting:
        """Return the function that adds the unfinished rollouts to shares, and keeps those whose lock is held."""
        lease = Lease(
            self._backend, clock, holder_of(rollout, self._process(), clock.now()), rollout.limits.lease_seconds
        )
        place = (rollout.account, rollout.region)
        started = {
            record.rollout.rollout_id: share_of(record.rollout, record.status.started_at)
            for record in self._unfinished()
            if (record.rollout.account, record.rollout.region) == place
            and record.rollout.rollout_id != rollout.rollout_id
        }

        def counting(shares: Iterable[Share]) -> tuple[Share, ...]:
            known = started | {share.rollout_id: share for share in shares}
            return tuple(share for name, share in known.items() if lease.held_locks([rollout_lock(name)]))

        return counting
