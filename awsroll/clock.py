"""The system clock, and the clock of calls that name none.

A sleep of the system clock ends early when the rollout is asked to stop, so that Ctrl-C never waits for a poll.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from awsroll.ports import Clock

# CLOCK_MONOTONIC of Linux stops while a laptop sleeps; the leases of other processes do not.
_ALWAYS_RUNNING = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SystemClock:
    """Wall-clock time.

    Args:
        stop: once set, every sleep returns at once.
    """

    is_real_time = True

    def __init__(self, stop: threading.Event | None = None) -> None:
        self._stop = threading.Event() if stop is None else stop

    def now(self) -> datetime:
        """Return the current instant, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds on a clock that never jumps and also runs while the machine sleeps."""
        return time.clock_gettime(_ALWAYS_RUNNING)

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds`, or until asked to stop."""
        self._stop.wait(seconds)


_DEFAULTS: list[Clock] = []  # the innermost last


def default_clock() -> Clock:
    """Return the clock of a call that names none: the system clock, or the virtual clock of an open sandbox."""
    return _DEFAULTS[-1] if _DEFAULTS else SystemClock()


@contextmanager
def as_default(clock: Clock) -> Iterator[None]:
    """Make a clock the default during the block, in the whole process.

    A sandbox in virtual time needs this: a rollout that waited on the system clock would wait for ever.
    """
    _DEFAULTS.append(clock)
    try:
        yield
    finally:
        _DEFAULTS.remove(clock)
