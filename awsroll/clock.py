"""The real clock. A sleep ends early when the rollout is asked to stop, so that Ctrl-C never waits for a poll."""

import threading
import time
from datetime import UTC, datetime


class SystemClock:
    """Wall-clock time.

    Args:
        stop: once set, every sleep returns at once.
    """

    def __init__(self, stop: threading.Event | None = None) -> None:
        self._stop = threading.Event() if stop is None else stop

    def now(self) -> datetime:
        """Return the current instant, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds on a clock that never jumps."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds`, or until asked to stop."""
        self._stop.wait(seconds)
