"""Measures many fleets in one process: their calls, threads, memory, and how far apart they end.

    python -m benchmarks.waves --fleets 50

The fleets are small groups of one account, all in one wave, in virtual time on the embedded AWS. They share the rate
limits of the account. One line:

    50 fleets of 4: succeeded; each took 229 to 280 s, one alone 232 s; 109 to 126 calls a fleet, alone 118; at most ...

A fleet that takes much longer than the others is served unfairly. The memory includes the embedded AWS with its fleets.
"""

import argparse
import resource
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import awsroll
from awsroll.core.request.spec import RolloutSpec
from awsroll.core.request.waves import FleetSpec, FleetsSpec, WaveSpec
from awsroll.sandbox import Sandbox
from awsroll.stores import LocalStore
from awsroll.testing.clock import VirtualClock
from tests.support.turns import TurnClock

SPREAD = 1.25
"""The most that the slowest fleet may take, of the time of the fastest: calls wait for the shared rate limits."""
OTHER_THREADS = 4
"""The most threads besides the one of each fleet."""
_KIB_IN_MIB = 1024


@dataclass(slots=True)
class Measured:
    """The figures of one wave.

    Attributes:
        seconds: how long each fleet took.
        calls: how many calls each fleet made, by its report.
        threads: the most threads at a time.
        grown: by how many MiB the most memory of the process grew.
    """

    succeeded: bool = False
    seconds: list[float] = field(default_factory=list)
    calls: list[int] = field(default_factory=list)
    threads: int = 0
    grown: float = 0

    @property
    def is_bounded(self) -> bool:
        """Whether all fleets succeeded, none was served unfairly, and each took one thread."""
        is_fair = max(self.seconds) <= SPREAD * min(self.seconds)
        return self.succeeded and is_fair and self.threads <= len(self.seconds) + OTHER_THREADS


def measure(fleets: int, *, servers: int = 4) -> Measured:
    """Roll a wave of fleets, all at a time, and measure.

    Args:
        fleets: how many fleets.
        servers: how many servers each fleet has.
    """
    clock, measured, before = VirtualClock(), Measured(), _memory()
    with Sandbox(clock=clock) as sandbox, tempfile.TemporaryDirectory() as folder:
        names = [f"web-{number:02}" for number in range(fleets)]
        for name in names:
            sandbox.auto_scaling_fleet(name=name, desired=servers)

        def count(*_: object) -> None:
            measured.threads = max(measured.threads, threading.active_count())

        sandbox.on_call(count)
        specs = [FleetSpec(name=one, request=RolloutSpec(asg=one, launch_template=f"{one}:2")) for one in names]
        wave = WaveSpec(name="all", fleets=tuple(specs), concurrency=fleets)
        report = awsroll.roll_fleets(
            FleetsSpec(waves=(wave,)),
            session=sandbox.session(),
            store=LocalStore(Path(folder)),
            clock=TurnClock(clock),
        )
    measured.succeeded = report.succeeded
    for one in report.fleets:
        if one.report is not None and one.report.ended_at is not None:
            measured.seconds.append(_seconds(one.report.started_at, one.report.ended_at))
            measured.calls.append(one.report.api_calls.total if one.report.api_calls else 0)
    measured.grown = _memory() - before
    return measured


def _seconds(since: datetime, until: datetime) -> float:
    return (until - since).total_seconds()


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _KIB_IN_MIB


def line(fleets: int, servers: int, alone: Measured, measured: Measured) -> str:
    """Return the figures of one wave in one line."""
    return (
        f"{fleets} fleets of {servers}: {'succeeded' if measured.succeeded else 'failed'}; each took "
        f"{min(measured.seconds):.0f} to {max(measured.seconds):.0f} s, one alone {max(alone.seconds):.0f} s; "
        f"{min(measured.calls)} to {max(measured.calls)} calls a fleet, alone {max(alone.calls)}; at most "
        f"{measured.threads} threads; the memory grew by {measured.grown:.0f} MiB, "
        f"{measured.grown / fleets:.1f} MiB a fleet"
    )


def table(fleets: int, *, servers: int = 4) -> list[str]:
    """Return the figures of a wave, and of one fleet alone, as the lines of a table in Markdown."""
    lines = ["| fleets | each took | calls a fleet | threads at most | memory grew by |", "|---|---|---|---|---|"]
    for count in (1, fleets):
        made = measure(count, servers=servers)
        took, calls = (f"{min(one):.0f} to {max(one):.0f}" for one in (made.seconds, made.calls))
        lines.append(f"| {count} of {servers} servers | {took} s | {calls} | {made.threads} | {made.grown:.0f} MiB |")
    return lines


def main(arguments: Sequence[str]) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.waves", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--fleets", type=int, default=50, help="fleets in the wave (default: 50)")
    parser.add_argument("--servers", type=int, default=4, help="servers of each fleet (default: 4)")
    wanted = parser.parse_args(arguments)
    alone = measure(1, servers=wanted.servers)
    measured = measure(wanted.fleets, servers=wanted.servers)
    sys.stdout.write(line(wanted.fleets, wanted.servers, alone, measured) + "\n")
    return 0 if measured.is_bounded else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
