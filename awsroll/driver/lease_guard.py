"""What a rollout runs in while it holds its fleet: a clock that keeps the lease alive, a store that asks it first.

The controller knows nothing of leases: it waits on a clock and writes to a store, and each of these stops it once the
lease is lost. So does every AWS call that may change something (`aws.caller`).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from awsroll.core.model.user_requests import UserRequests
from awsroll.ports import Clock, Lease, Record, Store

_NO_TIME = 0.001  # less than this is not waited for
_CUT_SHORT = 0.01  # a sleep shorter by more than this was ended by a wish to stop


class HeldClock:
    """A clock whose sleeps are cut into slices, with something done after each.

    Args:
        clock: the real or virtual clock.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._keepers: list[Callable[[], None]] = []
        self._slice = float("inf")

    @contextmanager
    def keeping(self, keep: Callable[[], None], *, seconds: float = float("inf")) -> Iterator[None]:
        """Call `keep` after each slice of a sleep, of at most `seconds`, for as long as the block lasts."""
        before, self._slice = self._slice, min(self._slice, seconds)
        self._keepers.append(keep)
        try:
            yield
        finally:
            self._keepers.remove(keep)
            self._slice = before

    def now(self) -> datetime:
        """Return the current instant, in UTC."""
        return self._clock.now()

    def monotonic(self) -> float:
        """Return seconds on a clock that never jumps."""
        return self._clock.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds`, or until the clock underneath is asked to stop.

        Raises:
            LeaseLostError: if the lease was lost meanwhile.
        """
        end = self.monotonic() + seconds
        wanted = min(seconds, self._slice)
        while wanted > 0:
            begun = self.monotonic()
            self._clock.sleep(wanted)
            for keep in tuple(self._keepers):
                keep()
            left = end - self.monotonic()
            if left < _NO_TIME or self.monotonic() - begun < wanted - _CUT_SHORT:
                return
            wanted = min(left, self._slice)


class HeldStore:
    """A store that writes a rollout's record only while its lease is held.

    Args:
        store: where the records are kept.
        lease: of the rollout that is driven.
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
        """Return what people want of a rollout."""
        return self._store.user_requests(rollout_id)

    def change_user_requests(self, rollout_id: str, change: Callable[[UserRequests], UserRequests]) -> UserRequests:
        """Change what people want of a rollout: anybody may, with or without a lease."""
        return self._store.change_user_requests(rollout_id, change)

    def list(self) -> tuple[Record, ...]:
        """Return all records that can be read, newest first."""
        return self._store.list()

    def unfinished(self) -> tuple[Record, ...]:
        """Return those of them that have not come to an end, newest first."""
        return self._store.unfinished()
