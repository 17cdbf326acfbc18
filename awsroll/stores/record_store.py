"""The store: records, user requests and the lease of a driver, the same on every backend."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, assert_never

from awsroll.clock import SystemClock
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Mode
from awsroll.core.model.user_requests import UserRequests
from awsroll.core.request.store_address import StoreKind
from awsroll.errors import RolloutNotFoundError, StaleRecordError
from awsroll.ports import Clock, Record
from awsroll.stores import codec, side_files
from awsroll.stores.audit_entries import HistoryFiles
from awsroll.stores.backend import Backend, WriteConflictError
from awsroll.stores.decision_files import DecisionFiles
from awsroll.stores.halts import Halt, change_halt, load_halt
from awsroll.stores.items import Items
from awsroll.stores.leases import Lease, check_free, take_lease
from awsroll.stores.lock_expiry import Time, is_believable, read_time
from awsroll.stores.locks import Holder, Lock, holder_of, rollout_lock
from awsroll.stores.process_identity import Process, this_process
from awsroll.stores.record_keys import check_rollout_id, record_key
from awsroll.stores.record_listing import RecordListing, UnreadableRecord
from awsroll.stores.records import Records
from awsroll.stores.side_files import Note
from awsroll.stores.signing import Signer
from awsroll.stores.store_check import check_store
from awsroll.stores.timeline_files import TimelineFiles
from awsroll.stores.unfinished_index import UnfinishedIndex

if TYPE_CHECKING:
    from awsroll.stores.store_budgets import StoreBudgets


class RecordStore:
    """Records of rollouts on a backend.

    Args:
        backend: stores the bytes.
        signer: signs and verifies records, user requests and notes; None: they are not signed.
        process: the process named in the locks; None: this process.
    """

    def __init__(self, backend: Backend, *, signer: Signer | None = None, process: Process | None = None) -> None:
        self.backend = backend
        self._process = process
        self._items = Items(backend, signer)
        self._records = Records(self._items)
        self._versions: dict[str, tuple[int, str]] = {}
        self._unfinished = UnfinishedIndex(backend)
        self._listing = RecordListing(backend, self._unfinished, self.load)

    def for_another_thread(self) -> "RecordStore":
        """Return a store at the same address with the same key: a store keeps what it has read."""
        return RecordStore(self.backend, signer=self._items.signer, process=self._process)

    @property
    def address(self) -> str:
        """The address, as for `--state`."""
        return str(self.backend.address)

    @property
    def is_on_this_machine(self) -> bool:
        """Whether no other machine reads this store by its address."""
        return self.backend.address.kind is StoreKind.DIRECTORY

    @property
    def label(self) -> str:
        """The address as other machines need it: a directory with the name of its host."""
        address = self.backend.address
        match address.kind:
            case StoreKind.DIRECTORY:
                return f"{self._this_process().host}:{address}"
            case StoreKind.S3 | StoreKind.DYNAMODB:
                return str(address)
            case _:
                assert_never(address.kind)

    # --- records ------------------------------------------------------------------------------------------------------

    def load(self, rollout_id: str) -> Record:
        """Read a record.

        Raises:
            RolloutNotFoundError: if there is no record with this id.
            StateError: if the record cannot be used.
        """
        item = self._records.read(rollout_id)
        if item is None:
            raise self._not_found(rollout_id)
        record = item.value
        self._versions[rollout_id] = (record.revision, item.version)
        if record.status.mode is Mode.ENDED:
            self._unfinished.forget(rollout_id)
        return record

    def save(self, record: Record) -> Record:
        """Write a record if its revision is still the stored one (0: no record exists); return it as stored.

        Raises:
            StaleRecordError: if another process has written it meanwhile.
            StateError: if it cannot be written.
        """
        rollout_id, has_ended = record.rollout.rollout_id, record.status.mode is Mode.ENDED
        stored = replace(record, revision=record.revision + 1)
        if not has_ended:
            self._unfinished.add(record.rollout, SystemClock().now())
        try:
            version = self._records.write(stored, expected=self._expected_version(record))
        except WriteConflictError:
            raise self._stale(record, self._stored_revision(rollout_id)) from None
        self._versions[rollout_id] = (stored.revision, version)
        if has_ended:
            self._unfinished.remove(rollout_id)
        return stored

    def expect(self, rollout_id: str, revision: int) -> None:
        """Refuse an older revision of a record from now on: a caller has seen this revision."""
        self._items.expect(record_key(rollout_id), revision)

    def list(self) -> tuple[Record, ...]:
        """Return all readable records, newest first."""
        return _newest_first(record for record in self._listing.all() if isinstance(record, Record))

    def newest_of(self, prefix: str, *, most: int) -> tuple[Record, ...]:
        """Return the newest readable records of the rollouts whose ids begin with a prefix, newest first."""
        return tuple(self._listing.newest_of(prefix, most=most))

    def unfinished(self) -> tuple[Record, ...]:
        """Return the readable records of rollouts that have not ended, newest first; see `unreadable_open`.

        Only these records are read: a store may hold thousands of ended rollouts.

        Raises:
            OldItemError, UntrustedItemError: if such a record is of an older awsroll, or cannot be trusted.
        """
        return _newest_first(self._listing.unfinished())

    def unreadable(self) -> tuple[UnreadableRecord, ...]:
        """Return the records that `list` leaves out."""
        return tuple(record for record in self._listing.all() if isinstance(record, UnreadableRecord))

    def unreadable_record(self, rollout_id: str) -> UnreadableRecord | None:
        """Return the record of a rollout if it cannot be used; None if it can, or if there is none."""
        return self._listing.unreadable(rollout_id)

    def unreadable_open(self) -> tuple[UnreadableRecord, ...]:
        """Return the records that `unfinished` leaves out: their rollouts may be unfinished."""
        return tuple(self._listing.unreadable_open())

    def forget_open(self, rollout_id: str) -> None:
        """Remove a rollout whose record cannot be used from the index of unfinished rollouts: it holds no fleet."""
        self._unfinished.remove(rollout_id)

    # --- files beside the record --------------------------------------------------------------------------------------

    def user_requests(self, rollout_id: str) -> UserRequests:
        """Return the user requests of a rollout, with the halt of the store; the defaults if there are none.

        Raises:
            StateError: if they cannot be used.
        """
        requests, halt = side_files.load_user_requests(self._items, rollout_id), self.halted()
        return requests if halt is None else replace(requests, halted=str(halt))

    def halted(self) -> Halt | None:
        """Return the halt of all rollouts of this store; None if they may run.

        Raises:
            StateError: if it cannot be read.
        """
        return load_halt(self._items)

    def change_halt(self, change: Callable[[Halt | None], Halt | None]) -> Halt | None:
        """Halt all rollouts of this store, or lift the halt; return the halt before.

        Raises:
            StateError: if it cannot be read or written.
        """
        return change_halt(self._items, change)

    @property
    def budgets(self) -> "StoreBudgets":
        """What the rollouts of this store may do at once, and their shares of it."""
        from awsroll.stores.store_budgets import StoreBudgets  # noqa: PLC0415 - loaded on use

        return StoreBudgets(self.backend, self._items, self.unfinished, self._this_process)

    def change_user_requests(self, rollout_id: str, change: Callable[[UserRequests], UserRequests]) -> UserRequests:
        """Change the user requests of a rollout, safe against concurrent changes; return them as stored.

        Raises:
            RolloutNotFoundError: if there is no rollout with this id.
            StateError: if its user requests cannot be read or written.
        """
        if self.backend.read(record_key(rollout_id)) is None:
            raise self._not_found(rollout_id)
        return side_files.change_user_requests(self._items, rollout_id, change)

    def note(self, rollout_id: str, kind: type[Note]) -> Note | None:
        """Return a note of a stepwise driver (a `RolloutRequest`, a `Waiting`); None if there is none.

        Raises:
            StateError: if it cannot be used.
        """
        return side_files.load_note(self._items, rollout_id, kind)

    def put_note(self, rollout_id: str, note: Note) -> None:
        """Save a note of a stepwise driver; the last write wins.

        Raises:
            StateError: if it cannot be written.
        """
        side_files.save_note(self._items, rollout_id, note)

    def replace_note(self, rollout_id: str, before: Note | None, note: Note) -> bool:
        """Save a note if the stored note is still `before` (None: there is none); return whether it was saved.

        Raises:
            StateError: if the stored note cannot be used, or the note cannot be written.
        """
        return side_files.replace_note(self._items, rollout_id, before, note)

    def timeline(self, rollout_id: str) -> TimelineFiles:
        """Return the timeline of a rollout."""
        return TimelineFiles(self._items, rollout_id)

    def history(self) -> HistoryFiles:
        """Return the history of this store: who did what to which rollout."""
        return HistoryFiles(self._items)

    def decisions(self, rollout_id: str) -> DecisionFiles:
        """Return the recorded decisions of a rollout."""
        return DecisionFiles(self._items, rollout_id)

    # --- the lease ----------------------------------------------------------------------------------------------------

    @contextmanager
    def drive(
        self,
        rollout: Rollout,
        *,
        clock: Clock | None = None,
        on_wait: Callable[[Lock], None] | None = None,
        takes_steps: bool = False,
        arn: str = "",
    ) -> Iterator[Lease]:
        """Hold the lease of a rollout and its fleet during the block, for as long as it is renewed.

        Args:
            rollout: the rollout to drive.
            clock: time and waiting; None: the system clock.
            on_wait: as for `take_lease`: given to resume a rollout.
            takes_steps: take over the lease that an earlier step of this rollout extended.
            arn: of the execution that makes the steps, else of the caller of AWS, for messages to others.

        Raises:
            FleetLockedError: on entering, if another process or rollout holds a part of the fleet.
            StateError: on entering, if the store cannot be written.
        """
        clock = clock or SystemClock()
        holder = replace(self.as_holder(rollout, clock, takes_steps=takes_steps), arn=arn)
        lease = take_lease(self.backend, rollout, holder, clock=clock, on_wait=on_wait)
        try:
            yield lease
        finally:
            lease.release()

    def check_free(self, rollout: Rollout, *, clock: Clock) -> None:
        """Check that no other driver holds a part of the fleet of a rollout; write nothing.

        Raises:
            FleetLockedError: if another driver does.
            StateError: if a lock cannot be read.
        """
        check_free(self.backend, rollout, self.as_holder(rollout, clock), clock=clock)

    def as_holder(self, rollout: Rollout, clock: Clock, *, takes_steps: bool = False) -> Holder:
        """Return this process as the driver of a rollout."""
        return holder_of(rollout, self._this_process(), clock.now(), takes_steps=takes_steps)

    def driver(self, rollout_id: str, *, at: datetime | None = None) -> Holder | None:
        """Return who drives the rollout; None if its lease was not taken, was released or expired, or its process died.

        Between two steps, the driver is the process of the last step. Another driver may have to wait longer, because
        clocks may be wrong: see `is_held`.
        """
        key = rollout_lock(check_rollout_id(rollout_id))
        entry = self.backend.read(key)
        if entry is None:
            return None
        lock = codec.decode(entry.data, Lock, location=self.backend.location(key))
        is_dead = not lock.awaits_next_step and self._this_process().is_known_dead(lock.holder.process)
        time = read_time(self.backend, SystemClock()) if at is None else Time(at=at)
        is_over = lock.expires_at <= time.at or not is_believable(lock, time)
        return None if is_over or is_dead else lock.holder

    def is_held(self, rollout: Rollout, *, clock: Clock) -> bool:
        """Return whether a driver may still hold the lock of the rollout itself."""
        lease = Lease(self.backend, clock, self.as_holder(rollout, clock), rollout.limits.lease_seconds)
        return bool(lease.held_locks([rollout_lock(rollout.rollout_id)]))

    # --- the place itself ---------------------------------------------------------------------------------------------

    def create(self) -> tuple[str, ...]:
        """Create the store if needed, and check that it can be used; return notes and warnings.

        Raises:
            StateError, AwsError: if it cannot be used.
        """
        notes = self.backend.create()
        check_store(self.backend, self._items.signer)
        return notes

    def retain(self) -> tuple[str, ...]:
        """Delete records some time after their last write from now on; return notes.

        Raises:
            SpecError: if this store cannot do so; nothing was changed.
            AwsError: if AWS refused.
        """
        return self.backend.retain()

    def _this_process(self) -> Process:
        # Not cached: a fork is another process.
        return this_process() if self._process is None else self._process

    def _expected_version(self, record: Record) -> str | None:
        if record.revision == 0:
            return None
        rollout_id = record.rollout.rollout_id
        if rollout_id not in self._versions or self._versions[rollout_id][0] != record.revision:
            revision = self._stored_revision(rollout_id)
            if revision != record.revision:
                raise self._stale(record, revision)
        return self._versions[rollout_id][1]

    def _stored_revision(self, rollout_id: str) -> int:
        try:
            return self.load(rollout_id).revision
        except RolloutNotFoundError:
            return 0

    def _stale(self, record: Record, revision: int) -> StaleRecordError:
        return StaleRecordError(
            f"another process has written rollout {record.rollout.rollout_id} (revision {revision}, expected "
            f"{record.revision}); this process stops here and leaves the rollout to it"
        )

    def _not_found(self, rollout_id: str) -> RolloutNotFoundError:
        problem = f"there is no rollout {rollout_id} in {self.address}. `awsroll list` shows the known rollouts"
        return RolloutNotFoundError(problem)


def _newest_first(records: Iterable[Record]) -> tuple[Record, ...]:
    return tuple(sorted(records, key=lambda record: record.status.started_at, reverse=True))
