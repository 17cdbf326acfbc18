"""A clock that moves only when told to, for tests that run hours of rollout in milliseconds.

Fits `awsroll.ports.Clock`. It starts at a fixed instant, so that failures repeat exactly, and refuses to go back.
Nothing here sleeps or reads the machine's time.
"""

from datetime import UTC, datetime, timedelta

T0 = datetime(2026, 1, 1, tzinfo=UTC)


class VirtualClock:
    """Time as a value: `sleep` and `jump` move it, nothing else does.

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
        """Return seconds since the clock was made."""
        return self._elapsed.total_seconds()

    def sleep(self, seconds: float) -> None:
        """Move on by `seconds` without waiting."""
        self.jump(seconds)

    def jump(self, seconds: float) -> None:
        """Move on by `seconds`.

        Raises:
            ValueError: if `seconds` is negative.
        """
        if seconds < 0:
            message = f"time cannot go back: {seconds} s"
            raise ValueError(message)
        self._elapsed += timedelta(seconds=seconds)
