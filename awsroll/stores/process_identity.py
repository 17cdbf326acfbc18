"""Which process this is, and whether another one of this very machine has died.

A name and a process id alone prove nothing: hosts share names, containers count their processes anew, ids are used
again. So a process is known by host, boot, process namespace, id and start time, as far as the system tells them.
"""

import os
import socket
import uuid
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_MULTICAST_BIT = 1 << 40  # set in a made-up hardware address: it differs from run to run
_DEAD_STATES = ("Z", "X", "x")


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process, so that it can be told from any other.

    Attributes:
        host: the machine's name, for people.
        boot: names the machine, its boot and the namespace that process ids count in; empty where nothing tells them.
        number: the process id.
        started: when it started, in the system's own words; empty where it does not tell.
    """

    host: str
    boot: str
    number: int
    started: str

    def is_known_dead(self, other: "Process") -> bool:
        """Tell whether `other` surely runs no more; of another machine's process nobody here can say."""
        if not self.boot or (self.host, self.boot) != (other.host, other.boot):
            return False
        return not _is_alive(other)


def this_process() -> Process:
    """Return the process that runs this."""
    number = os.getpid()
    return Process(host=socket.gethostname(), boot=_boot(), number=number, started=_started(number))


def _is_alive(process: Process) -> bool:
    if process.started:
        return _started(process.number) == process.started
    try:
        os.kill(process.number, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # it is there, and somebody else's
    return True


def _started(number: int) -> str:
    """Return the start time in clock ticks since boot; empty for a process that has died, or without a /proc."""
    try:
        # `pid (name) state ppid …`: the name may hold anything, parentheses and blanks too.
        fields = (_PROC / str(number) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in _DEAD_STATES else fields[19]


def _boot() -> str:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        machine = uuid.getnode()
        return "" if machine & _MULTICAST_BIT else f"{machine:012x}"
