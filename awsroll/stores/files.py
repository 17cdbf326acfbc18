"""Files that are whole or absent, and locks that the kernel releases when their holder dies.

The only place that knows `os.replace`, `fsync` and `flock`. Nothing here knows what is in the files.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PARTIAL = ".partial-"


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that a reader, or a crash at any instant, sees the old content or the new, never a part."""
    handle, partial = tempfile.mkstemp(prefix=_PARTIAL, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(partial).replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(partial).unlink()
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    # Without this the new name, though not the content, may be lost with the power.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class FileLock:
    """An exclusive lock on a file: held from `acquire` to `release`, or until this process dies.

    The file stays: removing it would let two processes lock two different files of one name.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None

    def acquire(self) -> bool:
        """Take the lock without waiting; answer whether it was free."""
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        self._handle = handle
        return True

    def release(self) -> None:
        """Give the lock back; harmless when it is not held."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


@contextmanager
def waiting_lock(path: Path) -> Iterator[None]:
    """Hold an exclusive lock for the few milliseconds of a read and a write, waiting for it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
