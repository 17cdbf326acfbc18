"""Fake hooks in virtual time: they run nothing, and a test sets their duration and their failures.

    hooks = FakeHooks(clock)
    hooks.seconds["after_healthy"] = 90
    hooks.fail("before_deregister", times=1)

Implements `awsroll.ports.Hooks`. `events` lists the event of each started run.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from awsroll.core.model.hook_calls import HookCall, HookEvent, HookRun, HookSeen, HookState, Reading
from awsroll.testing.clock import VirtualClock

_REQUESTS = 100  # that a server takes in an interval


@dataclass(frozen=True, slots=True, kw_only=True)
class _Started:
    name: str
    ends: float
    detail: str
    readings: tuple[Reading, ...]


class FakeHooks:
    """Hook runs whose duration and result a test sets.

    Args:
        clock: the only source of time.

    Attributes:
        seconds: how long each hook takes, by name; other hooks take `0` seconds.
        readings: what each hook at `while_judging` counts for its event, by name; other hooks count good requests.
        events: the event of every started run, in order; a run started again appears twice.
        ended: numbers of the runs that were ended because they were no longer announced.
    """

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._runs: dict[int, _Started] = {}
        self._failures: Counter[str] = Counter()
        self.seconds: dict[str, float] = {}
        self.readings: dict[str, Callable[[HookEvent], Sequence[Reading]]] = {}
        self.events: list[HookEvent] = []
        self.ended: list[int] = []

    def fail(self, name: str, times: int = 1) -> None:
        """Have the next runs of a hook fail."""
        self._failures[name] += times

    def fix(self) -> None:
        """Have every hook succeed immediately from now on."""
        self._failures.clear()
        self.seconds.clear()

    def crash(self) -> None:
        """Forget every run, as when the process dies."""
        self._runs.clear()

    def start(self, run: HookRun) -> None:
        """Start a run, unless it was started before."""
        if run.call.number in self._runs:
            return
        name, now = run.hook.name, self._clock.monotonic()
        seconds, detail = self.seconds.get(name, 0), ""
        if self._failures[name] > 0:
            self._failures[name] -= 1
            detail = "exit code 1"
        if seconds > run.hook.timeout_seconds:
            seconds, detail = run.hook.timeout_seconds, f"not finished within {run.hook.timeout_seconds:g} s"
        self.events.append(run.event)
        count = self.readings.get(name, _healthy)
        readings = tuple(count(run.event)) if not detail else ()
        self._runs[run.call.number] = _Started(name=name, ends=now + seconds, detail=detail, readings=readings)

    def observe(self, calls: Sequence[HookCall]) -> tuple[HookSeen, ...]:
        """Return the state of the announced runs; end runs that are no longer announced."""
        announced = {call.number for call in calls}
        for number in sorted(self._runs.keys() - announced):
            if self._clock.monotonic() < self._runs.pop(number).ends:
                self.ended.append(number)
        return tuple(self._seen(number, run) for number, run in sorted(self._runs.items()))

    def has_news(self) -> bool:
        """Return whether a run has ended."""
        return any(run.ends <= self._clock.monotonic() for run in self._runs.values())

    def _seen(self, number: int, run: _Started) -> HookSeen:
        if self._clock.monotonic() < run.ends:
            return HookSeen(number=number, state=HookState.RUNNING)
        state = HookState.FAILED if run.detail else HookState.SUCCEEDED
        return HookSeen(number=number, state=state, detail=run.detail, readings=run.readings)


def _healthy(event: HookEvent) -> Sequence[Reading]:
    return [Reading(instance_id=name, bad=0, total=_REQUESTS) for name in event.instance_ids]
