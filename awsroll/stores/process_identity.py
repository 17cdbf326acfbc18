"""The identity of this process, and whether another process of this machine has died.

A host name and a process id prove nothing: hosts share names, and each container counts its processes from 1. A boot id
alone proves little: machines that were restored from one snapshot of the memory share it. So the identity is the host,
the boot, the namespaces, an id that was drawn in this boot, the process id and its start time. If a part is missing or
differs, the other process is not known to be dead: its lease must expire.
"""

import os
import secrets
import socket
import stat
import tempfile
import uuid
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

_PROC = Path("/proc")
_MACHINE_ID = Path("/etc/machine-id")
_MEMORY = Path("/dev/shm")  # noqa: S108  another user's file is not believed
_NAMESPACES = ("pid", "net", "time")
_MULTICAST_BIT = 1 << 40  # set in a generated hardware address, which changes with each process
_DEAD_STATES = ("Z", "X", "x")
_DEAD = ""
_DRAWN_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """The identity of a process.

    Attributes:
        host: the name of the machine, for messages.
        boot: identifies the machine, its boot and the container; None if the system does not provide them.
        number: the process id.
        started: the start time in the format of the system; None if the system does not provide it.
    """

    host: str
    boot: str | None
    number: int
    started: str | None

    def is_beside(self, other: "Process") -> bool:
        """Return whether both processes certainly share the machine, its boot and the container."""
        return self.boot is not None and (self.host, self.boot) == (other.host, other.boot)

    def is_known_dead(self, other: "Process") -> bool:
        """Return whether `other` has certainly ended. The answer is False for a process of another machine."""
        return self.is_beside(other) and not _is_alive(other)


def this_process() -> Process:
    """Return the identity of this process."""
    number = os.getpid()
    started = None
    with suppress(OSError):
        started = _started(number)
    return Process(host=socket.gethostname(), boot=_boot(), number=number, started=started)


def _is_alive(process: Process) -> bool:
    try:
        started = _started(process.number)
    except OSError:
        return True  # for example too many open files: the process may be alive
    if started is not None:
        return started != _DEAD and process.started in (None, started)
    try:
        os.kill(process.number, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # it runs as another user, and /proc may hide it (the mount option `hidepid`)
    return True


def _started(number: int) -> str | None:
    """Return the start time in clock ticks since boot; `_DEAD` for a zombie; None if /proc does not show the process.

    Raises:
        OSError: if /proc cannot be read.
    """
    try:
        # `pid (name) state ppid …`: the name may contain parentheses and spaces.
        fields = (_PROC / str(number) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return _DEAD if fields[0] in _DEAD_STATES else fields[19]


def _boot() -> str | None:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        machine = uuid.getnode()
        return None if machine & _MULTICAST_BIT else f"{machine:012x}"
    try:
        if str((_PROC / "self").readlink()) != str(os.getpid()):
            return None  # /proc counts the processes of another container
        namespaces = [_namespace(name) for name in _NAMESPACES]
        drawn = _drawn_id(boot)
    except OSError:
        return None
    parts = (_text(_MACHINE_ID), *namespaces, drawn)
    return f"{boot}/{sha256(' '.join(parts).encode()).hexdigest()[:32]}"


def _namespace(name: str) -> str:
    try:
        return str((_PROC / "self/ns" / name).readlink())
    except FileNotFoundError:  # an older kernel has no namespaces of this kind
        return ""


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _drawn_id(boot: str) -> str:
    """Return an id that the first process of this user drew in this boot and container.

    Raises:
        OSError: if it can be neither read nor stored.
    """
    name = f"awsroll-{os.geteuid()}-{boot}"
    folder = _MEMORY if os.access(_MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    path = folder / name
    with suppress(FileNotFoundError):
        return _read_own(path)
    handle, partial = tempfile.mkstemp(prefix=name, dir=folder)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_hex(_DRAWN_BYTES))
        with suppress(FileExistsError):  # another process was faster
            os.link(partial, path, follow_symlinks=False)
    finally:
        Path(partial).unlink()
    return _read_own(path)


def _read_own(path: Path) -> str:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle) as file:
        found = os.fstat(handle)
        text = file.read(2 * _DRAWN_BYTES + 1)
    is_own = stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and not stat.S_IMODE(found.st_mode) & 0o077
    if not is_own or len(text) != 2 * _DRAWN_BYTES:
        problem = f"{path} is not a file of awsroll"
        raise PermissionError(problem)
    return text
