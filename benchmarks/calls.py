"""Counts the calls to AWS and the writes of the record of whole rollouts, in virtual time, at 150 ms a call.

    python -m benchmarks.calls --servers 100                       each strategy, both kinds of fleet
    python -m benchmarks.calls --servers 1000 --kind standalone --strategy double-half

The embedded AWS answers, so a count is the count on the wire. One line for each rollout:

    standalone double-half of 100: succeeded in 562 s; 250 calls (2.5 a server), 110 mutating (1.1), 35 writes; ...
"""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import awsroll
from awsroll.aws.call_counts import is_reading
from awsroll.core.model.rollout import Strategy
from awsroll.core.request.spec import RolloutSpec
from awsroll.ports import Record
from awsroll.sandbox import Sandbox, SandboxOptions
from awsroll.stores import LocalStore
from awsroll.testing.clock import VirtualClock

STRATEGIES: dict[str, dict[str, Any]] = {
    "replace": {"concurrent": "10%"},
    "launch-first": {"launch_first": True, "concurrent": "10%"},
    "double-half": {"strategy": Strategy.DOUBLE_HALF},
    "reload": {"strategy": Strategy.RELOAD, "concurrent": "10%"},
}
KINDS = ("standalone", "group")
CALL_SECONDS = 0.15


class CountingStore(LocalStore):
    """A store that counts the writes of records."""

    writes = 0

    def save(self, record: Record) -> Record:
        """Count the write and make it."""
        self.writes += 1
        return super().save(record)


@dataclass(slots=True)
class Measured:
    """The figures of one rollout.

    Attributes:
        calls: how often each operation was called.
        launch_seconds: from the first to the last call that launches.
    """

    status: str = ""
    seconds: float = 0
    writes: int = 0
    warnings: tuple[str, ...] = ()
    calls: Counter[str] = field(default_factory=Counter)
    launch_seconds: float = 0

    @property
    def total(self) -> int:
        """The number of all calls."""
        return self.calls.total()

    @property
    def mutating(self) -> int:
        """The number of calls that change something."""
        return sum(count for name, count in self.calls.items() if not is_reading(name.partition(":")[2]))


def measure(kind: str, strategy: str, servers: int) -> Measured:
    """Roll one fleet and count."""
    clock, measured, launches = VirtualClock(), Measured(), list[float]()
    options = SandboxOptions(
        targets_per_group=max(1000, 2 * servers)
    )  # AWS's default quota has no room for 1,000 twice
    with Sandbox(clock=clock, options=options) as sandbox, tempfile.TemporaryDirectory() as folder:
        grouped = kind == "group"
        fleet = sandbox.auto_scaling_fleet(desired=servers) if grouped else sandbox.standalone_fleet(servers=servers)

        def count(service: str, operation: str, _: object) -> None:
            measured.calls[f"{service}:{operation}"] += 1
            if operation in ("RunInstances", "LaunchInstances"):
                launches.append(clock.monotonic())
            clock.sleep(CALL_SECONDS)

        reloads = strategy == "reload"
        wanted: dict[str, Any] = {
            "asg": fleet.group_name or "",
            "target_group": () if grouped else fleet.target_group_arns,
            "launch_template": "" if reloads else f"{fleet.template_id}:2",
            "command": ("sandbox-version v2",) if reloads else (),
            "app_version": "2.0" if reloads else "",
        }
        store, begun = CountingStore(Path(folder)), clock.monotonic()
        sandbox.on_call(count)
        request = RolloutSpec(**wanted | STRATEGIES[strategy])
        report = awsroll.roll(request, session=sandbox.session(), store=store, clock=clock)
        measured.status, measured.seconds = str(report.status), clock.monotonic() - begun
        measured.writes, measured.warnings = store.writes, tuple(report.warnings)
    measured.launch_seconds = launches[-1] - launches[0] if launches else 0
    return measured


def line(kind: str, strategy: str, servers: int, measured: Measured) -> str:
    """Return the figures of one rollout in one line."""
    most = ", ".join(f"{name} {count}" for name, count in measured.calls.most_common(6))
    launches = f"; launch calls over {measured.launch_seconds:.1f} s" if measured.launch_seconds else ""
    return (
        f"{kind} {strategy} of {servers}: {measured.status} in {measured.seconds:.0f} s; {measured.total} calls "
        f"({measured.total / servers:.1f} a server), {measured.mutating} mutating ({measured.mutating / servers:.1f}), "
        f"{measured.writes} writes{launches}; {most}"
    )


def main(arguments: Sequence[str]) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calls", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--servers", type=int, default=100, help="servers in the fleet (default: 100)")
    parser.add_argument("--kind", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--strategy", nargs="+", choices=list(STRATEGIES), default=list(STRATEGIES))
    wanted = parser.parse_args(arguments)
    clean = True
    for kind in wanted.kind:
        for strategy in wanted.strategy:
            measured = measure(kind, strategy, wanted.servers)
            clean &= measured.status == "succeeded" and not any("late" in one for one in measured.warnings)
            sys.stdout.write(line(kind, strategy, wanted.servers, measured) + "\n")
            sys.stdout.flush()
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
