"""One lease: the locks of a fleet while this process holds them. `leases` has the theory of operation."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

from awsroll.errors import AwsrollError, FleetLockedError, LeaseLostError
from awsroll.ports import Clock
from awsroll.stores import codec
from awsroll.stores.backend import Backend, Entry, WriteConflictError
from awsroll.stores.lock_expiry import is_believable, read_time, seconds_left
from awsroll.stores.locks import Holder, Lock

_RENEWALS = 3  # in the time of one lease
_ACTING_SHARE = 2 / 3  # of the lease, after a renewal
_WRITE_ATTEMPTS = 5
_RETRY_SHARE = 1 / 12  # of the lease, after a failed renewal
_Watched = Mapping[str, Lock]
Result = TypeVar("Result")


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
        self._tried_at = clock.now()
        self._lost_reason: str | None = None
        self._extend_seconds: float | None = None
        self.problem: str = ""
        """Why the last renewal failed; empty if it did not."""

    @property
    def fences(self) -> Mapping[str, int]:
        """The fence of each lock, by the name of its resource."""
        return {held.lock.about: held.lock.fence for held in self._held.values()}

    def take(self, keys: Mapping[str, str], unchanged: _Watched | None = None) -> tuple[str, Lock] | None:
        """Take all locks or none; return the first lock that another driver holds, with its key.

        Args:
            keys: the keys of the locks, each with the name of its resource.
            unchanged: locks that this process has watched without a change for the length of their lease.
        """
        self._renewed_at = self._clock.monotonic()
        self._schedule(self._renewed_at + self.seconds / _RENEWALS)
        try:
            for key, about in keys.items():
                other = self._take(key, about, (unchanged or {}).get(key))
                if other is not None:
                    self.release()
                    return key, other
        except BaseException:
            self.release()
            raise
        return None

    def held_locks(self, keys: Iterable[str]) -> dict[str, Lock]:
        """Return the locks that other drivers hold; take none."""
        held = {}
        for key in keys:
            entry = self._backend.read(key)
            lock = None if entry is None else self._decode(key, entry)
            if lock is not None and not self._is_free(lock):
                held[key] = lock
        return held

    def check(self) -> None:
        """Check that the fleet is still held, without any call.

        Raises:
            LeaseLostError: if it is not.
        """
        if self._lost_reason is None and self._clock.monotonic() - self._renewed_at >= self.seconds * _ACTING_SHARE:
            cause = self.problem or "was this process or its machine suspended?"
            self._lost_reason = f"the lease of {self.seconds:g} s expired before it was renewed ({cause})"
        if self._lost_reason is not None:
            problem = (
                f"{self._lost_reason}: this process made no further change; `awsroll status "
                f"{self.holder.rollout_id}` shows whether another process continues"
            )
            raise LeaseLostError(problem)

    def renew_if_due(self) -> None:
        """Renew the lease once a third of its time has passed, or the wall clock says so.

        If the store does not answer, the renewal is tried again later: the lease is lost only when it has expired.

        Raises:
            LeaseLostError: if it has expired, or another driver holds one of its locks.
        """
        started = self._clock.monotonic()
        has_jumped = (self._clock.now() - self._tried_at).total_seconds() >= self.seconds / _RENEWALS
        if started < self._try_at and not has_jumped and self._lost_reason is None:
            return
        self.check()
        try:
            for key, held in self._held.items():
                self._held[key] = self._renew(key, held)
        except WriteConflictError:
            self._lost_reason = self._why_conflict()
            self.check()
        except AwsrollError as error:
            self.problem = f"the store could not be written: {error}"
            self._schedule(self._clock.monotonic() + self.seconds * _RETRY_SHARE)
        else:
            self.problem = ""
            self._renewed_at = started
            self._schedule(started + self.seconds / _RENEWALS)

    def extend_for_next_step(self, seconds: float) -> None:
        """Have `release` keep the fleet locked for `seconds`, for the next step of the same rollout."""
        self._extend_seconds = seconds

    def release(self) -> None:
        """Release the locks, or extend them for the next step. Locks of another driver stay as they are."""
        for key, held in reversed(self._held.items()):
            with suppress(AwsrollError):  # it expires by itself
                self._release(key, held)
        self._held = {}

    def believes(self, lock: Lock) -> bool:
        """Return whether a driver can have written the expiry of a lock."""
        return is_believable(lock, read_time(self._backend, self._clock))

    def seconds_left(self, lock: Lock) -> float:
        """Return the seconds until a lock of another driver has certainly expired."""
        is_beside = self.holder.process.is_beside(lock.holder.process)
        return seconds_left(lock, read_time(self._backend, self._clock), is_beside=is_beside)

    def _schedule(self, at: float) -> None:
        self._try_at = at
        self._tried_at = self._clock.now()

    def _release(self, key: str, held: _Held) -> None:
        if self._extend_seconds is None or self._lost_reason is not None:
            self._at_own_version(key, held, lambda version: self._backend.delete(key, version))
            return
        until = read_time(self._backend, self._clock, writes=True).latest + timedelta(seconds=self._extend_seconds)
        extended = replace(held.lock, expires_at=until, awaits_next_step=True)
        self._at_own_version(key, held, lambda version: self._backend.write(key, codec.encode(extended), version))

    def _take(self, key: str, about: str, unchanged: Lock | None) -> Lock | None:
        for _ in range(_WRITE_ATTEMPTS):
            entry = self._backend.read(key)
            fence = 1
            if entry is not None:
                other = self._decode(key, entry)
                if not self._is_free(other, is_unchanged=other == unchanged):
                    return other
                fence = other.fence + 1
            lock = Lock(about=about, holder=self.holder, fence=fence, expires_at=self._clock.now())
            with suppress(WriteConflictError):  # another process was faster: read who
                self._held[key] = self._write(key, lock, None if entry is None else entry.version)
                return None
        problem = f"other processes keep taking the lock of {about}; this process changed nothing. Try again"
        raise FleetLockedError(problem)

    def _is_free(self, lock: Lock, *, is_unchanged: bool = False) -> bool:
        if self.seconds_left(lock) <= 0:
            return True
        if is_unchanged and not (lock.awaits_next_step and self.believes(lock)):
            return True
        if lock.awaits_next_step:  # the process of the last step may end: its death does not free the lock
            return self.holder.takes_steps and lock.holder.rollout_id == self.holder.rollout_id
        return self.holder.process.is_known_dead(lock.holder.process)

    def _write(self, key: str, lock: Lock, expected: str | None) -> _Held:
        """Write a lock that expires after the time of the lease."""
        time = read_time(self._backend, self._clock, writes=True)
        lock = replace(
            lock,
            expires_at=time.latest + timedelta(seconds=self.seconds),
            seconds=self.seconds,
            boot_seconds=time.boot_seconds,
        )
        return _Held(lock, self._backend.write(key, codec.encode(lock), expected))

    def _renew(self, key: str, held: _Held) -> _Held:
        return self._at_own_version(key, held, lambda version: self._write(key, held.lock, version))

    def _at_own_version(self, key: str, held: _Held, call: Callable[[str], Result]) -> Result:
        """Make a conditional call. A write that was reported as failed may have taken effect: use its version then."""
        try:
            return call(held.version)
        except WriteConflictError:
            entry = self._backend.read(key)
            if (
                entry is None
                or codec.decode(entry.data, Lock, location=self._backend.location(key)).holder != self.holder
            ):
                raise
            return call(entry.version)

    def _decode(self, key: str, entry: Entry) -> Lock:
        return codec.decode(entry.data, Lock, location=self._backend.location(key))

    def _why_conflict(self) -> str:
        with suppress(AwsrollError):
            for key in self._held:
                entry = self._backend.read(key)
                if entry is not None:
                    lock = self._decode(key, entry)
                    if lock.holder != self.holder:
                        return f"the fleet is now held by {lock.holder}"
        return "the lock of the fleet was deleted"
