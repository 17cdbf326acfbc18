"""The default store: a directory, with one folder a rollout.

    DIRECTORY/rollouts/<rollout id>/record.json   the record, always whole
                                    write.lock    held for a read-compare-write
                                    driver.lock   held by the process that drives it
    DIRECTORY/fleets/<group or target group>.lock held by whoever rolls it

Several processes may use one directory at once. On a network file system this is as safe as its `flock` is.
"""

import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from awsroll.core.rollout import Rollout
from awsroll.errors import RolloutNotFoundError, StaleRecordError, StateError
from awsroll.ports import Record
from awsroll.stores import codec, locks
from awsroll.stores.files import waiting_lock, write_whole
from awsroll.stores.locks import Driver

_ROLLOUT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def default_directory() -> Path:
    """Return awsroll's folder under the user's state home (XDG): `~/.local/state/awsroll` unless told otherwise."""
    home = os.environ.get("XDG_STATE_HOME", "")
    # The XDG specification: a relative path is invalid and to be ignored.
    return (Path(home) if Path(home).is_absolute() else Path.home() / ".local" / "state") / "awsroll"


class LocalStore:
    """Records of rollouts in a directory of this machine.

    Args:
        directory: made when first written to; None: the default directory.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self.directory = default_directory() if directory is None else directory

    def load(self, rollout_id: str) -> Record:
        """Read a record.

        Raises:
            RolloutNotFoundError: if there is none of that id.
            StateError: if it is there but cannot be used.
        """
        path = self._folder(rollout_id) / "record.json"
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            problem = f"no rollout {rollout_id} is known in {self.directory}: `awsroll list` shows those that are"
            raise RolloutNotFoundError(problem) from None
        except OSError as error:
            problem = f"the record {path} cannot be read: {error.strerror}; nothing was changed"
            raise StateError(problem) from error
        record = codec.decode(data, where=str(path))
        if record.rollout.rollout_id != rollout_id:
            problem = f"the record {path} is of another rollout ({record.rollout.rollout_id}); nothing was changed"
            raise StateError(problem)
        return record

    def save(self, record: Record) -> Record:
        """Write a record if its revision is still the stored one (0: if there is none); return it as stored.

        Raises:
            StaleRecordError: if somebody else wrote it meanwhile.
            StateError: if it cannot be written.
        """
        folder = self._folder(record.rollout.rollout_id)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with waiting_lock(folder / "write.lock"):
                self._check_revision(record)
                stored = replace(record, revision=record.revision + 1)
                write_whole(folder / "record.json", codec.encode(stored))
        except OSError as error:
            problem = f"the record in {folder} cannot be written: {error.strerror}; name another --state"
            raise StateError(problem) from error
        return stored

    def list(self) -> tuple[Record, ...]:
        """Return all records that can be read, newest first."""
        found = [entry for entry in self._entries() if isinstance(entry, Record)]
        return tuple(sorted(found, key=lambda record: record.status.started_at, reverse=True))

    def unreadable(self) -> tuple[StateError, ...]:
        """Return what is wrong with each record that `list` leaves out."""
        return tuple(entry for entry in self._entries() if isinstance(entry, StateError))

    def drive(self, rollout: Rollout) -> AbstractContextManager[Driver]:
        """Be the one driver of a rollout and of its fleet for as long as the block lasts.

        Raises:
            FleetLockedError: on entering, if another process or rollout holds any part of it.
            StateError: on entering, if the directory cannot be written.
        """
        lock = self._folder(rollout.rollout_id) / "driver.lock"
        return locks.driving(rollout, driver_lock=lock, fleet_folder=self.directory / "fleets")

    def driver(self, rollout_id: str) -> Driver | None:
        """Return who drives the rollout now; None if nobody does."""
        return locks.current_driver(self._folder(rollout_id) / "driver.lock")

    def _check_revision(self, record: Record) -> None:
        rollout_id = record.rollout.rollout_id
        try:
            written = self.load(rollout_id).revision
        except RolloutNotFoundError:
            written = 0
        if written != record.revision:
            problem = (
                f"rollout {rollout_id} was written by somebody else (revision {written}, expected {record.revision}); "
                "this process stops here and leaves it to them"
            )
            raise StaleRecordError(problem)

    def _entries(self) -> Iterator[Record | StateError]:
        folder = self.directory / "rollouts"
        try:
            names = sorted(entry.name for entry in folder.iterdir() if (entry / "record.json").exists())
        except FileNotFoundError:
            return
        except OSError as error:
            problem = f"the state directory {folder} cannot be read: {error.strerror}"
            raise StateError(problem) from error
        for name in names:
            try:
                yield self.load(name)
            except StateError as error:
                yield error

    def _folder(self, rollout_id: str) -> Path:
        if not _ROLLOUT_ID.fullmatch(rollout_id):
            problem = f"{rollout_id!r} is not the id of a rollout: `awsroll list` shows those that are known"
            raise RolloutNotFoundError(problem)
        return self.directory / "rollouts" / rollout_id
