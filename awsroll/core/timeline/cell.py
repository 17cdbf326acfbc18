"""The cell of one server: its state in a word and a letter, and what it waits for."""

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from awsroll.core.model.phases import ServerPhase, UntouchedServer

CellState: TypeAlias = ServerPhase | UntouchedServer
"""A server's phase, or the word for a server in phase `NONE`."""

LETTERS: dict[CellState, str] = {
    UntouchedServer.OUTDATED: "O",
    UntouchedServer.CURRENT: "N",
    UntouchedServer.UNHEALTHY: "U",
    UntouchedServer.SKIPPED: "S",
    ServerPhase.LAUNCHING: "L",
    ServerPhase.VERIFYING: "V",
    ServerPhase.RETURNING: "B",
    ServerPhase.DRAINING: "D",
    ServerPhase.RELOADING: "R",
    ServerPhase.KEPT: "K",
    ServerPhase.TERMINATING: "T",
    ServerPhase.FAILED: "F",
}
"""The letter of each state, for a terminal without colours and for the lines of a timeline."""

GONE = "-"
"""The letter of a server that has left the fleet."""

STATES: dict[str, CellState] = {letter: state for state, letter in LETTERS.items()}

TAKES_REQUESTS: frozenset[CellState] = frozenset({UntouchedServer.OUTDATED, UntouchedServer.CURRENT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One live server, as one observation shows it.

    Attributes:
        version: the version that it runs; empty if AWS does not report it.
        reason: what it waits for, in AWS's words where AWS gives a reason; empty for a server that does not wait.
        until: when the wait ends: the end of a drain, or the deadline of the phase. None if it has no known end.
        ends_well: the wait ends at `until`. Otherwise the server fails then.
    """

    instance_id: str
    zone: str
    state: CellState
    version: str = ""
    reason: str = ""
    until: datetime | None = None
    ends_well: bool = False
