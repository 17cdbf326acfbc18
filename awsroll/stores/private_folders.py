"""The folders of a store on disk: made for its user alone, and refused if another user could replace a part of them.

A user who can write to a folder on the path can put another store in its place. So each component belongs to
this user or to root, and no other user may write to it. A folder with the sticky bit (`/tmp`) is allowed: there, only
the owner of an entry can replace it.
"""

import grp
import os
import pwd
import stat
from pathlib import Path

from awsroll.errors import StateError

_FOLDER_MODE = 0o700
_MOST_LINKS = 40  # as in the kernel
_ROOT = 0
_ANOTHER = "Choose another --state"

OWN_FOLDERS = frozenset({"rollouts", "fleets", "open", "requests", "notes", "probes", "crashes"})
"""The folders at the top of a store, and of the default directory."""


def check_path(directory: Path) -> None:
    """Check each component of the path of a store, as far as it exists. Follow links as the kernel does.

    Raises:
        StateError: if another user could replace a component, or it is not a directory; nothing was changed.
        OSError: if a component cannot be read.
    """
    pending = list(reversed(directory.absolute().parts[1:]))
    current, links = "", 0  # text, not `Path`: a store checks its path at each access
    while pending:
        name = pending.pop()
        if name == "..":
            current = current.rpartition("/")[0]
            continue
        path = f"{current}/{name}"
        try:
            found = os.lstat(path)
        except FileNotFoundError:
            return
        _check_owner(path, found, directory)
        if not stat.S_ISLNK(found.st_mode):
            _check_folder(path, found, directory, is_last=not pending)
            current = path
            continue
        links += 1
        if links > _MOST_LINKS:
            raise _refused(directory, f"{path} is in a loop of symbolic links")
        target = Path(path).readlink()
        current = "" if target.is_absolute() else current
        pending += reversed([part for part in target.parts if part != "/"])


def make_folders(directory: Path, folder: Path) -> None:
    """Create a folder of a store, and the store itself, for this user alone, whatever the umask; check the path.

    Folders that an older awsroll made readable for other users are closed to them. A store in a folder that also holds
    other things leaves the mode of that folder unchanged.

    Raises:
        StateError: if another user could replace a component of the path.
        OSError: if a folder cannot be created.
    """
    check_path(directory)
    check_path(folder)
    for parent in reversed(directory.absolute().parents):
        _make(parent)
    own = [folder, *folder.parents]
    own = own[: own.index(directory) + 1]
    for each in reversed(own):
        _make(each)
    check_path(folder)  # again: another user may have been faster in a folder such as /tmp
    if {entry.name for entry in directory.iterdir()} - OWN_FOLDERS:
        own.remove(directory)
    for each in own:
        _close(each)


def _make(folder: Path) -> None:
    # `mkdir` takes the umask from the mode, and `parents=True` gives the mode only to the last folder.
    try:
        folder.mkdir(mode=_FOLDER_MODE)
    except FileExistsError:
        return
    except OSError:
        if folder.is_dir():  # on a read-only file system, or in a folder of root
            return
        raise
    _close(folder)


def _close(folder: Path) -> None:
    found = folder.stat()
    if found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) != _FOLDER_MODE:
        folder.chmod(_FOLDER_MODE)


def _check_owner(path: str, found: os.stat_result, directory: Path) -> None:
    if found.st_uid not in (_ROOT, os.geteuid()):
        raise _refused(directory, f"{path} belongs to {_user(found.st_uid)}, who could replace the records")


def _check_folder(path: str, found: os.stat_result, directory: Path, *, is_last: bool) -> None:
    if not stat.S_ISDIR(found.st_mode):
        raise _refused(directory, f"{path} is not a directory")
    if found.st_mode & stat.S_ISVTX:
        if is_last and found.st_mode & (stat.S_IWOTH | stat.S_IWGRP):
            raise _refused(
                directory, f"other users share {path}", remedy=f"Pass a directory in it: --state {path}/NAME"
            )
        return
    if found.st_mode & stat.S_IWOTH:
        raise _refused(directory, f"every user can write to {path}", remedy=_closing("go-w", path, found))
    if found.st_mode & stat.S_IWGRP and not _is_private_group(found.st_gid):
        cause = f"the group {_group(found.st_gid)} can write to {path}"
        raise _refused(directory, cause, remedy=_closing("g-w", path, found))


def _closing(change: str, path: str, found: os.stat_result) -> str:
    return f"Run `chmod {change} {path}`, or choose another --state" if found.st_uid == os.geteuid() else _ANOTHER


def _is_private_group(number: int) -> bool:
    """Return whether this user is the only member of the group, as on systems with a group for each user.

    The umask of these users lets the group write to all folders. The umask of root does not.
    """
    user = os.geteuid()
    if user == _ROOT or number != os.getegid():
        return False
    try:
        name, group = pwd.getpwuid(user).pw_name, grp.getgrgid(number)
    except KeyError:
        return False
    is_shared = any(other.pw_gid == number and other.pw_uid not in (user, _ROOT) for other in pwd.getpwall())
    return group.gr_name == name and set(group.gr_mem) <= {name} and not is_shared


def _refused(directory: Path, cause: str, *, remedy: str = _ANOTHER) -> StateError:
    return StateError(f"the state directory {directory} is not safe: {cause}. Nothing was changed. {remedy}")


def _user(number: int) -> str:
    try:
        return f"the user {pwd.getpwuid(number).pw_name}"
    except KeyError:
        return f"the user {number}"


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
