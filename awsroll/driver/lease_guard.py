"""A clock and a store that stop the controller once its lease is lost.

The controller knows nothing of leases: it waits on a clock and writes to a store. The clock renews the lease during
each sleep, and the store checks the lease before each write. `aws.caller` checks it before each call that may change
something.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from awsroll.core.model.rollout import Rollout
from awsroll.core.model.user_requests import UserRequests
from awsroll.ports import Clock, Lease, Record, Store
from awsroll.stores import Halt, RecordStore, UnreadableRecord

if TYPE_CHECKING:
    from awsroll.stores import Shortfall

_NO_TIME = 0.001  # less than this is not waited for
_CUT_SHORT = 0.01  # a sleep that is shorter by more than this was ended by a stop request


class GuardedClock:
    """A clock that cuts its sleeps into slices and calls registered functions after each slice.

    Args:
        clock: the system clock or a virtual clock.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._calls: list[tuple[int, Callable[[], None]]] = []  # the thread, and the function
        self._slice = float("inf")

    @contextmanager
    def calling(self, call: Callable[[], None], *, every_seconds: float = float("inf")) -> Iterator[None]:
        """Call a function after each slice of a sleep during the block; a slice lasts at most `every_seconds`.

        Only sleeps of this thread call it: other threads that read from AWS must not use the store.
        """
        before, self._slice = self._slice, min(self._slice, every_seconds)
        own = threading.get_ident(), call
        self._calls.append(own)
        try:
            yield
        finally:
            self._calls.remove(own)
            self._slice = before

    @property
    def base(self) -> Clock:
        """The inner clock, which several guarded clocks may share."""
        return self._clock

    @property
    def is_real_time(self) -> bool:
        """Whether the inner clock runs in real time; False if it does not say."""
        return bool(getattr(self._clock, "is_real_time", False))

    def now(self) -> datetime:
        """Return the current instant, in UTC."""
        return self._clock.now()

    def monotonic(self) -> float:
        """Return seconds on a clock that never jumps."""
        return self._clock.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds`, or until the inner clock is asked to stop.

        Raises:
            LeaseLostError: if the lease was lost meanwhile.
        """
        end = self.monotonic() + seconds
        wanted = min(seconds, self._slice)
        while wanted > 0:
            started = self.monotonic()
            self._clock.sleep(wanted)
            for thread, call in tuple(self._calls):
                if thread == threading.get_ident():
                    call()
            left = end - self.monotonic()
            if left < _NO_TIME or self.monotonic() - started < wanted - _CUT_SHORT:
                return
            wanted = min(left, self._slice)


class GuardedStore:
    """A store that writes the record of a rollout only while its lease is held.

    Args:
        store: where the records are saved.
        lease: the lease of the rollout that is driven.
    """

    def __init__(self, store: Store, lease: Lease) -> None:
        self._store = store
        self._lease = lease

    def load(self, rollout_id: str) -> Record:
        """Read a record."""
        return self._store.load(rollout_id)

    def save(self, record: Record) -> Record:
        """Write a record, as the store does.

        Raises:
            LeaseLostError: if the lease is lost; nothing was written.
        """
        self._lease.renew_if_due()
        self._lease.check()
        return self._store.save(record)

    def user_requests(self, rollout_id: str) -> UserRequests:
        """Return the user requests of a rollout."""
        return self._store.user_requests(rollout_id)

    def change_user_requests(self, rollout_id: str, change: Callable[[UserRequests], UserRequests]) -> UserRequests:
        """Change the user requests of a rollout. This needs no lease."""
        return self._store.change_user_requests(rollout_id, change)

    def halted(self) -> Halt | None:
        """Return the halt of all rollouts of the store; None if there is none, or the store cannot tell."""
        return self._store.halted() if isinstance(self._store, RecordStore) else None

    def take_share(
        self, rollout: Rollout, *, clock: Clock, in_any_case: bool = False, waits: bool = False
    ) -> "Shortfall | None":
        """Take a share of the budget of the store, while the lease is held; return why there is no room."""
        self._lease.check()
        if not isinstance(self._store, RecordStore):
            return None
        return self._store.budgets.take_share(rollout, clock=clock, in_any_case=in_any_case, waits=waits)

    def list(self) -> tuple[Record, ...]:
        """Return all readable records, newest first."""
        return self._store.list()

    def unfinished(self) -> tuple[Record, ...]:
        """Return the readable records of rollouts that have not ended, newest first."""
        return self._store.unfinished()

    def unreadable_open(self) -> tuple[UnreadableRecord, ...]:
        """Return the records that `unfinished` leaves out; none if the store cannot tell."""
        return self._store.unreadable_open() if isinstance(self._store, RecordStore) else ()

    def forget_open(self, rollout_id: str) -> None:
        """Remove a rollout whose record cannot be used from the unfinished ones, while the lease is held."""
        self._lease.check()
        if isinstance(self._store, RecordStore):
            self._store.forget_open(rollout_id)
