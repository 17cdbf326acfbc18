"""The lease of a fleet: all of its locks or none, held for as long as they are renewed.

Theory of operation. A lock is taken, renewed and released by compare-and-swap. No two drivers act at once, although
their clocks differ by less than the length of a lease, jump by less than that, and their processes may be suspended:

1. The holder acts for two thirds of the lease, counted from before its last successful renewal, by a clock that never
   jumps (`Clock.monotonic`). Then it stops. The last third is for errors of reading the time. A renewal that succeeds
   proves that no other driver has held the lock in between. So a jump of the wall clock makes a renewal due at once.
2. A lock says how long its lease is, and when it expires by the clock of the store: the `Date` of the answers of S3 or
   DynamoDB, the time of the file server, else the clock of the machine.
3. Another driver takes a lock only if one of these proves that its holder has stopped:
   - The process of the holder has ended (`process_identity`), or the lock only awaits the next step of this rollout.
   - The holder runs in the same boot, and its clock shows that the length of the lease has passed.
   - The lock has expired by the clock of the store, plus the error of that clock (`StoreTime.error_leases`). The clock
     of an AWS service has none. The clock of a file server may jump once. Clocks of two machines may each be wrong.
   - This driver has watched the lock without a change for the whole length of the lease, by a clock that never jumps.
     This needs no agreement of clocks. `awsroll resume` waits in this way.
4. An expiry that no driver writes (further away than the longest lease) proves nothing: it is replaced by watching.

Any process can stop between its check and its call. AWS has no fencing, so a call that was sent just before the lease
expired may still take effect. AWS refuses a request that is older than its signature allows (5 minutes).
"""

from collections.abc import Callable, Mapping

from awsroll.core.model.rollout import Rollout
from awsroll.errors import FleetLockedError
from awsroll.ports import Clock
from awsroll.stores.backend import Backend
from awsroll.stores.lease import Lease
from awsroll.stores.lock_expiry import length_of
from awsroll.stores.locks import Holder, Lock, fleet_parts, lock_keys, part_words

__all__ = ["Lease", "check_free", "take_lease"]

_RETRY_SECONDS = 5.0
_SHORTEST_WAIT = 0.1


class _Watch:
    """The locks that this process has seen, and since when each is unchanged."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: dict[str, tuple[Lock, float]] = {}

    @property
    def is_empty(self) -> bool:
        """Whether no lock was seen."""
        return not self._seen

    def see(self, key: str, lock: Lock) -> bool:
        """Note a lock; return whether it is unchanged since it was seen first."""
        return self._seen.setdefault(key, (lock, self._clock.monotonic()))[0] == lock

    def seconds_left(self, key: str) -> float:
        """Return the seconds until a lock has been unchanged for the length of its lease."""
        lock, since = self._seen[key]
        return max(0.0, length_of(lock) - (self._clock.monotonic() - since))

    def unchanged(self) -> dict[str, Lock]:
        """Return the locks that were unchanged for the length of their lease."""
        return {key: lock for key, (lock, _) in self._seen.items() if self.seconds_left(key) <= 0}


def take_lease(  # noqa: PLR0913 - two of them have defaults
    backend: Backend,
    rollout: Rollout,
    holder: Holder,
    *,
    clock: Clock,
    on_wait: Callable[[Lock], None] | None = None,
    keys: Mapping[str, str] | None = None,
) -> Lease:
    """Take the lease of the fleet of a rollout.

    Args:
        backend: stores the locks.
        rollout: the rollout to drive.
        holder: the identity of the new driver.
        clock: time and waiting.
        on_wait: given to resume a rollout: wait until the lock of an earlier driver on another machine expires, and
            call this first. If that driver renews its lock meanwhile, it is alive, and the wait ends.
            A lock whose expiry no driver can have written is watched in any case.
        keys: the locks to take, each with its resource; None: all locks of the rollout.

    Raises:
        FleetLockedError: if another driver holds a part of the fleet; nothing was changed.
    """
    lease = Lease(backend, clock, holder, rollout.limits.lease_seconds)
    keys, watch = lock_keys(rollout) if keys is None else keys, _Watch(clock)
    while (held := lease.take(keys, watch.unchanged())) is not None:
        key, lock = held
        is_first, is_believed = watch.is_empty, lease.believes(lock)
        if is_believed and (on_wait is None or not _may_wait(holder, lock)):
            raise _locked(rollout, key, lock, lease)
        seen = {key: lock} | lease.held_locks(keys)
        for name, changed in [(name, other) for name, other in seen.items() if not watch.see(name, other)]:
            raise _locked(rollout, name, changed, lease)
        if is_first and on_wait is not None:
            on_wait(lock)
        left = lease.seconds_left(lock)
        if not (lock.awaits_next_step and is_believed):
            left = min(left, watch.seconds_left(key))
        clock.sleep(min(max(left, _SHORTEST_WAIT), _RETRY_SECONDS))
    return lease


def check_free(backend: Backend, rollout: Rollout, holder: Holder, *, clock: Clock) -> None:
    """Check that no other driver holds a part of the fleet of a rollout, without taking its locks.

    Raises:
        FleetLockedError: if another driver does; nothing was changed.
    """
    lease = Lease(backend, clock, holder, rollout.limits.lease_seconds)
    for key, lock in lease.held_locks(lock_keys(rollout)).items():
        if lease.believes(lock):  # else `take_lease` watches it, and takes it
            raise _locked(rollout, key, lock, lease)


def _may_wait(holder: Holder, lock: Lock) -> bool:
    is_here = holder.process.is_beside(lock.holder.process) and not lock.awaits_next_step
    return lock.holder.rollout_id == holder.rollout_id and not is_here


def _locked(rollout: Rollout, key: str, lock: Lock, lease: Lease) -> FleetLockedError:
    part = lock_keys(rollout).get(key, "")
    held = part_words(part) if part in fleet_parts(rollout) else rollout.fleet
    until = f", for another {lease.seconds_left(lock):.0f} s unless it renews" if lease.believes(lock) else ""
    return FleetLockedError(
        f"{held} is held by {lock.holder}{until}; this process changed "
        f"nothing. Wait for it, or stop it and continue with `awsroll resume {lock.holder.rollout_id}`"
    )
