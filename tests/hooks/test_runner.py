"""Hooks in the background, in real time: their results, their timeouts, and their end."""

import os
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from awsroll.core.model.hook_calls import HookCall, HookEvent, HookRun, HookSeen, HookState
from awsroll.core.model.hooks import Hook, HookPoint
from awsroll.driver.context import Context
from awsroll.driver.session import Session
from awsroll.hooks import HookRunner, PythonHook
from awsroll.ports import Record
from awsroll.testing.clock import VirtualClock
from tests.stores.records import record as record_of
from tests.support.amazon import connection, session
from tests.support.patience import PATIENCE_SECONDS, PROMPT_SECONDS, wait_until

PATIENCE = 20.0


class OwnClock(VirtualClock):
    """A clock of a user: neither awsroll's system clock nor its virtual clock."""

    def __init__(self, *, is_real_time: bool) -> None:
        super().__init__()
        self.is_real_time = is_real_time


class BareClock:
    """A clock of a user with nothing but the methods of the port."""

    def __init__(self) -> None:
        self._clock = VirtualClock()

    def now(self) -> datetime:
        return self._clock.now()

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def sleep(self, seconds: float) -> None:
        self._clock.sleep(seconds)


def run_of(number: int = 1, **kind: Any) -> HookRun:
    hook = Hook(point=HookPoint.AFTER_HEALTHY, name="check", **kind)
    event = HookEvent(
        point=hook.point,
        hook=hook.name,
        run=number,
        phase="rolling",
        rollout_id="web-1",
        fleet="web",
        from_version="lt-web:1",
        to_version="lt-web:2",
        instance_ids=("i-1",),
    )
    return HookRun(hook=hook, call=HookCall(name="check", number=number, subject="i-1"), event=event)


def python(script: str, **more: Any) -> HookRun:
    return run_of(command=(sys.executable, "-c", script), **more)


def runner(**callables: Any) -> HookRunner:
    return HookRunner(connection(), callables=callables)


def result_of(hooks: HookRunner, run: HookRun) -> HookSeen:
    hooks.start(run)
    wait_until(hooks.has_news)
    (seen,) = hooks.observe([run.call])
    return seen


def test_a_command_with_exit_code_0_has_succeeded() -> None:
    assert result_of(runner(), python("")) == HookSeen(number=1, state=HookState.SUCCEEDED)


@pytest.mark.parametrize(
    ("script", "detail"),
    [
        pytest.param("print('no table'); raise SystemExit(3)", "exit code 3: no table", id="exit-code-and-output"),
        pytest.param("import os; os.kill(os.getpid(), 9)", "ended by signal 9", id="signal"),
        pytest.param("print('x' * 5000); raise SystemExit(1)", f"exit code 1: {'x' * 300}", id="much-output"),
    ],
)
def test_a_command_that_fails_reports_the_cause(script: str, detail: str) -> None:
    assert result_of(runner(), python(script)) == HookSeen(number=1, state=HookState.FAILED, detail=detail)


def test_a_command_that_cannot_be_started_has_failed(tmp_path: Path) -> None:
    seen = result_of(runner(), run_of(command=(str(tmp_path / "none"),)))
    assert seen.detail == f"{tmp_path / 'none'} cannot be started: No such file or directory"


def is_alive(process_id: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(process_id, 0)
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z"
    return False


STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen(["sleep", "600"])
with open(sys.argv[1] + ".new", "w") as file:
    file.write(f"{os.getpid()} {child.pid}")
os.rename(sys.argv[1] + ".new", sys.argv[1])
print("still at it", flush=True)
time.sleep(600)
"""


def test_a_command_that_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    hooks = runner()
    seen = result_of(hooks, run_of(command=(sys.executable, "-c", STUBBORN, str(pids)), timeout_seconds=2))
    assert seen == HookSeen(number=1, state=HookState.FAILED, detail="not finished within 2 s: still at it")
    wait_until(lambda: not any(is_alive(int(one)) for one in pids.read_text().split()))


def test_the_end_of_the_driver_ends_a_running_command(tmp_path: Path) -> None:
    pids, hooks = tmp_path / "pids", runner()
    run = run_of(command=(sys.executable, "-c", STUBBORN, str(pids)))
    hooks.start(run)
    wait_until(pids.exists)
    begun = time.monotonic()
    assert hooks.close() == (run,)
    assert time.monotonic() - begun < PROMPT_SECONDS
    wait_until(lambda: not any(is_alive(int(one)) for one in pids.read_text().split()))
    assert hooks.observe([run.call]) == ()


def test_a_run_that_is_no_longer_announced_is_ended(tmp_path: Path) -> None:
    pids, hooks = tmp_path / "pids", runner()
    hooks.start(run_of(command=(sys.executable, "-c", STUBBORN, str(pids))))
    wait_until(pids.exists)
    assert hooks.observe([]) == ()
    wait_until(lambda: not any(is_alive(int(one)) for one in pids.read_text().split()))


def test_a_run_is_started_only_once(tmp_path: Path) -> None:
    hooks, log = runner(), tmp_path / "log"
    run = run_of(command=("sh", "-c", f"echo run >>{log}"))
    for _ in range(3):
        result_of(hooks, run) if not log.exists() else hooks.start(run)
    assert log.read_text() == "run\n"


def test_a_result_is_news_only_once() -> None:
    hooks, run = runner(), python("")
    result_of(hooks, run)
    assert not hooks.has_news()


def test_a_callable_gets_the_event() -> None:
    events: list[HookEvent] = []
    run = run_of(is_callable=True)
    assert result_of(runner(check=events.append), run).state is HookState.SUCCEEDED
    assert events == [run.event]


def test_an_exception_of_a_callable_is_the_failure() -> None:
    def fail(_: HookEvent) -> None:
        message = "not\nyet"
        raise LookupError(message)

    assert result_of(runner(check=fail), run_of(is_callable=True)).detail == "LookupError: not yet"


def test_a_callable_that_takes_too_long_has_failed_and_is_left_behind() -> None:
    release = threading.Event()
    hooks, run = runner(check=lambda _: release.wait(PATIENCE_SECONDS)), run_of(is_callable=True, timeout_seconds=0.1)
    hooks.start(run)
    wait_until(lambda: hooks.observe([run.call])[0].state is HookState.FAILED)
    assert hooks.observe([run.call])[0].detail == "not finished within 0.1 s"
    assert hooks.close() == (run,)
    release.set()


def test_a_callable_that_was_not_given_has_failed() -> None:
    seen = result_of(runner(), run_of(is_callable=True))
    assert seen.detail == "its Python callable was not passed to the process that drives the rollout now"


CLOCKS = {
    "real-time": (OwnClock(is_real_time=True), "hook-1"),
    "virtual-time": (OwnClock(is_real_time=False), "MainThread"),
    "does-not-say": (BareClock(), "MainThread"),
}


@pytest.mark.parametrize(("clock", "thread"), CLOCKS.values(), ids=CLOCKS)
def test_the_clock_decides_whether_hooks_run_in_the_background(clock: Any, thread: str) -> None:
    threads: list[str] = []
    hook = Hook(point=HookPoint.AFTER_HEALTHY, name="check", is_callable=True)
    record = Record(rollout=replace(record_of().rollout, hooks=(hook,)), status=record_of().status)
    call = PythonHook(point=hook.point, call=lambda _: threads.append(threading.current_thread().name))
    driver = Session(Context(clock=clock, session=session(), hooks=(call,)))
    _, hooks = driver.controller(record)

    result_of(hooks, run_of(is_callable=True))

    assert threads == [thread]
