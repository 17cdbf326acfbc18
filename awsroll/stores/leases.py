"""The one driver of a fleet: all of its locks or none, held for as long as they are renewed.

A lock is taken, renewed and given back by compare-and-swap. It expires by the wall clock, for others to see; its holder
goes by a clock that never jumps, counted from before the write that renewed it, so it always stops before others may
begin. What AWS cannot fence remains: a call that was let through an instant before the lease ran out.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from awsroll.core.model.rollout import Rollout
from awsroll.errors import AwsrollError, FleetLockedError, LeaseLostError
from awsroll.ports import Clock
from awsroll.stores import codec
from awsroll.stores.locks import Holder, Lock, lock_keys
from awsroll.stores.shelf import Shelf, ShelfConflictError

_RENEWALS = 3  # in the time of one lease
_WRITE_ATTEMPTS = 5
_LOOK_EVERY_SECONDS = 5.0
_AFTER_A_FAILED_RENEWAL = 1 / 12  # of the lease


@dataclass(frozen=True, slots=True)
class _Held:
    lock: Lock
    version: str


class Lease:
    """The right to change one fleet, held by this process.

    Args:
        shelf: where the locks lie.
        clock: tells when it has run out.
        holder: who this is.
        seconds: how long it lasts without a renewal.
    """

    def __init__(self, shelf: Shelf, clock: Clock, holder: Holder, seconds: float) -> None:
        self.holder = holder
        self.seconds = seconds
        self._shelf = shelf
        self._clock = clock
        self._held: dict[str, _Held] = {}
        self._renewed_at = clock.monotonic()
        self._try_at = self._renewed_at
        self._lost = ""
        self._parked_seconds: float | None = None

    @property
    def fences(self) -> Mapping[str, int]:
        """The fence of each lock, by what it is about."""
        return {one.lock.about: one.lock.fence for one in self._held.values()}

    def take(self, keys: Mapping[str, str]) -> tuple[str, Lock] | None:
        """Take all locks or none; return the first one that somebody else holds, with its key."""
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

    def check(self) -> None:
        """Make sure that the fleet is still held; asks nobody.

        Raises:
            LeaseLostError: if it is not.
        """
        if not self._lost and self._clock.monotonic() - self._renewed_at >= self.seconds:
            self._lost = (
                f"the lease of {self.seconds:g} s ran out before it could be renewed (was this process, or its "
                "machine, asleep?)"
            )
        if self._lost:
            problem = (
                f"{self._lost}: nothing more was changed or written by this process; `awsroll status "
                f"{self.holder.rollout_id}` shows whether another one goes on"
            )
            raise LeaseLostError(problem)

    def renew_if_due(self) -> None:
        """Renew once a third of the time has passed.

        A shelf that does not answer is asked again a little later: the lease is lost only when it has run out.

        Raises:
            LeaseLostError: if it has run out, or somebody else holds a lock of it.
        """
        begun = self._clock.monotonic()
        if begun < self._try_at and not self._lost:
            return
        self.check()
        try:
            for key, held in self._held.items():
                self._held[key] = self._renewed(key, held)
        except ShelfConflictError:
            self._lost = f"the fleet is held by {self._other_holder()} now"
            self.check()
        except AwsrollError:
            self._try_at = self._clock.monotonic() + self.seconds * _AFTER_A_FAILED_RENEWAL
        else:
            self._renewed_at = begun
            self._try_at = begun + self.seconds / _RENEWALS

    def extend_for_next_step(self, seconds: float) -> None:
        """Have `release` keep the fleet locked for `seconds`, for the next step of the same rollout."""
        self._parked_seconds = seconds

    def release(self) -> None:
        """Give back, or park, what is still ours; a lease that was lost is left to expire."""
        if not self._lost:
            for key, held in reversed(self._held.items()):
                with suppress(AwsrollError):  # it expires by itself
                    self._let_go(key, held)
        self._held = {}

    def _let_go(self, key: str, held: _Held) -> None:
        if self._parked_seconds is None:
            self._shelf.delete(key, held.version)
            return
        until = self._clock.now() + timedelta(seconds=self._parked_seconds)
        parked = replace(held.lock, expires_at=until, is_parked=True)
        self._shelf.write(key, codec.encode(parked), held.version)

    def _take(self, key: str, about: str) -> Lock | None:
        for _ in range(_WRITE_ATTEMPTS):
            entry = self._shelf.read(key)
            fence = 1
            if entry is not None:
                other = codec.decode(entry.data, Lock, where=self._shelf.where(key))
                if not self._is_free(other):
                    return other
                fence = other.fence + 1
            lock = Lock(about=about, holder=self.holder, fence=fence, expires_at=self._clock.now())
            with suppress(ShelfConflictError):  # somebody was faster: look who
                self._held[key] = self._renewed(key, _Held(lock, "" if entry is None else entry.version))
                return None
        problem = f"{about} is being taken by others at this moment; this one changed nothing: try again"
        raise FleetLockedError(problem)

    def _is_free(self, lock: Lock) -> bool:
        if lock.expires_at <= self._clock.now():
            return True
        if lock.is_parked:  # nobody is at work: whether the process that parked it lives says nothing
            return self.holder.takes_steps and lock.holder.rollout_id == self.holder.rollout_id
        return self.holder.process.is_known_dead(lock.holder.process)

    def _renewed(self, key: str, held: _Held) -> _Held:
        lock = replace(held.lock, expires_at=self._clock.now() + timedelta(seconds=self.seconds))
        return _Held(lock, self._shelf.write(key, codec.encode(lock), held.version or None))

    def _other_holder(self) -> str:
        with suppress(AwsrollError):
            for key in self._held:
                entry = self._shelf.read(key)
                if entry is not None:
                    lock = codec.decode(entry.data, Lock, where=self._shelf.where(key))
                    if lock.holder != self.holder:
                        return str(lock.holder)
        return "nobody (its lock is gone)"


def take_lease(
    shelf: Shelf, rollout: Rollout, holder: Holder, *, clock: Clock, on_wait: Callable[[Lock], None] | None = None
) -> Lease:
    """Take the lease of a rollout's fleet.

    Args:
        shelf: where the locks lie.
        rollout: what is to be driven.
        holder: who wants to.
        clock: time and waiting.
        on_wait: given to go on with a rollout: a lock that an earlier driver of it holds on another machine is waited
            for until it runs out, and told of here. One that is renewed meanwhile shows a driver that lives.

    Raises:
        FleetLockedError: if somebody else holds a part of it; nothing was changed.
    """
    lease = Lease(shelf, clock, holder, rollout.limits.lease_seconds)
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
        clock.sleep(min(max(left, 0.1), _LOOK_EVERY_SECONDS))
    return lease


def _may_wait(holder: Holder, lock: Lock, before: Lock | None) -> bool:
    is_ours = lock.holder.rollout_id == holder.rollout_id
    theirs, ours = lock.holder.process, holder.process
    is_here = (theirs.host, theirs.boot) == (ours.host, ours.boot) and not lock.is_parked
    return is_ours and not is_here and before in (None, lock)


def _locked(rollout: Rollout, lock: Lock, clock: Clock) -> FleetLockedError:
    left = max(0.0, (lock.expires_at - clock.now()).total_seconds())
    return FleetLockedError(
        f"{rollout.fleet} is held by {lock.holder}, for another {left:.0f} s unless it renews; this one changed "
        f"nothing: wait for it, or stop it and go on with `awsroll resume {lock.holder.rollout_id}`"
    )
