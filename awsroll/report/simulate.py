"""The course of a rollout as its plan expects it: a small simulation of the servers, without AWS. Pure.

It follows the sums of `core/classify/capacity.py`: the floor, the ceiling, the cap and the window. It knows no
failures. A plan takes its duration, its chart and its costs from it.
"""

import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum


class _Ends(IntEnum):
    DRAIN = 0
    ARRIVAL = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a rollout has to do, and its limits.

    Attributes:
        outdated: the servers to replace or reload.
        current: the servers that serve on the new version, or are skipped.
        max_running: the cap that counts draining servers; None if there is none.
        reloads: the servers stay, and get new code.
        all_new_first: no old server leaves before all new servers serve (double-half).
        keeps_old: old servers stay, out of traffic, until the end.
        checkpoints: the numbers of servers after which the rollout waits.
        checkpoint_seconds: how long it waits at each.
        bake_seconds: how long it waits at the end.
    """

    outdated: int
    current: int
    floor: int
    ceiling: int
    window: int
    max_running: int | None = None
    reloads: bool = False
    all_new_first: bool = False
    keeps_old: bool = False
    checkpoints: tuple[int, ...] = ()
    checkpoint_seconds: float = 0
    bake_seconds: float = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The capacity from an instant on, in seconds since the start of the rollout."""

    at: float
    serving: int
    live: int
    running: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """The expected course.

    Attributes:
        seconds: its length.
        points: the capacity over time, oldest first.
        turns: the number of instants at which new servers come to serve.
    """

    seconds: float
    points: tuple[Point, ...]
    turns: int = 0

    def surplus_hours(self, desired: int) -> float:
        """Return the server hours beyond the desired capacity, draining and kept servers included."""
        ends = [*(point.at for point in self.points[1:]), self.seconds]
        extra = (
            max(0, point.running - desired) * (end - point.at) for point, end in zip(self.points, ends, strict=True)
        )
        return round(sum(extra) / 3600, 2)


def simulate(work: Work, *, drain: float, arrival: Callable[[], float]) -> Simulated:
    """Return the expected course of a rollout.

    Args:
        work: what it does.
        drain: how long a server drains, in seconds.
        arrival: returns how long the next server takes until it serves: from its launch, or from its reload command.
    """
    return _Course(work, drain, arrival).run()


class _Course:
    """The servers of one simulation: how many are old, drain, arrive, and serve on the new version."""

    def __init__(self, work: Work, drain: float, arrival: Callable[[], float]) -> None:
        self._work = work
        self._drain, self._arrival = drain, arrival
        self._old, self._new = work.outdated, 0
        self._draining, self._arriving, self._kept = 0, 0, 0
        self._touched, self._launched, self._passed = 0, 0, 0
        self._at = 0.0
        self._ends: list[tuple[float, _Ends]] = []
        self._points: list[Point] = []
        self._arrivals: set[float] = set()

    def run(self) -> Simulated:
        """Simulate until nothing is left to do."""
        work = self._work
        self._note()
        while True:
            self._start()
            if self._ends:
                self._go_on()
            elif self._passed < len(work.checkpoints) and self._old:
                self._passed += 1
                self._at += work.checkpoint_seconds
            else:
                break
        waits = work.checkpoint_seconds * (len(work.checkpoints) - self._passed) if work.outdated else 0.0
        self._at += waits + (work.bake_seconds if work.outdated else 0.0)
        self._kept = 0
        self._note()
        return Simulated(seconds=self._at, points=tuple(self._points), turns=len(self._arrivals))

    @property
    def _serving(self) -> int:
        return self._work.current + self._old + self._new

    @property
    def _live(self) -> int:
        return self._serving + self._arriving

    @property
    def _running(self) -> int:
        return self._live + self._draining + self._kept

    @property
    def _limit(self) -> float:
        """The number of servers that may be touched before the next checkpoint."""
        checkpoints = self._work.checkpoints
        return checkpoints[self._passed] if self._passed < len(checkpoints) else math.inf

    def _start(self) -> None:
        """Launch and retire as many servers as the limits allow now."""
        while self._may_launch() or self._may_retire():
            if self._may_launch():
                self._launched += 1
                self._arriving += 1
                self._wait(self._arrival(), _Ends.ARRIVAL)
            else:
                self._old -= 1
                self._touched += 1
                self._draining += 1
                self._wait(self._drain, _Ends.DRAIN)
            self._note()

    def _may_launch(self) -> bool:
        work = self._work
        if work.reloads or self._launched >= min(work.outdated, self._limit) or self._live >= work.ceiling:
            return False
        return work.max_running is None or self._running < work.max_running

    def _may_retire(self) -> bool:
        work = self._work
        if not self._old or self._serving - 1 < work.floor:
            return False
        if work.all_new_first:
            return self._new >= work.outdated
        vacant = self._draining if work.reloads else max(0, self._touched - self._launched)
        return self._touched < self._limit and self._arriving + vacant < work.window

    def _wait(self, seconds: float, end: _Ends) -> None:
        heapq.heappush(self._ends, (self._at + max(0.0, seconds), end))

    def _go_on(self) -> None:
        """Go to the next end of a drain or an arrival."""
        self._at, end = heapq.heappop(self._ends)
        if end is _Ends.ARRIVAL:
            self._arriving -= 1
            self._new += 1
            self._arrivals.add(self._at)
        else:
            self._draining -= 1
            self._kept += 1 if self._work.keeps_old else 0
            if self._work.reloads:
                self._arriving += 1
                self._wait(self._arrival(), _Ends.ARRIVAL)
        self._note()

    def _note(self) -> None:
        """Note the capacity now; the last one of an instant counts."""
        point = Point(at=self._at, serving=self._serving, live=self._live, running=self._running)
        if self._points and self._points[-1].at == self._at:
            self._points.pop()
        self._points.append(point)
