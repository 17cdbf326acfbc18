"""Runs hooks in the background and collects what came of them. Fits `awsroll.ports.Hooks`.

Each run that is not a script on a server has a thread of its own; a timeout that the run does not keep by itself (a
callable's, a function's) is kept here. On a clock that is not the real one nothing can run beside it: there a run is
carried out at once, where it is started.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from awsroll.aws.connection import Connection
from awsroll.clock import SystemClock
from awsroll.core.model.hooks import HookCall, HookRun, HookSeen, HookState
from awsroll.hooks.callables import HookCallable
from awsroll.hooks.lambda_functions import Function
from awsroll.hooks.local_commands import Command, HookFailedError
from awsroll.hooks.server_scripts import Scripts

_LONGER_SECONDS = 5.0  # a command that is being ended for taking too long says so itself


class _Task(Protocol):
    """Something to run to its end; `end` has it end soon, where that is possible."""

    def __call__(self) -> None: ...

    def end(self) -> None: ...


@dataclass(slots=True)
class _Begun:
    run: HookRun
    task: _Task
    ends_at: float
    seen: HookSeen | None = None
    over: threading.Event = field(default_factory=threading.Event)
    is_told: bool = False


class HookRunner:
    """Everything that runs for one rollout in this process.

    Args:
        aws: where functions are invoked and scripts are sent.
        callables: the rollout's Python callables, by name.
        is_real_time: whether runs can go on in the background while the driver waits.
    """

    def __init__(
        self, aws: Connection, *, callables: Mapping[str, HookCallable] | None = None, is_real_time: bool = True
    ) -> None:
        self._aws = aws
        self._callables = dict(callables or {})
        self._is_real_time = is_real_time
        self._clock = SystemClock()
        self._scripts = Scripts(aws)
        self._script_numbers: set[int] = set()
        self._begun: dict[int, _Begun] = {}

    def start(self, run: HookRun) -> None:
        """Start a run, unless one of that number is known already."""
        number = run.call.number
        if number in self._begun or number in self._script_numbers:
            return
        if run.hook.script:
            self._script_numbers.add(number)
            self._scripts.start(run)
            return
        ends_at = self._clock.monotonic() + run.hook.timeout_seconds + (_LONGER_SECONDS if run.hook.command else 0)
        begun = _Begun(run=run, task=self._task(run), ends_at=ends_at)
        self._begun[number] = begun
        if self._is_real_time:
            # No pool: a thread of one cannot be left behind at the end, and a callable cannot be ended.
            threading.Thread(target=_carry_out, args=(begun,), name=f"hook-{number}", daemon=True).start()
        else:
            _carry_out(begun)

    def look(self, calls: Sequence[HookCall]) -> tuple[HookSeen, ...]:
        """Return how the announced runs stand that are known here; a known one that is announced no more is ended."""
        announced = {call.number for call in calls}
        for number in sorted(self._begun.keys() - announced):
            self._end(self._begun.pop(number))
        for number in sorted(self._script_numbers - announced):
            self._script_numbers.remove(number)
            self._scripts.forget(number)
        return (*(self._seen(begun) for begun in self._begun.values()), *self._scripts.look())

    def has_news(self) -> bool:
        """Tell whether a run has ended since the last look took it in."""
        return any(begun.over.is_set() and not begun.is_told for begun in self._begun.values())

    @property
    def is_busy(self) -> bool:
        """Whether something runs that only this process knows of: no script on a server, which SSM remembers."""
        return any(not begun.is_told for begun in self._begun.values())

    def close(self) -> tuple[HookRun, ...]:
        """End what still runs; return it. What cannot be ended (a callable, a function) is left behind."""
        left = [begun for begun in self._begun.values() if not begun.over.is_set()]
        threads = [threading.Thread(target=begun.task.end, daemon=True) for begun in left]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._begun.clear()
        return tuple(begun.run for begun in left)

    def _task(self, run: HookRun) -> _Task:
        if run.hook.command:
            return Command(run)
        if run.hook.function:
            clock = self._clock if self._is_real_time else self._aws.clock
            return Function(self._aws.beside(clock, read_seconds=run.hook.timeout_seconds), run)
        return _Callable(self._callables.get(run.hook.name), run)

    def _seen(self, begun: _Begun) -> HookSeen:
        if begun.seen is not None:
            begun.is_told = True
            return begun.seen
        if self._clock.monotonic() < begun.ends_at:
            return HookSeen(number=begun.run.call.number, state=HookState.RUNNING)
        self._end(begun)
        return _failed(begun.run, f"not finished within {begun.run.hook.timeout_seconds:g} s")

    def _end(self, begun: _Begun) -> None:
        if not begun.over.is_set():
            threading.Thread(target=begun.task.end, daemon=True).start()


class _Callable:
    """One run of a Python callable."""

    def __init__(self, call: Callable[..., object] | None, run: HookRun) -> None:
        self._call = call
        self._run = run

    def __call__(self) -> None:
        if self._call is None:
            problem = "its Python callable was not given to whoever drives the rollout now"
            raise HookFailedError(problem)
        self._call(self._run.event)

    def end(self) -> None:
        """Do nothing: a thread cannot be ended from outside."""


def _carry_out(begun: _Begun) -> None:
    try:
        begun.task()
    except HookFailedError as error:
        begun.seen = _failed(begun.run, str(error))
    except Exception as error:  # noqa: BLE001  whatever a callable raises is the hook's failure
        said = " ".join(str(error).split())
        begun.seen = _failed(begun.run, f"{type(error).__name__}: {said}" if said else type(error).__name__)
    else:
        begun.seen = HookSeen(number=begun.run.call.number, state=HookState.SUCCEEDED)
    begun.over.set()


def _failed(run: HookRun, detail: str) -> HookSeen:
    return HookSeen(number=run.call.number, state=HookState.FAILED, detail=detail)
