"""Files that are complete or absent, and the lock that guards a read, compare and write.

Only this module uses `os.replace`, `fsync` and `flock`. It does not know what the files contain. It follows no
symbolic link at the end of a path, and makes each file for its user alone.
"""

import errno
import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

LONGEST_FILE = 64 * 1024 * 1024
"""In bytes; far above any true file. A larger one would fill the memory."""

_PARTIAL = ".partial-"
_FILE_MODE = 0o600
# Not every file system can sync a folder, for example some network file systems.
_CANNOT_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES, errno.EISDIR})


def read_whole(path: Path) -> bytes:
    """Read a regular file.

    Raises:
        FileNotFoundError: if it does not exist.
        OSError: if it cannot be read, is a symbolic link (`ELOOP`), or is not a regular file.
    """
    # Without O_NONBLOCK, opening a named pipe waits for its writer.
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        if len(data := file.read(LONGEST_FILE + 1)) > LONGEST_FILE:
            raise OSError(errno.EFBIG, f"it has more than {LONGEST_FILE} bytes")
        return data


def write_whole(path: Path, data: bytes) -> None:
    """Write a file atomically: a reader, or a crash at any instant, finds the old content or the new content."""
    handle, partial = tempfile.mkstemp(prefix=_PARTIAL, dir=path.parent)  # a random name, created exclusively
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, _FILE_MODE)  # the umask may have removed permissions of the user
            file.write(data)
            file.flush()
            os.fsync(handle)
        Path(partial).replace(path)
    except BaseException:
        with suppress(OSError):  # the first error is the one to report
            Path(partial).unlink()
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Write the names in a folder to the disk. Without this, a power failure may lose a new name."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise
    finally:
        os.close(handle)


def time_of_disk(path: Path) -> datetime:
    """Return the time by the clock that dates the files: of this machine, or of a file server.

    Raises:
        OSError: if the lock file at this path does not exist or cannot be written.
    """
    handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    try:
        os.utime(handle)
        return datetime.fromtimestamp(os.fstat(handle).st_mtime, UTC)
    finally:
        os.close(handle)


@contextmanager
def waiting_lock(path: Path) -> Iterator[None]:
    """Hold an exclusive lock during the block, for a few milliseconds; wait for it first."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, _FILE_MODE)
    try:
        os.fchmod(handle, _FILE_MODE)
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
