"""The index of unfinished rollouts, so that finding them does not read the records of all rollouts.

open/<rollout id>.json   written before the first record of a rollout, removed after the record of its end

A process may die in between, so an entry alone proves nothing: the record does. An entry without a record, or with the
record of an ended rollout, is skipped. It is removed only if it is unchanged since it was read: each write of an entry
has a new token. An entry names the fleet, so that the fleet is known if the record cannot be used.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from awsroll.core.model.rollout import Rollout
from awsroll.core.request.store_parts import OPEN
from awsroll.errors import AwsRefusedError, AwsrollError, OldItemError, StateError, UntrustedItemError
from awsroll.stores import codec
from awsroll.stores.backend import Backend, Entry, WriteConflictError
from awsroll.stores.locks import fleet_parts

_FOLDER = f"{OPEN}/"
_WRITE_ATTEMPTS = 20
_ABANDONED = timedelta(days=1)  # an entry this old without a record belongs to a process that died before writing one


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRollout:
    """The content of an entry.

    Attributes:
        at: when it was written.
        token: unique for each write.
        fleet: the name of the fleet; empty in the entry of an older awsroll, or if it cannot be read.
        parts: what no two rollouts may change at a time, as in `fleet_parts`; empty in the same cases.
    """

    at: datetime
    token: str
    fleet: str = ""
    parts: tuple[str, ...] = ()


class UnfinishedIndex:
    """The entries of the unfinished rollouts on one backend."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._added: set[str] = set()

    def add(self, rollout: Rollout, at: datetime) -> None:
        """Write the entry of a rollout, once. Afterwards no process can remove an entry that it read earlier.

        Raises:
            StateError: if it cannot be written.
        """
        rollout_id = rollout.rollout_id
        if rollout_id in self._added:
            return
        key, entry = _key(rollout_id), None
        data = codec.encode(OpenRollout(at=at, token=uuid4().hex, fleet=rollout.fleet, parts=fleet_parts(rollout)))
        for _ in range(_WRITE_ATTEMPTS):
            with suppress(WriteConflictError):
                self._backend.write(key, data, None if entry is None else entry.version)
                self._added.add(rollout_id)
                return
            entry = self._backend.read(key)
        problem = f"other processes keep writing {self._backend.location(key)}; nothing was changed. Try again"
        raise StateError(problem)

    def entries(self) -> dict[str, Entry | None]:
        """Return the entries by the id of their rollout; None for an entry that cannot be read."""
        keys = {key.removeprefix(_FOLDER).removesuffix(".json"): key for key in self._backend.keys(_FOLDER)}
        entries: dict[str, Entry | None] = {}
        for rollout_id, key in keys.items():
            try:
                entry = self._backend.read(key)
            except (StateError, AwsRefusedError):
                entries[rollout_id] = None
            else:
                if entry is not None:
                    entries[rollout_id] = entry
        return entries

    def about(self, rollout_id: str) -> OpenRollout | None:
        """Return the content of an entry, without a fleet if it cannot be used; None if there is no entry."""
        unknown = OpenRollout(at=datetime.min.replace(tzinfo=UTC), token="")
        try:
            entry = self._backend.read(_key(rollout_id))
            return None if entry is None else self._decode(rollout_id, entry)
        except (StateError, AwsRefusedError):
            return unknown

    def forget(self, rollout_id: str) -> None:
        """Write the entry again next time: the rollout has ended, and another process may have removed the entry."""
        self._added.discard(rollout_id)

    def remove(self, rollout_id: str) -> None:
        """Remove the entry of an ended rollout; keep it if it cannot be removed."""
        self.forget(rollout_id)
        with suppress(AwsrollError):
            entry = self._backend.read(_key(rollout_id))
            if entry is not None:
                self.remove_entry(rollout_id, entry)

    def remove_entry(self, rollout_id: str, entry: Entry | None) -> None:
        """Remove an entry if it is unchanged since it was read; it must have been read before the ended record."""
        if entry is None:
            return
        with suppress(AwsrollError):
            self._backend.delete(_key(rollout_id), entry.version)

    def remove_abandoned(self, rollout_id: str, entry: Entry | None, at: datetime) -> None:
        """Remove an entry without a record, if it is old: the record of a new entry may follow."""
        if entry is None:
            return
        with suppress(StateError):
            if at - self._decode(rollout_id, entry).at >= _ABANDONED:
                self.remove_entry(rollout_id, entry)

    def _decode(self, rollout_id: str, entry: Entry) -> OpenRollout:
        return codec.decode(entry.data, OpenRollout, location=self._backend.location(_key(rollout_id)))


def keeping_others(error: OldItemError | UntrustedItemError) -> StateError:
    """Return the error of an unfinished rollout that must not be overlooked although its record cannot be used."""
    return type(error)(
        f"{error}. Until then no rollout of this store starts, because this one may be of any fleet. If it cannot be "
        "finished, restore its fleet with `awsroll repair --asg` or `--target-group`, and delete its record"
    )


def _key(rollout_id: str) -> str:
    return f"{_FOLDER}{rollout_id}.json"
