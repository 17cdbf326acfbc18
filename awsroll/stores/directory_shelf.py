"""A directory as a shelf: one file a key, whole or absent.

The kernel's file lock guards the few milliseconds of a read, compare and write; who may drive a rollout is said by
what the files hold (`leases`). On a network file system this is as safe as its `flock` is.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from awsroll.errors import StateError
from awsroll.stores.atomic_files import waiting_lock, write_whole
from awsroll.stores.shelf import Entry, conflict

_MUTEX = "write.lock"


class DirectoryShelf:
    """Bytes in a directory of this machine.

    Args:
        directory: made when first written to.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @property
    def place(self) -> str:
        """The directory's path."""
        return str(self.directory)

    def where(self, key: str) -> str:
        """Return the path of a key's file."""
        return str(self._path(key))

    def read(self, key: str) -> Entry | None:
        """Read a file; None if there is none."""
        path = self._path(key)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            problem = f"{path} cannot be read: {error.strerror}; nothing was changed"
            raise StateError(problem) from error
        return Entry(data=data, version=_version(data))

    def write(self, key: str, data: bytes, expected: str | None) -> str:
        """Write a file if it is still the expected one."""
        with self._guarded(key) as path:
            self._compare(key, expected)
            write_whole(path, data)
        return _version(data)

    def delete(self, key: str, expected: str) -> None:
        """Delete a file if it is still the expected one."""
        with self._guarded(key) as path:
            self._compare(key, expected)
            path.unlink()

    def keys(self, prefix: str) -> tuple[str, ...]:
        """List the files under a folder."""
        folder = self._path(prefix)
        try:
            found = [path for path in folder.rglob("*.json") if path.is_file()]
        except OSError as error:
            problem = f"the state directory {folder} cannot be read: {error.strerror}"
            raise StateError(problem) from error
        return tuple(sorted(path.relative_to(self.directory).as_posix() for path in found))

    def create(self) -> tuple[str, ...]:
        """Make the directory."""
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            problem = f"the state directory {self.directory} cannot be made: {error.strerror}; name another --state"
            raise StateError(problem) from error
        return ()

    @contextmanager
    def _guarded(self, key: str) -> Iterator[Path]:
        path = self._path(key)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with waiting_lock(path.parent / _MUTEX):
                yield path
        except OSError as error:
            problem = f"{path} cannot be written: {error.strerror}; name another --state"
            raise StateError(problem) from error

    def _compare(self, key: str, expected: str | None) -> None:
        entry = self.read(key)
        if (None if entry is None else entry.version) != expected:
            raise conflict(self.where(key))

    def _path(self, key: str) -> Path:
        return self.directory.joinpath(*key.split("/"))


def _version(data: bytes) -> str:
    return sha256(data).hexdigest()
