"""Ctrl-C and SIGTERM: leave the rollout at a safe point within seconds, and say how to go on.

The first signal asks the driver to stop: it finishes the call in flight and saves. Should that take too long (AWS does
not answer), the process leaves anyway: the record was saved before the call, so `awsroll resume` finds its effect.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_PATIENCE_SECONDS = 4.0


class StopRequest:
    """Whether somebody has asked to stop.

    Attributes:
        event: set by the first signal; sleeps end by it.
        driving: a rollout has begun, so that stopping means leaving it at a safe point. Before, a signal just ends the
            command: nothing was changed yet.
    """

    def __init__(self, give_up: Callable[[], None]) -> None:
        self.event = threading.Event()
        self.driving = False
        self._give_up = give_up
        self._asked = False
        self._over = threading.Event()

    def requested(self) -> bool:
        """Tell whether to stop."""
        return self.event.is_set()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take Ctrl-C and SIGTERM for the length of a block."""
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
            # A thread of its own: the handler may have interrupted the main thread inside the very lock of `event`.
            threading.Thread(target=self._stop_in_time, daemon=True).start()

    def _stop_in_time(self) -> None:
        self.event.set()
        if self._over.wait(_PATIENCE_SECONDS):
            return
        try:
            self._give_up()
        finally:
            os._exit(130)
