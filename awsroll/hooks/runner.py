"""Runs hooks in the background and collects their results. Implements `awsroll.ports.Hooks`.

Each run has a thread of its own, except scripts on servers: SSM runs those. A callable and a function do not end at
their timeout by themselves, so the timeout is checked here. On a clock that does not run in real time, nothing can run
in the background: `start` runs the hook to its end.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol, assert_never

from awsroll.aws.cloudwatch import CloudWatch
from awsroll.aws.connection import Connection
from awsroll.clock import SystemClock
from awsroll.core.model.hook_calls import HookCall, HookRun, HookSeen, HookState
from awsroll.core.model.hooks import HookKind, HookPoint
from awsroll.errors import AwsError
from awsroll.hooks.callables import HookCallable
from awsroll.hooks.endpoints import ADDRESS, Endpoint
from awsroll.hooks.judge_answers import readings_of
from awsroll.hooks.judging_scripts import JudgingScripts
from awsroll.hooks.lambda_functions import LambdaFunction
from awsroll.hooks.local_commands import HookFailedError, LocalCommand
from awsroll.hooks.metric_counts import MetricCounts
from awsroll.hooks.probe_answers import check_answer
from awsroll.hooks.server_scripts import ServerScripts

_REPORT_SECONDS = 5.0  # a command that is ended at its timeout reports that itself, this much later


class _Task(Protocol):
    """A run of a hook; `end` has it end soon, if that is possible."""

    def __call__(self) -> object: ...

    def end(self) -> None: ...


@dataclass(slots=True)
class _StartedRun:
    run: HookRun
    task: _Task
    ends_at: float
    seen: HookSeen | None = None
    over: threading.Event = field(default_factory=threading.Event)
    is_reported: bool = False


class HookRunner:
    """The hooks that run for one rollout in this process.

    Args:
        aws: the connection for functions and scripts.
        callables: the Python callables of the rollout, by name.
        in_background: whether runs continue while the driver waits, as on the system clock.
    """

    def __init__(
        self, aws: Connection, *, callables: Mapping[str, HookCallable] | None = None, in_background: bool = True
    ) -> None:
        self._aws = aws
        self._callables = dict(callables or {})
        self._in_background = in_background
        self._clock = SystemClock()
        self._scripts = ServerScripts(aws)
        self._judging = JudgingScripts(aws)
        self._addresses: dict[str, str] = {}
        self._script_numbers: set[int] = set()
        self._started: dict[int, _StartedRun] = {}

    def start(self, run: HookRun) -> None:
        """Start a run, unless a run with this number is known already."""
        number = run.call.number
        if number in self._started or number in self._script_numbers:
            return
        match run.hook.kind:
            case HookKind.SCRIPT:
                self._script_numbers.add(number)
                (self._judging if run.hook.point is HookPoint.WHILE_JUDGING else self._scripts).start(run)
            case HookKind.COMMAND:
                self._start(run, LocalCommand(run), more_seconds=_REPORT_SECONDS)
            case HookKind.FUNCTION:
                self._start(run, self._function(run))
            case HookKind.CALLABLE:
                self._start(run, _PythonCallable(self._callables.get(run.hook.name), run))
            case HookKind.URL:
                self._start(run, Endpoint(run, self._addresses_of(run)))
            case HookKind.METRIC:
                self._start(run, MetricCounts(run, self._metrics(run)))
            case HookKind.ANOMALIES:  # the observation has the flags
                pass
            case _:
                assert_never(run.hook.kind)

    def _start(self, run: HookRun, task: _Task, *, more_seconds: float = 0) -> None:
        number = run.call.number
        ends_at = self._clock.monotonic() + run.hook.timeout_seconds + more_seconds
        started = self._started[number] = _StartedRun(run=run, task=task, ends_at=ends_at)
        if self._in_background:
            # Not a thread pool: it waits for its threads at exit, and a callable cannot be ended.
            threading.Thread(target=_carry_out, args=(started,), name=f"hook-{number}", daemon=True).start()
        else:
            _carry_out(started)

    def _function(self, run: HookRun) -> LambdaFunction:
        clock = self._clock if self._in_background else self._aws.clock
        return LambdaFunction(self._aws.beside(clock, read_seconds=run.hook.timeout_seconds), run)

    def _metrics(self, run: HookRun) -> CloudWatch:
        clock = self._clock if self._in_background else self._aws.clock
        return self._aws.metrics_beside(clock, read_seconds=run.hook.timeout_seconds)

    def _addresses_of(self, run: HookRun) -> dict[str, str]:
        """Return the private addresses of the servers of a run, if its URL needs them. EC2 is asked once for each."""
        wanted = run.event.instance_ids if ADDRESS in run.hook.url else ()
        missing = [name for name in wanted if name not in self._addresses]
        if missing:
            with suppress(AwsError):  # a server without an address is not compared
                described = self._aws.ec2.instances(missing)
                self._addresses |= {one["InstanceId"]: one.get("PrivateIpAddress", "") for one in described}
        return {name: self._addresses[name] for name in wanted if self._addresses.get(name)}

    def observe(self, calls: Sequence[HookCall]) -> tuple[HookSeen, ...]:
        """Return the state of the announced runs that are known here. End a known run that is no longer announced."""
        announced = {call.number for call in calls}
        for number in sorted(self._started.keys() - announced):
            self._end(self._started.pop(number))
        for number in sorted(self._script_numbers - announced):
            self._script_numbers.remove(number)
            self._scripts.forget(number)
            self._judging.forget(number)
        return (
            *(self._seen(started) for started in self._started.values()),
            *self._scripts.observe(),
            *self._judging.observe(),
        )

    def has_news(self) -> bool:
        """Return whether a run has ended since the last observation."""
        return any(started.over.is_set() and not started.is_reported for started in self._started.values())

    @property
    def is_busy(self) -> bool:
        """Whether a run is open that only this process knows. Scripts on servers are not: SSM knows them."""
        return any(not started.is_reported for started in self._started.values())

    def close(self) -> tuple[HookRun, ...]:
        """End the open runs; return them. A callable and a function cannot be ended and continue."""
        left = [started for started in self._started.values() if not started.over.is_set()]
        threads = [threading.Thread(target=started.task.end, daemon=True) for started in left]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._started.clear()
        return tuple(started.run for started in left)

    def _seen(self, started: _StartedRun) -> HookSeen:
        if started.seen is not None:
            started.is_reported = True
            return started.seen
        if self._clock.monotonic() < started.ends_at:
            return HookSeen(number=started.run.call.number, state=HookState.RUNNING)
        self._end(started)
        return _failed(started.run, f"not finished within {started.run.hook.timeout_seconds:g} s")

    def _end(self, started: _StartedRun) -> None:
        if not started.over.is_set():
            threading.Thread(target=started.task.end, daemon=True).start()


class _PythonCallable:
    """One run of a Python callable."""

    def __init__(self, call: Callable[..., object] | None, run: HookRun) -> None:
        self._call = call
        self._run = run

    def __call__(self) -> object:
        if self._call is None:
            problem = "its Python callable was not passed to the process that drives the rollout now"
            raise HookFailedError(problem)
        return self._call(self._run.event)

    def end(self) -> None:
        """Do nothing: a thread cannot be ended from outside."""


def _carry_out(started: _StartedRun) -> None:
    try:
        answer = started.task()
        check_answer(started.run, answer)
        readings = readings_of(started.run, answer)
    except HookFailedError as error:
        started.seen = _failed(started.run, str(error))
    except Exception as error:  # noqa: BLE001  any exception of a callable is a failure of the hook
        message = " ".join(str(error).split())
        started.seen = _failed(started.run, f"{type(error).__name__}: {message}" if message else type(error).__name__)
    else:
        number = started.run.call.number
        started.seen = HookSeen(number=number, state=HookState.SUCCEEDED, readings=readings)
    started.over.set()


def _failed(run: HookRun, detail: str) -> HookSeen:
    return HookSeen(number=run.call.number, state=HookState.FAILED, detail=detail)
