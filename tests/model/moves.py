"""The changes of phase that a run makes, recorded at the table of allowed changes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from awsroll.core.lifecycle import MOVES
from awsroll.core.model.phases import ServerPhase

Move = tuple[ServerPhase, ServerPhase]

# Moves that no case of the model makes, and why the table allows them.
OUTSIDE_THE_MODEL: dict[Move, str] = {
    (ServerPhase.DRAINING, ServerPhase.FAILED): "a failed server is released while others fall ill",
    (ServerPhase.DRAINING, ServerPhase.VERIFYING): "someone else gives a server the new version's tag",
    (ServerPhase.RELOADING, ServerPhase.VERIFYING): "someone else registers a reloaded server",
    (ServerPhase.RETURNING, ServerPhase.RELOADING): "an observation is older than the tag of the new version",
    (ServerPhase.RETURNING, ServerPhase.FAILED): "a server that comes back has failed",
    (ServerPhase.NONE, ServerPhase.FAILED): "an instance launched before a rollback is not shown yet",
    (ServerPhase.FAILED, ServerPhase.NONE): "a failed server ends by itself",
    (ServerPhase.VERIFYING, ServerPhase.LAUNCHING): "someone deregisters a server that is not verified yet",
    (ServerPhase.KEPT, ServerPhase.NONE): "a kept server ends by itself",
}


class _Watched(frozenset[ServerPhase]):
    """The allowed next phases of a server; it records each allowed phase that is requested."""

    before: ServerPhase
    moves: set[Move]

    def __contains__(self, after: object) -> bool:
        allowed = super().__contains__(after)
        if allowed and isinstance(after, ServerPhase):
            self.moves.add((self.before, after))
        return allowed


@contextmanager
def watched_moves() -> Iterator[set[Move]]:
    """Collect the moves that are made until the block ends."""
    moves = set[Move]()
    watched: dict[Any, Any] = {}
    for before, after in MOVES.items():
        watched[before] = _Watched(after)
        watched[before].before, watched[before].moves = before, moves
    with patch.dict(MOVES, watched):
        yield moves
