"""The index of unfinished rollouts, so that finding them does not read the records of all rollouts.

open/<rollout id>.json   written before the first record of a rollout, removed after the record of its end

A process may die in between, so an entry alone proves nothing: the record does. An entry without a record, or with the
record of an ended rollout, is skipped. It is removed only if it is unchanged since it was read: each write of an entry
has a new token.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from awsroll.core.request.store_parts import OPEN
from awsroll.errors import AwsrollError, OldItemError, StateError, UntrustedItemError
from awsroll.stores import codec
from awsroll.stores.backend import Backend, Entry, WriteConflictError

_FOLDER = f"{OPEN}/"
_WRITE_ATTEMPTS = 20
_ABANDONED = timedelta(days=1)  # an entry this old without a record belongs to a process that died before writing one


@dataclass(frozen=True, slots=True, kw_only=True)
class _OpenRollout:
    """The content of an entry: when it was written, and a token that is unique for each write."""

    at: datetime
    token: str


class UnfinishedIndex:
    """The entries of the unfinished rollouts on one backend."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._added: set[str] = set()

    def add(self, rollout_id: str, at: datetime) -> None:
        """Write the entry of a rollout, once. Afterwards no process can remove an entry that it read earlier.

        Raises:
            StateError: if it cannot be written.
        """
        if rollout_id in self._added:
            return
        key = _key(rollout_id)
        data, entry = codec.encode(_OpenRollout(at=at, token=uuid4().hex)), None
        for _ in range(_WRITE_ATTEMPTS):
            with suppress(WriteConflictError):
                self._backend.write(key, data, None if entry is None else entry.version)
                self._added.add(rollout_id)
                return
            entry = self._backend.read(key)
        problem = f"other processes keep writing {self._backend.location(key)}; nothing was changed. Try again"
        raise StateError(problem)

    def entries(self) -> dict[str, Entry]:
        """Return the entries by the id of their rollout."""
        keys = {key.removeprefix(_FOLDER).removesuffix(".json"): key for key in self._backend.keys(_FOLDER)}
        entries = ((rollout_id, self._backend.read(key)) for rollout_id, key in keys.items())
        return {rollout_id: entry for rollout_id, entry in entries if entry is not None}

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

    def remove_entry(self, rollout_id: str, entry: Entry) -> None:
        """Remove an entry if it is unchanged since it was read; it must have been read before the ended record."""
        with suppress(AwsrollError):
            self._backend.delete(_key(rollout_id), entry.version)

    def remove_abandoned(self, rollout_id: str, entry: Entry, at: datetime) -> None:
        """Remove an entry without a record, if it is old: the record of a new entry may follow."""
        with suppress(StateError):
            open_rollout = codec.decode(entry.data, _OpenRollout, location=self._backend.location(_key(rollout_id)))
            if at - open_rollout.at >= _ABANDONED:
                self.remove_entry(rollout_id, entry)


def keeping_others(error: OldItemError | UntrustedItemError) -> StateError:
    """Return the error of an unfinished rollout that must not be overlooked although its record cannot be used."""
    return type(error)(
        f"{error}. Until then no rollout of this store starts, because this one may be of any fleet. If it cannot be "
        "finished, restore its fleet with `awsroll repair --asg` or `--target-group`, and delete its record"
    )


def _key(rollout_id: str) -> str:
    return f"{_FOLDER}{rollout_id}.json"
