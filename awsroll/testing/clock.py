"""A clock that a test moves, so that hours of rollout run in milliseconds.

Implements `awsroll.ports.Clock`. It starts at a fixed instant, so that failures repeat exactly. It never moves back.
Nothing here sleeps or reads the machine's time.
"""

from datetime import UTC, datetime, timedelta

T0 = datetime(2026, 1, 1, tzinfo=UTC)


class VirtualClock:
    """A clock that moves only by `sleep` and `jump`.

    Args:
        start: the first "now", timezone-aware.
    """

    is_real_time = False

    def __init__(self, start: datetime = T0) -> None:
        self._start = start
        self._elapsed = timedelta()

    def now(self) -> datetime:
        """Return the current instant, in UTC."""
        return self._start + self._elapsed

    def monotonic(self) -> float:
        """Return the seconds since the clock was created."""
        return self._elapsed.total_seconds()

    def sleep(self, seconds: float) -> None:
        """Move the clock by `seconds` without waiting."""
        self.jump(seconds)

    def jump(self, seconds: float) -> None:
        """Move the clock by `seconds`.

        Raises:
            ValueError: if `seconds` is negative.
        """
        if seconds < 0:
            message = f"time cannot go back: {seconds} s"
            raise ValueError(message)
        self._elapsed += timedelta(seconds=seconds)
