"""When a lock has expired: what the clock of a store proves, and what it does not.

`leases` has the theory. Values only.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from awsroll.core.model.rollout_choices import LONGEST_LEASE_SECONDS
from awsroll.ports import Clock
from awsroll.stores.backend import Backend, StoreTime
from awsroll.stores.locks import Lock

# A store whose clock differs by more from this machine's is an emulator with a clock of its own. AWS refuses a
# signature that is off by more (Amazon S3: 15 minutes).
_MOST_DIFFERENCE = timedelta(minutes=15)
_LONGEST_STEP = timedelta(days=30)  # a checkpoint may delay the next step for days
_MACHINE_ERROR = 2  # two machines, each wrong by less than a lease


@dataclass(frozen=True, slots=True, kw_only=True)
class Time:
    """The current time, as far as an expiry is concerned.

    Attributes:
        at: by the clock of the store, or of this machine.
        error: how far this reading may be from the clock of the store, in either direction.
        error_leases: two drivers may read this clock with a difference below this number of lease lengths.
        boot_seconds: by the clock of this boot, which never jumps; None: not in real time.
    """

    at: datetime
    error: timedelta = timedelta(0)
    error_leases: float = 0
    boot_seconds: float | None = None

    @property
    def latest(self) -> datetime:
        """The latest instant that the clock may show."""
        return self.at + self.error


def read_time(backend: Backend, clock: Clock, *, writes: bool = False) -> Time:
    """Return the time by the clock of the store if it is known, else by the clock of this machine.

    Args:
        backend: the store.
        clock: the clock of this machine.
        writes: a write follows, so the store may be created to read its clock.
    """
    machine = clock.now()
    boot_seconds = clock.monotonic() if getattr(clock, "is_real_time", False) else None
    stored: StoreTime | None = backend.time(writes=writes)
    if stored is None or abs(stored.at - machine) > _MOST_DIFFERENCE:
        return Time(at=machine, error_leases=_MACHINE_ERROR, boot_seconds=boot_seconds)
    return Time(at=stored.at, error=stored.error, error_leases=stored.error_leases, boot_seconds=boot_seconds)


def length_of(lock: Lock) -> float:
    """Return the length of the lease of a lock, within the bounds of a lease."""
    return min(max(lock.seconds, 0), LONGEST_LEASE_SECONDS)


def is_believable(lock: Lock, time: Time) -> bool:
    """Return whether a driver can have written this expiry: it is at most the longest lease away."""
    longest = _LONGEST_STEP if lock.awaits_next_step else timedelta(seconds=LONGEST_LEASE_SECONDS)
    error = time.error + timedelta(seconds=time.error_leases * length_of(lock))
    return lock.expires_at - time.latest <= longest + 2 * error


def seconds_left(lock: Lock, time: Time, *, is_beside: bool) -> float:
    """Return the seconds until a lock has certainly expired; 0 if it has.

    Args:
        lock: the lock.
        time: the current time.
        is_beside: its holder shares the boot of this process, and so its clock.
    """
    length = length_of(lock)
    if is_beside and not lock.awaits_next_step and lock.boot_seconds is not None and time.boot_seconds is not None:
        passed = time.boot_seconds - lock.boot_seconds
        if passed >= 0:
            return max(0.0, length - passed)
    left = (lock.expires_at - time.at + time.error).total_seconds()
    # Between two steps no process acts under the lock, so a wrong clock does no harm.
    return max(0.0, left + (0 if lock.awaits_next_step else time.error_leases * length))
