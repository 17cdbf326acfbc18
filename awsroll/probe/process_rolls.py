"""The rollouts of P16 as real processes: `awsroll roll` is killed with SIGKILL, and `awsroll resume` continues."""

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from awsroll.core.request.spec import RolloutSpec
from awsroll.probe.rollout_experiments import Interrupted

LEFT_EVENTS = frozenset({"instance.chosen", "instance.deregistered", "group.instances-terminated", "instance.launched"})
"""After one of these events a rollout is in the middle."""
_LONGEST_SECONDS = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessRolls:
    """Runs `awsroll` as a child process.

    Attributes:
        options: the options of account and region that each command needs, such as `--profile` and its value.
    """

    options: tuple[str, ...] = ()

    def roll(self, spec: RolloutSpec, store: Path) -> Interrupted:
        """Start a rollout, kill it when its first server is chosen, and resume it to its end."""
        store.mkdir(parents=True, exist_ok=True)
        file = store / "request.json"
        file.write_text(json.dumps(request_of(spec)))
        with self._start("roll", "-f", str(file), store=store) as process:
            rollout_id, in_the_middle = _read_until_left(process.stdout or ())
            if in_the_middle:
                process.kill()
            code = process.wait()
        if not in_the_middle:
            return Interrupted(killed=False, exit_code=code, detail="the rollout ended before it could be killed")
        with self._start("resume", rollout_id, store=store) as process:
            process.communicate(timeout=_LONGEST_SECONDS)
        return Interrupted(killed=True, exit_code=process.returncode, detail=rollout_id)

    def _start(self, *arguments: str, store: Path) -> "subprocess.Popen[str]":
        command: Sequence[str] = (sys.executable, "-m", "awsroll", *arguments, *self.options)
        return subprocess.Popen(  # noqa: S603 - the arguments are awsroll's own
            [*command, "--state", str(store), "--json", "--yes"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )


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
