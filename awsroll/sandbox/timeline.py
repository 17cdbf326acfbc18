"""Planned events in order of time.

This file holds a heap of timers, and has no clock, thread or lock. `World` decides when events run.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(slots=True, eq=False)
class Timer:
    """One action that runs at one instant unless it is cancelled."""

    due: datetime
    action: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        """Cancel the action. It has no effect if the action has already run."""
        self.cancelled = True


@dataclass(slots=True)
class Timeline:
    """The planned events. Events that are due at the same instant run in the order they were added."""

    _heap: list[tuple[datetime, int, Timer]] = field(default_factory=list)
    _added: int = 0

    def add(self, due: datetime, action: Callable[[], None]) -> Timer:
        """Plan `action` for the instant `due`."""
        timer = Timer(due, action)
        self._added += 1
        heapq.heappush(self._heap, (due, self._added, timer))
        return timer

    def next_due(self) -> datetime | None:
        """Return the instant of the earliest event, or None if there is none."""
        while self._heap and self._heap[0][2].cancelled:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: datetime) -> Timer | None:
        """Remove and return the earliest event that is due at `now`, or None."""
        due = self.next_due()
        if due is None or due > now:
            return None
        return heapq.heappop(self._heap)[2]
