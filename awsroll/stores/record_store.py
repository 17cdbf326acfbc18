"""The store: records, wishes and the right to drive, the same on every shelf.

rollouts/<rollout id>/record.json   the record
                      wishes.json   what people want of it
                      lock.json     who drives it
                      order.json    driven step by step: what was ordered
                      waiting.json  the same: who waits for a person
open/<rollout id>.json              there while it has not come to an end (`marks`)
fleets/<group or target group>.json who rolls it
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from typing import TypeVar
from uuid import uuid4

from awsroll.clock import SystemClock
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Mode
from awsroll.core.model.user_requests import UserRequests
from awsroll.errors import RolloutNotFoundError, StaleRecordError, StateError
from awsroll.ports import Clock, Record
from awsroll.stores import codec
from awsroll.stores.driver_notes import RolloutRequest, Waiting
from awsroll.stores.leases import Lease, take_lease
from awsroll.stores.locks import Holder, Lock, rollout_lock
from awsroll.stores.process_identity import Process, this_process
from awsroll.stores.shelf import Entry, Shelf, ShelfConflictError
from awsroll.stores.unfinished_index import Marks

_ROLLOUT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_WISH_ATTEMPTS = 20
Note = TypeVar("Note", RolloutRequest, Waiting)


class RecordStore:
    """Records of rollouts on a shelf.

    Args:
        shelf: where the bytes lie.
        process: who this is, for the locks; None: this very process.
    """

    def __init__(self, shelf: Shelf, *, process: Process | None = None) -> None:
        self.shelf = shelf
        self._process = process
        self._versions: dict[str, tuple[int, str]] = {}
        self._marks = Marks(shelf)

    @property
    def place(self) -> str:
        """The place as `--state` names it."""
        return self.shelf.place

    @property
    def label(self) -> str:
        """The place as other machines read it: a directory with the name of its host."""
        return self.place if "://" in self.place else f"{self._me().host}:{self.place}"

    def load(self, rollout_id: str) -> Record:
        """Read a record.

        Raises:
            RolloutNotFoundError: if there is none of that id.
            StateError: if it is there but cannot be used.
        """
        key = _key(rollout_id, "record")
        entry = self.shelf.read(key)
        if entry is None:
            raise self._unknown(rollout_id)
        record = codec.decode(entry.data, Record, where=self.shelf.where(key))
        if record.rollout.rollout_id != rollout_id:
            problem = (
                f"the record {self.shelf.where(key)} is of another rollout ({record.rollout.rollout_id}); "
                "nothing was changed"
            )
            raise StateError(problem)
        self._versions[rollout_id] = (record.revision, entry.version)
        if record.status.mode is Mode.ENDED:
            self._marks.forget(rollout_id)
        return record

    def save(self, record: Record) -> Record:
        """Write a record if its revision is still the stored one (0: if there is none); return it as stored.

        Raises:
            StaleRecordError: if somebody else wrote it meanwhile.
            StateError: if it cannot be written.
        """
        rollout_id, is_over = record.rollout.rollout_id, record.status.mode is Mode.ENDED
        key = _key(rollout_id, "record")
        stored = replace(record, revision=record.revision + 1)
        if not is_over:
            self._marks.put(rollout_id, SystemClock().now())
        try:
            version = self.shelf.write(key, codec.encode(stored), self._expected(record))
        except ShelfConflictError:
            raise self._stale(record, self._written(rollout_id)) from None
        self._versions[rollout_id] = (stored.revision, version)
        if is_over:
            self._marks.remove(rollout_id)
        return stored

    def list(self) -> tuple[Record, ...]:
        """Return all records that can be read, newest first."""
        found = [entry for entry in self._entries() if isinstance(entry, Record)]
        return tuple(sorted(found, key=lambda record: record.status.started_at, reverse=True))

    def unfinished(self) -> tuple[Record, ...]:
        """Return the records that can be read of rollouts that have not come to an end, newest first.

        Only those are read: a place may hold thousands that have ended.
        """
        found = []
        for rollout_id, mark in self._marks.read().items():
            try:
                record = self.load(rollout_id)
            except RolloutNotFoundError:
                self._marks.tidy_abandoned(rollout_id, mark, SystemClock().now())
            except StateError:
                continue  # as in `list`
            else:
                if record.status.mode is Mode.ENDED:
                    self._marks.tidy(rollout_id, mark)
                else:
                    found.append(record)
        return tuple(sorted(found, key=lambda one: one.status.started_at, reverse=True))

    def unreadable(self) -> tuple[StateError, ...]:
        """Return what is wrong with each record that `list` leaves out."""
        return tuple(entry for entry in self._entries() if isinstance(entry, StateError))

    def user_requests(self, rollout_id: str) -> UserRequests:
        """Return what people want of a rollout; nothing, if nobody has said anything.

        Raises:
            StateError: if what they said is there but cannot be used.
        """
        return self._user_requests(rollout_id)[0]

    def change_user_requests(self, rollout_id: str, change: Callable[[UserRequests], UserRequests]) -> UserRequests:
        """Change what people want of a rollout, whoever else does so at the same time; return it as stored.

        Raises:
            RolloutNotFoundError: if there is no rollout of that id.
            StateError: if its wishes cannot be read or written.
        """
        key = _key(rollout_id, "wishes")
        if self.shelf.read(_key(rollout_id, "record")) is None:
            raise self._unknown(rollout_id)
        for _ in range(_WISH_ATTEMPTS):
            before, entry = self._user_requests(rollout_id)
            after = change(before)
            if after == before:
                return before
            try:
                self.shelf.write(key, codec.encode(after), None if entry is None else entry.version)
            except ShelfConflictError:
                continue
            return after
        problem = f"others keep writing what they want of rollout {rollout_id}: nothing was added; try again"
        raise StateError(problem)

    def note(self, rollout_id: str, kind: type[Note]) -> Note | None:
        """Return the note of a kind (an `RolloutRequest`, a `Waiting`) that is kept beside a record.

        Raises:
            StateError: if it is there but cannot be used.
        """
        key = _key(rollout_id, kind.__name__.lower())
        entry = self.shelf.read(key)
        return None if entry is None else codec.decode(entry.data, kind, where=self.shelf.where(key))

    def put_note(self, rollout_id: str, note: RolloutRequest | Waiting) -> None:
        """Keep a note beside a record, over the one that is there: the last one counts.

        Raises:
            StateError: if it cannot be written.
        """
        key = _key(rollout_id, type(note).__name__.lower())
        for _ in range(_WISH_ATTEMPTS):
            entry = self.shelf.read(key)
            with suppress(ShelfConflictError):
                self.shelf.write(key, codec.encode(note), None if entry is None else entry.version)
                return
        problem = f"others keep writing to {self.shelf.where(key)}: nothing was added; try again"
        raise StateError(problem)

    @contextmanager
    def drive(
        self,
        rollout: Rollout,
        *,
        clock: Clock | None = None,
        on_wait: Callable[[Lock], None] | None = None,
        takes_steps: bool = False,
    ) -> Iterator[Lease]:
        """Be the one driver of a rollout and of its fleet for as long as the block lasts and the lease is renewed.

        Args:
            rollout: what is to be driven.
            clock: time and waiting; None: really.
            on_wait: as in `take_lease`: given to go on with a rollout.
            takes_steps: take what an earlier step of this rollout has parked.

        Raises:
            FleetLockedError: on entering, if another process or rollout holds any part of it.
            StateError: on entering, if the place cannot be written.
        """
        clock = clock or SystemClock()
        holder = Holder(
            rollout_id=rollout.rollout_id,
            process=self._me(),
            since=clock.now(),
            token=uuid4().hex,
            takes_steps=takes_steps,
        )
        lease = take_lease(self.shelf, rollout, holder, clock=clock, on_wait=on_wait)
        try:
            yield lease
        finally:
            lease.release()

    def driver(self, rollout_id: str, *, at: datetime | None = None) -> Holder | None:
        """Return who drives the rollout; None if nobody does: never begun, given back, run out, or died here.

        Between two steps of one that is driven step by step, it is who took the last one.
        """
        key = rollout_lock(_checked(rollout_id))
        entry = self.shelf.read(key)
        if entry is None:
            return None
        lock = codec.decode(entry.data, Lock, where=self.shelf.where(key))
        now = SystemClock().now() if at is None else at
        if lock.expires_at <= now or (not lock.is_parked and self._me().is_known_dead(lock.holder.process)):
            return None
        return lock.holder

    def create(self) -> tuple[str, ...]:
        """Make the place ready, and prove it by writing, reading and deleting; tell what was done or is amiss.

        Raises:
            StateError, AwsError: if it cannot be used.
        """
        said = self.shelf.create()
        key, data = f"probes/{uuid4().hex}.json", b"{}"
        version = self.shelf.write(key, data, None)
        entry = self.shelf.read(key)
        if entry is None or entry.data != data:
            problem = f"{self.place} does not give back what was written to it: name another --state"
            raise StateError(problem)
        self.shelf.delete(key, version)
        self.shelf.keys("rollouts/")
        return said

    def _me(self) -> Process:
        # Not kept: a process that forks is another one.
        return this_process() if self._process is None else self._process

    def _expected(self, record: Record) -> str | None:
        if record.revision == 0:
            return None
        rollout_id = record.rollout.rollout_id
        if self._versions.get(rollout_id, (0, ""))[0] != record.revision:
            written = self._written(rollout_id)
            if written != record.revision:
                raise self._stale(record, written)
        return self._versions[rollout_id][1]

    def _written(self, rollout_id: str) -> int:
        try:
            return self.load(rollout_id).revision
        except RolloutNotFoundError:
            return 0

    def _stale(self, record: Record, written: int) -> StaleRecordError:
        return StaleRecordError(
            f"rollout {record.rollout.rollout_id} was written by somebody else (revision {written}, expected "
            f"{record.revision}); this process stops here and leaves it to them"
        )

    def _unknown(self, rollout_id: str) -> RolloutNotFoundError:
        problem = f"no rollout {rollout_id} is known in {self.place}: `awsroll list` shows those that are"
        return RolloutNotFoundError(problem)

    def _user_requests(self, rollout_id: str) -> tuple[UserRequests, Entry | None]:
        key = _key(rollout_id, "wishes")
        entry = self.shelf.read(key)
        if entry is None:
            return UserRequests(), None
        return codec.decode(entry.data, UserRequests, where=self.shelf.where(key)), entry

    def _entries(self) -> Iterator[Record | StateError]:
        for key in self.shelf.keys("rollouts/"):
            _, rollout_id, name = key.split("/", 2)
            if name == "record.json":
                try:
                    yield self.load(rollout_id)
                except StateError as error:
                    yield error


def _key(rollout_id: str, what: str) -> str:
    return f"rollouts/{_checked(rollout_id)}/{what}.json"


def _checked(rollout_id: str) -> str:
    if not _ROLLOUT_ID.fullmatch(rollout_id):
        problem = f"{rollout_id!r} is not the id of a rollout: `awsroll list` shows those that are known"
        raise RolloutNotFoundError(problem)
    return rollout_id
