"""A virtual clock for several threads: when all of them wait, time moves to the earliest awaited instant."""

import threading
from datetime import datetime

from awsroll.testing.clock import VirtualClock

_LOOK_SECONDS = 0.005  # real time: a thread ends without notice


class TurnClock:
    """Runs the threads that use it in turn; the main thread, which waits for them, does not take part."""

    is_real_time = False

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._turn = threading.Condition()
        self._known: set[threading.Thread] = set()
        self._asleep: dict[threading.Thread, float] = {}

    def now(self) -> datetime:
        self._know()
        return self._clock.now()

    def monotonic(self) -> float:
        self._know()
        return self._clock.monotonic()

    def sleep(self, seconds: float) -> None:
        self._know()
        me = threading.current_thread()
        with self._turn:
            self._asleep[me] = self._clock.monotonic() + seconds
            self._turn.notify_all()
            while not self._is_turn_of(me):
                self._turn.wait(_LOOK_SECONDS)
            self._clock.jump(max(0.0, self._asleep.pop(me) - self._clock.monotonic()))
            self._turn.notify_all()

    def _is_turn_of(self, me: threading.Thread) -> bool:
        if any(one.is_alive() and one not in self._asleep for one in self._known):
            return False
        return min(self._asleep, key=lambda one: (self._asleep[one], one.name)) is me

    def _know(self) -> None:
        me = threading.current_thread()
        if me is not threading.main_thread():
            with self._turn:
                self._known.add(me)
