"""A directory as a backend: one file for each key, complete or absent.

A file lock of the kernel guards each read, compare and write. On a network file system this is as safe as its `flock`.
The path is checked at each call: `private_folders` says what is refused.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

from awsroll.core.request.store_address import StoreAddress, StoreKind
from awsroll.errors import SpecError
from awsroll.stores.atomic_files import read_whole, time_of_disk, waiting_lock, write_whole
from awsroll.stores.backend import Entry, StoreTime, conflict
from awsroll.stores.disk_errors import unreadable, unwritable
from awsroll.stores.private_folders import check_path, make_folders

_MUTEX = "write.lock"
_SUFFIX = ".json"
_TIMED_FOLDER = "fleets"
_DISK_ERROR = timedelta(seconds=1)  # some file systems store whole seconds


class DirectoryBackend:
    """Bytes in a directory of this machine.

    Args:
        directory: created by the first write.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @property
    def address(self) -> StoreAddress:
        """The path of the directory."""
        return StoreAddress(kind=StoreKind.DIRECTORY, name=str(self.directory))

    def location(self, key: str) -> str:
        """Return the path of the file."""
        return str(self._path(key))

    def read(self, key: str) -> Entry | None:
        """Read a file; None if it does not exist."""
        path = self._path(key)
        try:
            check_path(path.parent)
            data = read_whole(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise unreadable(path, error) from error
        return Entry(data=data, version=_version(data))

    def write(self, key: str, data: bytes, expected: str | None) -> str:
        """Write a file if its version is the expected one."""
        with self._guarded(key) as path:
            self._compare(key, expected)
            write_whole(path, data)
        return _version(data)

    def delete(self, key: str, expected: str) -> None:
        """Delete a file if its version is the expected one."""
        with self._guarded(key) as path:
            self._compare(key, expected)
            path.unlink()

    def keys(self, prefix: str) -> tuple[str, ...]:
        """Return the files under a folder."""
        folder = self._path(prefix)
        try:
            check_path(folder)
            paths = tuple(_files_in(folder))
        except OSError as error:
            raise unreadable(folder, error) from error
        return tuple(sorted(path.relative_to(self.directory).as_posix() for path in paths))

    def check_conditions(self) -> None:
        """Do nothing: this class compares the versions itself."""

    def time(self, *, writes: bool) -> StoreTime | None:
        """Return the time by the clock of the disk: on a network file system, that of the server."""
        path = self.directory / _TIMED_FOLDER / _MUTEX
        try:
            if writes and not path.exists():
                make_folders(self.directory, path.parent)
                with waiting_lock(path):
                    pass
            return StoreTime(at=time_of_disk(path), error=_DISK_ERROR, error_leases=1)
        except OSError:
            return None

    def create(self) -> tuple[str, ...]:
        """Create the directory."""
        try:
            make_folders(self.directory, self.directory)
        except OSError as error:
            raise unwritable(self.directory, error) from error
        return ()

    def retain(self) -> tuple[str, ...]:
        """Refuse: nothing deletes files here.

        Raises:
            SpecError: always; nothing was changed.
        """
        problem = f"{self.directory}: a directory keeps its records until you delete them; nothing was changed"
        raise SpecError(problem)

    @contextmanager
    def _guarded(self, key: str) -> Iterator[Path]:
        path = self._path(key)
        try:
            make_folders(self.directory, path.parent)
            with waiting_lock(path.parent / _MUTEX):
                yield path
        except OSError as error:
            raise unwritable(path, error) from error

    def _compare(self, key: str, expected: str | None) -> None:
        entry = self.read(key)
        if (None if entry is None else entry.version) != expected:
            raise conflict(self.location(key))

    def _path(self, key: str) -> Path:
        return self.directory.joinpath(*key.split("/"))


def _version(data: bytes) -> str:
    return sha256(data).hexdigest()


def _files_in(folder: Path) -> Iterator[Path]:
    """Yield the files under a folder. A folder inside that this user may not read stands for its files.

    Whatever has the name of a file is one, also if it cannot be read: `Path.rglob` would hide it, and so hide records.

    Raises:
        OSError: if the folder itself cannot be read.
    """
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    for entry in entries:
        path = folder / entry.name
        if entry.name.endswith(_SUFFIX):
            yield path
        elif entry.is_dir(follow_symlinks=False):
            try:
                yield from _files_in(path)
            except PermissionError:
                yield path
