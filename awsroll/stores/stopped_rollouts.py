"""The locks of a rollout that is released by hand, also if its record or a lock cannot be used."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from awsroll.core.model.rollout import Rollout
from awsroll.core.request.store_parts import FLEETS
from awsroll.errors import StateError
from awsroll.ports import Clock
from awsroll.stores import codec
from awsroll.stores.backend import Backend, WriteConflictError
from awsroll.stores.leases import take_lease
from awsroll.stores.locks import Lock, lock_keys, rollout_lock
from awsroll.stores.record_listing import RecordListing, UnreadableRecord
from awsroll.stores.record_store import RecordStore
from awsroll.stores.unfinished_index import UnfinishedIndex


def known_without_record(store: RecordStore, rollout_id: str) -> UnreadableRecord | None:
    """Return what the index and the locks show of a rollout without a usable record; None if they do not name it."""
    return RecordListing(store.backend, UnfinishedIndex(store.backend), store.load).without_record(rollout_id)


@contextmanager
def hold_stopped(
    store: RecordStore, rollout: Rollout, *, clock: Clock, on_wait: Callable[[Lock], None] | None = None
) -> Iterator[tuple[str, ...]]:
    """Hold the locks of a stopped rollout during the block, and free them; yield the names of what they lock.

    Locks of other rollouts stay as they are. A lock of this fleet that cannot be read is deleted.

    Raises:
        FleetLockedError: if a process still drives the rollout; nothing was changed.
    """
    holder = store.as_holder(rollout, clock, takes_steps=True)
    keys = {**_own_locks(store.backend, rollout), rollout_lock(rollout.rollout_id): rollout.rollout_id}
    lease = take_lease(store.backend, rollout, holder, clock=clock, on_wait=on_wait, keys=keys)
    try:
        yield tuple(keys.values())
    finally:
        lease.release()


def _own_locks(backend: Backend, rollout: Rollout) -> dict[str, str]:
    """Return the locks that name a rollout, and delete the unreadable locks of its fleet."""
    parts, found = lock_keys(rollout), {}
    for key in sorted({*backend.keys(f"{FLEETS}/"), *parts}):
        entry = backend.read(key)
        if entry is None:
            continue
        try:
            lock = codec.decode(entry.data, Lock, location=backend.location(key))
        except StateError:
            if key in parts:
                with suppress(WriteConflictError):  # another process has replaced it
                    backend.delete(key, entry.version)
            continue
        if lock.holder.rollout_id == rollout.rollout_id:
            found[key] = lock.about
    return found
