"""The same with real processes: SIGKILL ends `awsroll roll` during a call, and `awsroll resume` continues.

The simulated AWS is a server in this process. At the n-th mutating call it kills the caller, either before or right
after the effect of the call, and never answers. Time is real; the timers of the server run fast.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from awsroll.cli.exit_codes import exit_of_outcome
from awsroll.core.model.status import Outcome
from awsroll.sandbox import ConnectionLost, Fleet, SandboxOptions, SandboxServer, serve
from awsroll.stores import LocalStore
from tests.cli.program import clean_environment
from tests.crash.ending import Ending
from tests.crash.scenarios import Scenario
from tests.crash.story import build, folder, hang_bell
from tests.crash.watch import READING, Watch
from tests.support.patience import PATIENCE_SECONDS

SPEED = 200.0
PACE = ("--poll", "0.1", "--settle-time", "3", "--json")
AFTERWARDS_SECONDS = 2.0
When = Literal["before", "after"]
WHEN: tuple[When, ...] = ("before", "after")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """The mutating call at which a process is killed, before or after the effect of the call."""

    call: int
    when: When

    def __str__(self) -> str:
        return f"{self.when} mutating call {self.call}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessStory:
    """The result of a run.

    Attributes:
        calls: the mutating calls of each process.
        problems: descriptions of the problems.
    """

    scenario: str
    kills: tuple[Kill, ...]
    calls: tuple[tuple[str, ...], ...]
    problems: tuple[str, ...]
    history: tuple[str, ...]

    @property
    def title(self) -> str:
        return f"{self.scenario}, {', '.join(map(str, self.kills)) or 'whole'}"

    @property
    def is_cut(self) -> bool:
        return len(self.calls) > 1

    def __str__(self) -> str:
        where = ", then ".join(
            f"{kill} ({calls[kill.call - 1] if kill.call <= len(calls) else 'never reached'})"
            for kill, calls in zip(self.kills, self.calls, strict=False)
        )
        return "\n".join((f"{self.scenario}, killed {where or 'never'}:", *(f"  {one}" for one in self.problems)))


def tell(scenario: Scenario, kills: Sequence[Kill] = ()) -> ProcessStory:
    """Run a scenario in processes that are killed at these calls; the last process runs to its end."""
    options = SandboxOptions(**scenario.options)
    with serve(speed=SPEED, options=options) as server, folder() as records:
        return _Run(server, scenario, records).tell(tuple(kills))


class _Killer:
    """Counts the mutating calls of one process, and kills the process at one of them."""

    def __init__(self, server: SandboxServer, kill: Kill | None) -> None:
        self.calls: list[str] = []
        self.process: subprocess.Popen[str] | None = None
        self.has_killed = False
        self._kill = kill
        self._ends = (server.on_call(self._before), server.on_call(self._after, "after"))

    def _before(self, service: str, operation: str, _: Mapping[str, Any]) -> None:
        if self.has_killed:
            raise ConnectionLost  # sent before its death, received after it
        if not operation.startswith(READING):
            self.calls.append(f"{service}:{operation}")
            self._strike("before")

    def _after(self, _service: str, operation: str, _: Mapping[str, Any]) -> None:
        if not operation.startswith(READING):
            self._strike("after")

    def _strike(self, when: When) -> None:
        if self._kill == Kill(call=len(self.calls), when=when) and self.process is not None:
            self.has_killed = True
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait()
            raise ConnectionLost

    def put_away(self) -> None:
        for end in self._ends:
            end()


class _Run:
    def __init__(self, server: SandboxServer, scenario: Scenario, records: Path) -> None:
        self._server = server
        self._scenario = scenario
        self._records = records
        server.standalone_fleet(name="bystander", servers=1, zones=1)
        self._fleet: Fleet = build(server, scenario)
        self._ending = Ending(server, self._fleet, scenario)
        hang_bell(server, scenario, self._fleet)
        with server.world.lock:
            self._watch = Watch(server, self._fleet, scenario)
        self._calls: list[tuple[str, ...]] = []
        self._problems: list[str] = []
        self._paused = False

    def tell(self, kills: tuple[Kill, ...]) -> ProcessStory:
        for kill in (*kills, None):
            if not self._process(kill):
                break
        while self._paused:
            self._process(None)
        return ProcessStory(
            scenario=self._scenario.name,
            kills=kills,
            calls=tuple(self._calls),
            problems=(*self._problems, *self._watch.problems),
            history=tuple(self._watch.history),
        )

    def _process(self, kill: Kill | None) -> bool:
        """Run one process; return whether it was killed, so that another process must continue."""
        killer = _Killer(self._server, kill)
        try:
            with subprocess.Popen(
                [sys.executable, "-m", "awsroll", *self._words()],
                env=clean_environment(self._server.environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            ) as process:
                killer.process = process
                try:
                    out, err = process.communicate(timeout=PATIENCE_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()
                    out, err = process.communicate()
                    self._problems.append(f"it has not ended within {PATIENCE_SECONDS} s")
        finally:
            killer.put_away()
        self._calls.append(tuple(killer.calls))
        if killer.has_killed:
            self._watch.note(f"--- killed {kill}")
            return True
        report = json.loads(out.splitlines()[-1]) if out else {}
        self._paused = self._scenario.pauses and report.get("status") == Outcome.PAUSED
        if not self._paused:
            self._judge(process.returncode, out, err)
        return False

    def _words(self) -> tuple[str, ...]:
        known = LocalStore(self._records).list()
        words = (
            ("resume", known[0].rollout.rollout_id, "--yes") if known else ("roll", *self._scenario.words(self._fleet))
        )
        return (*words, *PACE, "--state", str(self._records))

    def _judge(self, code: int, out: str, err: str) -> None:
        if code != exit_of_outcome(self._scenario.outcome):
            self._problems.append(f"exit code {code}: {err.strip() or out[-500:]}")
        time.sleep(AFTERWARDS_SECONDS)
        self._problems += self._ending.problems(self._watch)
