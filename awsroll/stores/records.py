"""Reads and writes records as items, with the digest of their request."""

from dataclasses import dataclass

from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Mode, Status
from awsroll.errors import OldItemError, StateError, UntrustedItemError
from awsroll.ports import Record
from awsroll.stores import codec
from awsroll.stores.items import Item, Items
from awsroll.stores.plain_values import without_defaults
from awsroll.stores.record_keys import record_key
from awsroll.stores.request_digest import request_digest


@dataclass(frozen=True, slots=True, kw_only=True)
class _StoredRecord:
    """A record as it is stored. `Records.write` leaves fields of the status out that have their default.

    Attributes:
        request: the digest of the request, as the rollout began.
    """

    request: str
    rollout: Rollout
    status: Status
    revision: int


class Records:
    """The records of one store, for one thread.

    Args:
        items: the items of the store.
    """

    def __init__(self, items: Items) -> None:
        self._items = items
        self._requests: dict[str, str] = {}
        self._digested: tuple[Rollout, str] | None = None

    def read(self, rollout_id: str) -> Item[Record] | None:
        """Return a record; None if there is none.

        Raises:
            UntrustedItemError: if its request has changed since the rollout began, or its code is wrong.
            StateError: if it cannot be used for another reason.
        """
        key = record_key(rollout_id)
        location = self._items.backend.location(key)
        try:
            item = self._items.read(key, _StoredRecord)
        except OldItemError:
            ended = self._ended_before_kinds(key)
            if ended is None:
                raise
            return ended
        if item is None:
            return None
        stored = item.value
        if stored.rollout.rollout_id != rollout_id:
            problem = (
                f"the record {location} belongs to another rollout ({stored.rollout.rollout_id}); nothing was changed"
            )
            raise StateError(problem)
        digest = self._digest(stored.rollout)
        if digest != stored.request or self._requests.get(rollout_id, digest) != digest:
            problem = (
                f"the request in the record {location} is not the request that rollout {rollout_id} began with; "
                "nothing was changed, also not the record. Someone has edited it: do not resume it"
            )
            raise UntrustedItemError(problem)
        self._requests[rollout_id] = digest
        record = Record(rollout=stored.rollout, status=stored.status, revision=stored.revision)
        return Item(value=record, version=item.version, revision=item.revision)

    def write(self, record: Record, *, expected: str | None) -> str:
        """Write a record if the stored version is the expected one (None: no record exists); return the new version.

        Raises:
            WriteConflictError: if it is not; nothing was changed.
            UntrustedItemError: if its request is not the request that the rollout began with; nothing was changed.
        """
        rollout_id, digest = record.rollout.rollout_id, self._digest(record.rollout)
        if expected is not None and self._requests.get(rollout_id, digest) != digest:
            problem = f"the request of rollout {rollout_id} must not change; nothing was written"
            raise UntrustedItemError(problem)
        stored = {
            "request": digest,
            "rollout": record.rollout,
            "status": without_defaults(record.status),
            "revision": record.revision,
        }
        version = self._items.write(record_key(rollout_id), stored, revision=record.revision, expected=expected)
        self._requests[rollout_id] = digest
        return version

    def _digest(self, rollout: Rollout) -> str:
        # A driver writes the same request at every step.
        if self._digested is None or self._digested[0] is not rollout:
            self._digested = (rollout, request_digest(rollout))
        return self._digested[1]

    def _ended_before_kinds(self, key: str) -> Item[Record] | None:
        """Return the record of an older awsroll if its rollout has ended: nothing of it can be in flight."""
        entry = self._items.backend.read(key)
        if entry is None or self._items.signer is not None:
            return None
        try:
            record = codec.decode_before_kinds(entry.data, Record, location=self._items.backend.location(key))
        except OldItemError:
            return None
        if record.status.mode is not Mode.ENDED:
            return None
        return Item(value=record, version=entry.version, revision=record.revision)
