"""The identity of this process, and whether another process of this machine has died.

A host name and a process id prove nothing: hosts share names, and each container counts its processes from 1. So the
identity is the host, the boot, the process namespace, the id and the start time, as far as the system provides them.
"""

import os
import socket
import uuid
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_MULTICAST_BIT = 1 << 40  # set in a generated hardware address, which changes with each process
_DEAD_STATES = ("Z", "X", "x")


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """The identity of a process.

    Attributes:
        host: the name of the machine, for messages.
        boot: identifies the machine, its boot and the process namespace; None if the system does not provide them.
        number: the process id.
        started: the start time in the format of the system; None if the system does not provide it.
    """

    host: str
    boot: str | None
    number: int
    started: str | None

    def is_known_dead(self, other: "Process") -> bool:
        """Return whether `other` has certainly ended. The answer is False for a process of another machine."""
        if self.boot is None or (self.host, self.boot) != (other.host, other.boot):
            return False
        return not _is_alive(other)


def this_process() -> Process:
    """Return the identity of this process."""
    number = os.getpid()
    return Process(host=socket.gethostname(), boot=_boot(), number=number, started=_started(number))


def _is_alive(process: Process) -> bool:
    started = _started(process.number)
    if process.started is not None and started is not None:
        return started == process.started
    try:
        os.kill(process.number, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # it runs as another user, and /proc may hide it (the mount option `hidepid`)
    return process.started is None  # else /proc would show it: it has ended, and its parent has not noticed yet


def _started(number: int) -> str | None:
    """Return the start time in clock ticks since boot; None if the process has ended or there is no /proc."""
    try:
        # `pid (name) state ppid …`: the name may contain parentheses and spaces.
        fields = (_PROC / str(number) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in _DEAD_STATES else fields[19]


def _boot() -> str | None:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        machine = uuid.getnode()
        return None if machine & _MULTICAST_BIT else f"{machine:012x}"
