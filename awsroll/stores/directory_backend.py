"""A directory as a backend: one file for each key, complete or absent.

A file lock of the kernel guards each read, compare and write. On a network file system this is as safe as its `flock`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from awsroll.core.request.store_address import StoreAddress, StoreKind
from awsroll.errors import StateError
from awsroll.stores.atomic_files import waiting_lock, write_whole
from awsroll.stores.backend import Entry, conflict

_MUTEX = "write.lock"


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
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            problem = f"cannot read {path}: {error.strerror}; nothing was changed"
            raise StateError(problem) from error
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
            paths = [path for path in folder.rglob("*.json") if path.is_file()]
        except OSError as error:
            problem = f"cannot read the state directory {folder}: {error.strerror}"
            raise StateError(problem) from error
        return tuple(sorted(path.relative_to(self.directory).as_posix() for path in paths))

    def create(self) -> tuple[str, ...]:
        """Create the directory."""
        try:
            self._make(self.directory)
        except OSError as error:
            problem = f"cannot create the state directory {self.directory}: {error.strerror}. Choose another --state"
            raise StateError(problem) from error
        return ()

    @contextmanager
    def _guarded(self, key: str) -> Iterator[Path]:
        path = self._path(key)
        try:
            self._make(path.parent)
            with waiting_lock(path.parent / _MUTEX):
                yield path
        except OSError as error:
            problem = f"cannot write {path}: {error.strerror}. Choose another --state"
            raise StateError(problem) from error

    def _make(self, folder: Path) -> None:
        """Create a folder of the store, and the store itself, for this user alone, whatever the umask.

        `mkdir` gives its mode only to the last folder, so each folder of the store is created by itself.
        """
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        own = [folder, *folder.parents]
        for each in reversed(own[: own.index(self.directory) + 1]):
            each.mkdir(mode=0o700, exist_ok=True)

    def _compare(self, key: str, expected: str | None) -> None:
        entry = self.read(key)
        if (None if entry is None else entry.version) != expected:
            raise conflict(self.location(key))

    def _path(self, key: str) -> Path:
        return self.directory.joinpath(*key.split("/"))


def _version(data: bytes) -> str:
    return sha256(data).hexdigest()
