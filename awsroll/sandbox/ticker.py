"""The thread that advances a sandbox on the wall clock. A virtual clock needs no thread.

The thread sleeps until the next event is due, or until an earlier event is planned, then advances the world.
"""

import logging
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from awsroll.sandbox.world import World

log = logging.getLogger(__name__)
LONGEST_SLEEP_SECONDS = 60.0


class WallClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the current instant, in UTC."""
        return datetime.now(tz=UTC)


class Ticker:
    """Advances a world whenever an event is due, until stopped.

    Args:
        world: a world on the wall clock.
    """

    def __init__(self, world: "World") -> None:
        self._world = world
        self._wake = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="sandbox-ticker", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._world.on_event_planned(self._wake.set)
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread, and wait until it has ended."""
        self._stopped = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped:
            self._wake.clear()
            try:
                self._world.advance()
            except Exception:
                log.exception("An event of the sandbox failed. Other events continue.")
                continue
            self._wake.wait(self._pause())

    def _pause(self) -> float:
        due = self._world.next_event_at()
        if due is None:
            return LONGEST_SLEEP_SECONDS
        return min(LONGEST_SLEEP_SECONDS, max(0.0, (due - self._world.clock.now()).total_seconds()))
