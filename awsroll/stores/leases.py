"""The lease of a fleet: all of its locks or none, held for as long as they are renewed.

A lock is taken, renewed and released by compare-and-swap. For other processes, it expires by the wall clock. Its holder
uses a clock that never jumps and counts from before the renewing write, so it always stops before another process may
start. AWS has no fencing: a call that was sent just before the lease expired may still take effect.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from awsroll.core.model.rollout import Rollout
from awsroll.errors import AwsrollError, FleetLockedError, LeaseLostError
from awsroll.ports import Clock
from awsroll.stores import codec
from awsroll.stores.backend import Backend, WriteConflictError
from awsroll.stores.locks import Holder, Lock, lock_keys

_RENEWALS = 3  # in the time of one lease
_WRITE_ATTEMPTS = 5
_RETRY_SECONDS = 5.0
_RETRY_SHARE = 1 / 12  # of the lease, after a failed renewal


@dataclass(frozen=True, slots=True)
class _Held:
    lock: Lock
    version: str


class Lease:
    """The right to change one fleet, held by this process.

    Args:
        backend: stores the locks.
        clock: decides when the lease has expired.
        holder: the identity of the driver.
        seconds: how long the lease lasts without a renewal.
    """

    def __init__(self, backend: Backend, clock: Clock, holder: Holder, seconds: float) -> None:
        self.holder = holder
        self.seconds = seconds
        self._backend = backend
        self._clock = clock
        self._held: dict[str, _Held] = {}
        self._renewed_at = clock.monotonic()
        self._try_at = self._renewed_at
        self._lost_reason: str | None = None
        self._extend_seconds: float | None = None

    @property
    def fences(self) -> Mapping[str, int]:
        """The fence of each lock, by the name of its resource."""
        return {held.lock.about: held.lock.fence for held in self._held.values()}

    def take(self, keys: Mapping[str, str]) -> tuple[str, Lock] | None:
        """Take all locks or none; return the first lock that another driver holds, with its key."""
        self._renewed_at = self._clock.monotonic()
        self._try_at = self._renewed_at + self.seconds / _RENEWALS
        try:
            for key, about in keys.items():
                other = self._take(key, about)
                if other is not None:
                    self.release()
                    return key, other
        except BaseException:
            self.release()
            raise
        return None

    def find_held(self, keys: Iterable[str]) -> Lock | None:
        """Return the first lock that another driver holds; take none."""
        for key in keys:
            entry = self._backend.read(key)
            lock = None if entry is None else codec.decode(entry.data, Lock, location=self._backend.location(key))
            if lock is not None and not self._is_free(lock):
                return lock
        return None

    def check(self) -> None:
        """Check that the fleet is still held, without any call.

        Raises:
            LeaseLostError: if it is not.
        """
        if self._lost_reason is None and self._clock.monotonic() - self._renewed_at >= self.seconds:
            self._lost_reason = (
                f"the lease of {self.seconds:g} s expired before it was renewed (was this process or its machine "
                "suspended?)"
            )
        if self._lost_reason is not None:
            problem = (
                f"{self._lost_reason}: this process made no further change; `awsroll status "
                f"{self.holder.rollout_id}` shows whether another process continues"
            )
            raise LeaseLostError(problem)

    def renew_if_due(self) -> None:
        """Renew the lease once a third of its time has passed.

        If the store does not answer, the renewal is tried again later: the lease is lost only when it has expired.

        Raises:
            LeaseLostError: if it has expired, or another driver holds one of its locks.
        """
        started = self._clock.monotonic()
        if started < self._try_at and self._lost_reason is None:
            return
        self.check()
        try:
            for key, held in self._held.items():
                self._held[key] = self._write(key, held.lock, held.version)
        except WriteConflictError:
            self._lost_reason = self._why_conflict()
            self.check()
        except AwsrollError:
            self._try_at = self._clock.monotonic() + self.seconds * _RETRY_SHARE
        else:
            self._renewed_at = started
            self._try_at = started + self.seconds / _RENEWALS

    def extend_for_next_step(self, seconds: float) -> None:
        """Have `release` keep the fleet locked for `seconds`, for the next step of the same rollout."""
        self._extend_seconds = seconds

    def release(self) -> None:
        """Release the locks, or extend them for the next step. A lost lease expires by itself."""
        if self._lost_reason is None:
            for key, held in reversed(self._held.items()):
                with suppress(AwsrollError):  # it expires by itself
                    self._release(key, held)
        self._held = {}

    def _release(self, key: str, held: _Held) -> None:
        if self._extend_seconds is None:
            self._backend.delete(key, held.version)
            return
        until = self._clock.now() + timedelta(seconds=self._extend_seconds)
        extended = replace(held.lock, expires_at=until, awaits_next_step=True)
        self._backend.write(key, codec.encode(extended), held.version)

    def _take(self, key: str, about: str) -> Lock | None:
        for _ in range(_WRITE_ATTEMPTS):
            entry = self._backend.read(key)
            fence = 1
            if entry is not None:
                other = codec.decode(entry.data, Lock, location=self._backend.location(key))
                if not self._is_free(other):
                    return other
                fence = other.fence + 1
            lock = Lock(about=about, holder=self.holder, fence=fence, expires_at=self._clock.now())
            with suppress(WriteConflictError):  # another process was faster: read who
                self._held[key] = self._write(key, lock, None if entry is None else entry.version)
                return None
        problem = f"other processes keep taking the lock of {about}; this process changed nothing. Try again"
        raise FleetLockedError(problem)

    def _is_free(self, lock: Lock) -> bool:
        if lock.expires_at <= self._clock.now():
            return True
        if lock.awaits_next_step:  # the process of the last step may end: its death does not free the lock
            return self.holder.takes_steps and lock.holder.rollout_id == self.holder.rollout_id
        return self.holder.process.is_known_dead(lock.holder.process)

    def _write(self, key: str, lock: Lock, expected: str | None) -> _Held:
        """Write a lock that expires after the time of the lease."""
        lock = replace(lock, expires_at=self._clock.now() + timedelta(seconds=self.seconds))
        return _Held(lock, self._backend.write(key, codec.encode(lock), expected))

    def _why_conflict(self) -> str:
        with suppress(AwsrollError):
            for key in self._held:
                entry = self._backend.read(key)
                if entry is not None:
                    lock = codec.decode(entry.data, Lock, location=self._backend.location(key))
                    if lock.holder != self.holder:
                        return f"the fleet is now held by {lock.holder}"
        return "the lock of the fleet was deleted"


def take_lease(
    backend: Backend, rollout: Rollout, holder: Holder, *, clock: Clock, on_wait: Callable[[Lock], None] | None = None
) -> Lease:
    """Take the lease of the fleet of a rollout.

    Args:
        backend: stores the locks.
        rollout: the rollout to drive.
        holder: the identity of the new driver.
        clock: time and waiting.
        on_wait: given to resume a rollout: wait until the lock of an earlier driver on another machine expires, and
            call this first. If that driver renews its lock meanwhile, it is alive, and the wait ends.

    Raises:
        FleetLockedError: if another driver holds a part of the fleet; nothing was changed.
    """
    lease = Lease(backend, clock, holder, rollout.limits.lease_seconds)
    keys = lock_keys(rollout)
    awaited: dict[str, Lock] = {}
    while (held := lease.take(keys)) is not None:
        key, lock = held
        if on_wait is None or not _may_wait(holder, lock, awaited.get(key)):
            raise _locked(rollout, lock, clock)
        if not awaited:
            on_wait(lock)
        awaited[key] = lock
        left = (lock.expires_at - clock.now()).total_seconds()
        clock.sleep(min(max(left, 0.1), _RETRY_SECONDS))
    return lease


def check_free(backend: Backend, rollout: Rollout, holder: Holder, *, clock: Clock) -> None:
    """Check that no other driver holds a part of the fleet of a rollout, without taking its locks.

    Raises:
        FleetLockedError: if another driver does; nothing was changed.
    """
    lease = Lease(backend, clock, holder, rollout.limits.lease_seconds)
    held = lease.find_held(lock_keys(rollout))
    if held is not None:
        raise _locked(rollout, held, clock)


def _may_wait(holder: Holder, lock: Lock, before: Lock | None) -> bool:
    is_same_rollout = lock.holder.rollout_id == holder.rollout_id
    other, own = lock.holder.process, holder.process
    is_here = (other.host, other.boot) == (own.host, own.boot) and not lock.awaits_next_step
    return is_same_rollout and not is_here and before in (None, lock)


def _locked(rollout: Rollout, lock: Lock, clock: Clock) -> FleetLockedError:
    left = max(0.0, (lock.expires_at - clock.now()).total_seconds())
    return FleetLockedError(
        f"{rollout.fleet} is held by {lock.holder}, for another {left:.0f} s unless it renews; this process changed "
        f"nothing. Wait for it, or stop it and continue with `awsroll resume {lock.holder.rollout_id}`"
    )
