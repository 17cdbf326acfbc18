"""Ctrl-C and SIGTERM: interrupt a rollout at a safe point within seconds.

The first signal asks the driver to stop: the driver finishes its current call and saves the record. If AWS does not
answer in time, the process exits anyway. The record was saved before the call, so `awsroll resume` finds its effect.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_PATIENCE_SECONDS = 4.0


class StopRequest:
    """The user's request to stop, made by a signal.

    Attributes:
        event: set by the first signal; it ends every sleep.
        driving: a rollout has started, so a signal stops it at a safe point. Before that, a signal ends the command at
            once, because nothing was changed yet.
    """

    def __init__(self, give_up: Callable[[], None]) -> None:
        self.event = threading.Event()
        self.driving = False
        self._give_up = give_up
        self._asked = False
        self._over = threading.Event()

    def requested(self) -> bool:
        """Return whether a signal has asked to stop."""
        return self.event.is_set()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Handle Ctrl-C and SIGTERM until the block ends."""
        before = {number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            self._over.set()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if not self.driving:
            raise KeyboardInterrupt
        if not self._asked:
            self._asked = True
            # Use another thread: the handler may have interrupted the main thread while it holds the lock of `event`.
            threading.Thread(target=self._stop_in_time, daemon=True).start()

    def _stop_in_time(self) -> None:
        self.event.set()
        if self._over.wait(_PATIENCE_SECONDS):
            return
        try:
            self._give_up()
        finally:
            os._exit(130)
