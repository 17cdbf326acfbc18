"""Lists records, also those that cannot be used: where they are, why, and which fleet their rollout may still hold.

Only the record of a rollout knows what it has in flight. If the record of an unfinished rollout cannot be used, its
fleet must not be rolled. Its entry in the index of unfinished rollouts names the fleet, and so do the locks that a dead
driver left. An ended rollout has neither.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass

from awsroll.clock import SystemClock
from awsroll.core.model.status import Mode
from awsroll.core.request.store_parts import FLEETS
from awsroll.errors import AwsRefusedError, OldItemError, RolloutNotFoundError, StateError, UntrustedItemError
from awsroll.ports import Record
from awsroll.stores import codec
from awsroll.stores.backend import Backend
from awsroll.stores.locks import Lock
from awsroll.stores.record_keys import ROLLOUTS, record_key, recorded_rollout
from awsroll.stores.unfinished_index import UnfinishedIndex, keeping_others

_OF_ONE_RECORD = (StateError, AwsRefusedError)
"""The errors of one record, not of the whole store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableRecord:
    """A record that cannot be used.

    Attributes:
        reason: the error, with the location of the record.
        is_open: whether the rollout may be unfinished.
        fleet: the name of its fleet; empty if it is not known.
        parts: what no two rollouts may change at a time, as in `fleet_parts`; empty if it is not known.
    """

    rollout_id: str
    location: str
    reason: str
    is_open: bool = False
    fleet: str = ""
    parts: tuple[str, ...] = ()

    def __str__(self) -> str:
        about = f" of {self.fleet}" if self.fleet else ""
        state = "; the rollout may be unfinished" if self.is_open else ""
        return f"rollout {self.rollout_id}{about} is unreadable{state}: {self.reason}"

    def may_hold(self, parts: Collection[str]) -> bool:
        """Return whether the rollout may be unfinished on one of these parts."""
        return self.is_open and not set(parts).isdisjoint(self.parts)

    @property
    def may_hold_any_fleet(self) -> bool:
        """Whether the rollout may be unfinished on a fleet that nothing names."""
        return self.is_open and not self.parts


class RecordListing:
    """Lists the records of one store.

    Args:
        backend: has the records and the locks.
        index: the index of unfinished rollouts.
        load: reads one record, as `RecordStore.load`.
    """

    def __init__(self, backend: Backend, index: UnfinishedIndex, load: Callable[[str], Record]) -> None:
        self._backend = backend
        self._index = index
        self._load = load

    def all(self) -> Iterator[Record | UnreadableRecord]:
        """Yield all records, the readable and the unreadable ones."""
        for rollout_id in sorted({*filter(None, map(recorded_rollout, self._backend.keys(ROLLOUTS)))}):
            found = self._read(rollout_id)
            if isinstance(found, Record):
                yield found
            elif found is not None:
                yield self._describe(rollout_id, found)

    def newest_of(self, prefix: str, *, most: int) -> Iterator[Record]:
        """Yield the readable ones of the newest records whose rollout ids begin with a prefix and a date."""
        known = {*filter(None, map(recorded_rollout, self._backend.keys(ROLLOUTS)))}
        dated = (name for name in known if name.startswith(prefix) and name[len(prefix) : len(prefix) + 1].isdigit())
        for rollout_id in sorted(dated, reverse=True)[:most]:
            found = self._read(rollout_id)
            if isinstance(found, Record):
                yield found

    def unfinished(self) -> Iterator[Record]:
        """Yield the readable records of rollouts that have not ended.

        Raises:
            OldItemError, UntrustedItemError: if such a record is of an older awsroll, or cannot be trusted.
        """
        for rollout_id, entry in self._index.entries().items():
            found = self._read(rollout_id)
            if found is None:
                self._index.remove_abandoned(rollout_id, entry, SystemClock().now())
            elif isinstance(found, OldItemError | UntrustedItemError):
                raise keeping_others(found) from found
            elif isinstance(found, Record) and found.status.mode is Mode.ENDED:
                self._index.remove_entry(rollout_id, entry)
            elif isinstance(found, Record):
                yield found

    def unreadable_open(self) -> Iterator[UnreadableRecord]:
        """Yield the unreadable records of rollouts that may be unfinished."""
        rollouts = {*self._index.entries(), *(lock.holder.rollout_id for lock in self._locks())}
        for rollout_id in sorted(rollouts):
            found = self.unreadable(rollout_id)
            if found is not None:
                yield found

    def unreadable(self, rollout_id: str) -> UnreadableRecord | None:
        """Return the record of a rollout if it cannot be used; None if it can, or if there is none."""
        found = self._read(rollout_id)
        return self._describe(rollout_id, found) if isinstance(found, Exception) else None

    def without_record(self, rollout_id: str) -> UnreadableRecord | None:
        """Return a rollout whose record is missing or cannot be used; None if its record can, or nothing names it."""
        try:
            found = self._read(rollout_id) or self._load(rollout_id)
        except RolloutNotFoundError as error:
            described = self._describe(rollout_id, error)
            return described if described.is_open else None
        return self._describe(rollout_id, found) if isinstance(found, Exception) else None

    def _read(self, rollout_id: str) -> Record | Exception | None:
        """Return a record, the error of this record alone, or None if there is none."""
        try:
            return self._load(rollout_id)
        except RolloutNotFoundError:
            return None
        except _OF_ONE_RECORD as error:
            return error

    def _describe(self, rollout_id: str, error: Exception) -> UnreadableRecord:
        entry = self._index.about(rollout_id)
        locked = tuple(lock.about for lock in self._locks() if lock.holder.rollout_id == rollout_id)
        return UnreadableRecord(
            rollout_id=rollout_id,
            location=self._backend.location(record_key(rollout_id)),
            reason=str(error),
            is_open=entry is not None or bool(locked),
            fleet="" if entry is None else entry.fleet,
            parts=tuple(sorted({*locked, *(() if entry is None else entry.parts)})),
        )

    def _locks(self) -> Iterator[Lock]:
        for key in self._backend.keys(f"{FLEETS}/"):
            with suppress(*_OF_ONE_RECORD):  # `roll` reports a lock that it needs and cannot read
                entry = self._backend.read(key)
                if entry is not None:
                    yield codec.decode(entry.data, Lock, location=self._backend.location(key))
