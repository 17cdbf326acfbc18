"""Who drives a rollout, and that one fleet has one driver per store.

A driver holds a kernel lock on its rollout and one on each thing that it changes: the Auto Scaling group and every
target group, taken in sorted order, all or none. The kernel frees them when the process dies, however it dies. A note
in each locked file says who it is, for people.
"""

import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import msgspec

from awsroll.core.rollout import Rollout
from awsroll.errors import FleetLockedError, StateError
from awsroll.stores.files import FileLock

_PROBE_ATTEMPTS = 5
_PROBE_PAUSE_SECONDS = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """The process that drives a rollout."""

    rollout_id: str
    process: int
    host: str
    since: datetime

    def __str__(self) -> str:
        return (
            f"rollout {self.rollout_id} (process {self.process} on {self.host}, since {self.since:%Y-%m-%d %H:%M:%SZ})"
        )


def fleet_keys(rollout: Rollout) -> tuple[str, ...]:
    """Name everything that a rollout may change, so that any two rollouts that share a part share a key."""
    group = (f"{rollout.account}/{rollout.region}/{rollout.group}",) if rollout.group else ()
    extra = (key.target_group for key in rollout.extra_targets)
    return tuple(sorted({*group, *rollout.target_groups, *extra}))


@contextmanager
def driving(rollout: Rollout, *, driver_lock: Path, fleet_folder: Path) -> Iterator[Driver]:
    """Be the one driver of a rollout and of its fleet for as long as the block lasts.

    Raises:
        FleetLockedError: if another process drives this rollout, or another rollout holds a part of the fleet.
        StateError: if the state directory cannot be written.
    """
    driver = Driver(
        rollout_id=rollout.rollout_id, process=os.getpid(), host=socket.gethostname(), since=datetime.now(UTC)
    )
    locks = [*(FileLock(fleet_folder / _file_name(key)) for key in fleet_keys(rollout)), FileLock(driver_lock)]
    try:
        fleet_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _acquire_all(locks[:-1], rollout.fleet)
        # Only now: a rollout that was refused leaves no folder behind.
        driver_lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _acquire_all(locks[-1:], rollout.rollout_id)
        for lock in locks:
            lock.path.write_bytes(msgspec.json.encode(driver))
    except OSError as error:
        _release_all(locks)
        problem = f"the state directory of {driver_lock} cannot be written: {error.strerror}; name another --state"
        raise StateError(problem) from error
    except BaseException:
        _release_all(locks)
        raise
    try:
        yield driver
    finally:
        _release_all(locks)


def current_driver(driver_lock: Path) -> Driver | None:
    """Return who drives the rollout now; None if nobody does, whatever an old note says."""
    if not driver_lock.exists():
        return None
    lock = FileLock(driver_lock)
    if lock.acquire():
        lock.release()
        return None
    return _noted(driver_lock)


def _acquire_all(locks: Sequence[FileLock], fleet: str) -> None:
    for lock in locks:
        if not _acquire(lock):
            holder = _noted(lock.path)
            who = "another rollout" if holder is None else str(holder)
            problem = (
                f"{fleet} is held by {who}; this one changed nothing: wait for it, or stop it and go on with "
                f"`awsroll resume {'ROLLOUT' if holder is None else holder.rollout_id}`"
            )
            raise FleetLockedError(problem)


def _release_all(locks: Sequence[FileLock]) -> None:
    for lock in reversed(locks):
        lock.release()


def _acquire(lock: FileLock) -> bool:
    # `current_driver` holds a lock for an instant to see whether it is free: that must not look like a driver.
    for _ in range(_PROBE_ATTEMPTS):
        if lock.acquire():
            return True
        time.sleep(_PROBE_PAUSE_SECONDS)
    return False


def _noted(path: Path) -> Driver | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Driver)
    except (OSError, msgspec.DecodeError):
        return None


def _file_name(key: str) -> str:
    readable = "".join(letter if letter.isalnum() or letter == "-" else "_" for letter in key)[-80:]
    return f"{readable}-{sha256(key.encode()).hexdigest()[:12]}.lock"
