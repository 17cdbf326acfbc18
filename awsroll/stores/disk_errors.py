"""The errors of a store on disk, in words: what failed, what that means for a rollout, and what to do.

A write takes effect completely or not at all (`atomic_files`), so a failed write always leaves the last saved content.
"""

import errno
from dataclasses import dataclass
from pathlib import Path

from awsroll.errors import StateError


@dataclass(frozen=True, slots=True)
class _Meaning:
    cause: str
    remedy: str


_ANOTHER = "Choose another --state"
_CAUSES = {
    errno.ENOSPC: _Meaning("the disk is full", "Free some space"),
    errno.EDQUOT: _Meaning("the disk quota of this user is used up", "Free some space or raise the quota"),
    errno.EFBIG: _Meaning("the file is larger than the limit of this process", "Raise the limit (`ulimit -f`)"),
    errno.EROFS: _Meaning("the file system is read-only", "Mount it for writing, or choose another --state"),
    errno.EIO: _Meaning("the disk reports an input/output error", f"Check the disk. {_ANOTHER} if it is broken"),
    errno.EMFILE: _Meaning("this process has too many open files", "Raise the limit (`ulimit -n`)"),
    errno.ENFILE: _Meaning("this machine has too many open files", "Close other programs or raise the limit"),
    errno.EACCES: _Meaning("this user has no permission", "Grant the permission, or choose another --state"),
    errno.EPERM: _Meaning("this user has no permission", "Grant the permission, or choose another --state"),
    errno.ELOOP: _Meaning(
        "it is a symbolic link, which a store does not follow", f"Remove the link. {_ANOTHER} if needed"
    ),
    errno.ENOLCK: _Meaning("the file system has no file locks", "Mount it with locks, or choose another --state"),
    errno.ESTALE: _Meaning("the file server no longer knows the directory", "Mount it again"),
    errno.ENAMETOOLONG: _Meaning("the path is too long", _ANOTHER),
}


def unwritable(path: Path, error: OSError) -> StateError:
    """Return the error of a write that failed."""
    meaning = _meaning(error)
    return StateError(
        f"cannot write {path}: {meaning.cause}. The last saved record is complete, and this process made no further "
        f"change to the fleet. {meaning.remedy}, then run the command again; `awsroll resume ROLLOUT` continues a "
        "rollout that had started"
    )


def unreadable(path: Path, error: OSError) -> StateError:
    """Return the error of a read that failed."""
    meaning = _meaning(error)
    return StateError(f"cannot read {path}: {meaning.cause}; nothing was changed. {meaning.remedy}")


def _meaning(error: OSError) -> _Meaning:
    return _CAUSES.get(error.errno or 0) or _Meaning(error.strerror or str(error), _ANOTHER)
