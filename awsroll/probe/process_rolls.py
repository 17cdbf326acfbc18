"""The rollouts of P16 as real processes: `awsroll roll` is killed with SIGKILL, and `awsroll resume` continues."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from awsroll.core.request.spec import RolloutSpec
from awsroll.probe.rollout_experiments import Interrupted

LEFT_EVENTS = frozenset({"instance.chosen", "instance.deregistered", "group.instances-terminated", "instance.launched"})
"""After one of these events a rollout is in the middle."""
PREFIX = "AWSROLL_"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessRolls:
    """Runs `awsroll` as a child process.

    Attributes:
        options: the options of account and region that each command needs, such as `--profile` and its value.
    """

    options: tuple[str, ...] = ()

    def roll(self, spec: RolloutSpec, store: Path, *, seconds: float) -> Interrupted:
        """Start a rollout, kill it when its first server is chosen, and resume it to its end, within `seconds`."""
        ends_at = time.monotonic() + seconds
        store.mkdir(parents=True, exist_ok=True)
        file = store / "request.json"
        file.write_text(json.dumps(request_of(spec)))
        with self._start("roll", "-f", str(file), store=store) as process, _killed_after(process, seconds):
            rollout_id, in_the_middle = _read_until_left(process.stdout or ())
            if in_the_middle:
                process.kill()
            code = process.wait()
        if not in_the_middle:
            return Interrupted(killed=False, exit_code=code, detail="the rollout ended before it could be killed")
        left = ends_at - time.monotonic()
        with self._start("resume", rollout_id, store=store) as process, _killed_after(process, left):
            process.communicate()
        return Interrupted(killed=True, exit_code=process.returncode, detail=rollout_id)

    def _start(self, *arguments: str, store: Path) -> "subprocess.Popen[str]":
        command: Sequence[str] = (sys.executable, "-m", "awsroll", *arguments, *self.options)
        return subprocess.Popen(  # noqa: S603 - the arguments are awsroll's own
            [*command, "--state", str(store), "--json", "--yes"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment_of(os.environ),
        )


def environment_of(inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a rollout: without the variables that give options, which the probe gives itself."""
    return {name: value for name, value in inherited.items() if not name.startswith(PREFIX)}


@contextmanager
def _killed_after(process: "subprocess.Popen[str]", seconds: float) -> Iterator[None]:
    """Kill a process that still runs after `seconds`."""
    timer = threading.Timer(max(0.0, seconds), process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def request_of(spec: RolloutSpec) -> dict[str, object]:
    """Return a request as the keys of a rollout file; options with their default are left out."""
    default = asdict(RolloutSpec())
    return {
        name.replace("_", "-"): list(value) if isinstance(value, tuple) else value
        for name, value in asdict(spec).items()
        if value != default[name]
    }


def _read_until_left(lines: Iterable[str] | IO[str]) -> tuple[str, bool]:
    """Return the id of the rollout, and whether its first server has been chosen."""
    rollout_id = ""
    for line in lines:
        event = json.loads(line)
        rollout_id = str(event.get("rollout_id", rollout_id))
        if event.get("event") in LEFT_EVENTS:
            return rollout_id, True
    return rollout_id, False
