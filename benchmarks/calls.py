"""Counts the calls to AWS, the observations and the writes of the record of whole rollouts, in virtual time.

    python -m benchmarks.calls --servers 100                       each strategy, both kinds of fleet
    python -m benchmarks.calls --servers 1000 --kind standalone --strategy double-half
    python -m benchmarks.calls --goals                             the four goals, with AWS's default settings

A call takes 150 ms. The embedded AWS answers, so a count is the count on the wire. One line for each rollout:

    standalone replace of 20, 1 at a time: succeeded in 562 s, 1.02 of the bound; 250 calls (12.5 a server), ...

The bound is the time that AWS itself takes if no second is lost between two steps: the boots, the health checks and
the drains that follow each other.
"""

import argparse
import math
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import awsroll
from awsroll.aws.batches import batches
from awsroll.aws.call_counts import is_reading
from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.request.rollout_options import ASSUME_NO_PROTECTION, READ_PROTECTION
from awsroll.core.request.spec import RolloutSpec
from awsroll.ports import Record
from awsroll.sandbox import Sandbox, SandboxOptions
from awsroll.stores import LocalStore
from awsroll.testing.clock import VirtualClock

STRATEGIES: dict[str, dict[str, Any]] = {
    "replace": {},
    "launch-first": {"launch_first": True},
    "double-half": {"strategy": Strategy.DOUBLE_HALF},
    "reload": {"strategy": Strategy.RELOAD},
}
KINDS = ("standalone", "group")
CALL_SECONDS = 0.15


@dataclass(frozen=True, slots=True)
class Pace:
    """The seconds that AWS takes: to drain, between two health checks, and to boot."""

    drain: int
    interval: int
    threshold: int
    boot: float


PACES = {"sandbox": Pace(30, 10, 3, 40), "aws": Pace(300, 30, 5, 60)}
"""`sandbox`: the short times of the sandbox; `aws`: AWS's defaults, with a boot of a minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One rollout to measure.

    Attributes:
        most: the goal: the most calls a server; None: no goal.
        jitter: the most seconds that a boot takes longer, at random.
        version: the version of the launch template to roll to; all servers run version 1.
        named: each standalone server has a name of its own, so its replacement needs a call of its own for it.
        reads_protection: the termination protection of each standalone server is read, with one call a server.
    """

    kind: str
    servers: int
    strategy: str = "replace"
    concurrent: str = "10%"
    pace: Pace = PACES["sandbox"]
    most: float | None = None
    jitter: float = 0
    version: int = 2
    named: bool = False
    reads_protection: bool = True


GOALS = tuple(
    Case(
        kind=kind,
        servers=servers,
        concurrent=concurrent,
        pace=PACES["aws"],
        most=most,
        reads_protection=reads_protection,
    )
    for servers, concurrent, most, reads_protection in (
        (20, "1", 25, True),
        (20, "4", 8, True),
        (200, "10%", 1.5, False),  # one call a server would be most of it
        (1000, "10%", 0.5, False),
    )
    for kind in KINDS
)


class CountingStore(LocalStore):
    """A store that counts the writes of records."""

    writes = 0

    def save(self, record: Record) -> Record:
        """Count the write and make it."""
        self.writes += 1
        return super().save(record)


class Observations:
    """A sink that counts the observations."""

    def __init__(self) -> None:
        self.count = 0

    def observed(self, *_: object) -> None:
        """Count an observation."""
        self.count += 1

    def event(self, *_: object, **__: object) -> None:
        """Ignore an event."""


@dataclass(slots=True)
class Measured:
    """The figures of one rollout.

    Attributes:
        calls: how often each operation was called.
        reported: the number of calls that the report of the rollout states.
        idle: the number of observations after which nothing was done.
        launch_seconds: from the first to the last call that launches.
    """

    status: str = ""
    seconds: float = 0
    writes: int = 0
    observations: int = 0
    idle: int = 0
    reported: int = 0
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


def measure(case: Case) -> Measured:
    """Roll one fleet and count."""
    clock, measured, launches = VirtualClock(), Measured(), list[float]()
    options = SandboxOptions(
        targets_per_group=max(1000, 2 * case.servers),  # AWS's default quota has no room for 1,000 twice
        boot_seconds=case.pace.boot,
        boot_jitter_seconds=case.jitter,
    )
    with Sandbox(clock=clock, options=options) as sandbox, tempfile.TemporaryDirectory() as folder:
        fleet = _fleet(sandbox, case)
        observations = Observations()
        acted = set[int]()

        def count(service: str, operation: str, _: object) -> None:
            measured.calls[f"{service}:{operation}"] += 1
            if not is_reading(operation):
                acted.add(observations.count)
            if operation in ("RunInstances", "LaunchInstances"):
                launches.append(clock.monotonic())
            clock.sleep(CALL_SECONDS)

        store, begun = CountingStore(Path(folder)), clock.monotonic()
        sandbox.on_call(count)
        report = awsroll.roll(
            _request(case, fleet), session=sandbox.session(), store=store, clock=clock, sink=observations
        )
        measured.status, measured.seconds = str(report.status), clock.monotonic() - begun
        measured.writes, measured.warnings = store.writes, tuple(report.warnings)
        measured.reported = report.api_calls.total if report.api_calls else 0
        measured.observations = observations.count
        measured.idle = observations.count - len(acted - {0})
    measured.launch_seconds = launches[-1] - launches[0] if launches else 0
    return measured


def _fleet(sandbox: Sandbox, case: Case) -> Any:
    shape: dict[str, Any] = {
        "health_check_interval_seconds": case.pace.interval,
        "healthy_threshold": case.pace.threshold,
        "deregistration_delay_seconds": case.pace.drain,
    }
    if case.kind == "group":
        return sandbox.auto_scaling_fleet(desired=case.servers, max_size=2 * case.servers, **shape)
    fleet = sandbox.standalone_fleet(servers=case.servers, **shape)
    if not case.named:
        for some in batches(fleet.instance_ids, 500):
            sandbox.session().client("ec2").create_tags(Resources=some, Tags=[{"Key": "Name", "Value": "web"}])
    return fleet


def _request(case: Case, fleet: Any) -> RolloutSpec:
    grouped, reloads = case.kind == "group", case.strategy == "reload"
    wanted: dict[str, Any] = {
        "asg": fleet.group_name or "",
        "target_group": () if grouped else fleet.target_group_arns,
        "launch_template": "" if reloads else f"{fleet.template_id}:{case.version}",
        "command": ("sandbox-version v2",) if reloads else (),
        "app_version": "2.0" if reloads else "",
        "termination_protection": READ_PROTECTION if case.reads_protection else ASSUME_NO_PROTECTION,
    }
    at_once = {} if case.strategy == "double-half" else {"concurrent": case.concurrent}
    return RolloutSpec(**wanted | at_once | STRATEGIES[case.strategy])


def bound(case: Case) -> float:
    """Return the least seconds of a rollout without jitter, by what AWS takes itself; NaN for a reload."""
    options, pace = SandboxOptions(), case.pace
    by_group = options.group_registration_seconds if case.kind == "group" else 0
    arrives = pace.boot + by_group + options.registration_seconds + pace.interval
    percent = case.concurrent.removesuffix("%")
    at_once = max(1, case.servers * int(percent) // 100) if percent != case.concurrent else int(case.concurrent)
    rounds = math.ceil(case.servers / at_once)
    match case.strategy:
        case "double-half":
            return arrives + pace.drain
        case "launch-first":
            return rounds * arrives + pace.drain
        case "replace":
            return (rounds - 1) * arrives + max(pace.drain, arrives)
    return math.nan


def line(case: Case, measured: Measured) -> str:
    """Return the figures of one rollout in one line."""
    most = ", ".join(f"{name} {count}" for name, count in measured.calls.most_common(7))
    launches = f"; launch calls over {measured.launch_seconds:.1f} s" if measured.launch_seconds else ""
    goal = "" if case.most is None else f", goal {case.most:g}"
    assumes = "" if case.reads_protection else ", termination protection not read"
    return (
        f"{case.kind} {case.strategy} of {case.servers}, {case.concurrent} at a time{assumes}: {measured.status} in "
        f"{measured.seconds:.0f} s, {measured.seconds / bound(case):.3f} of the bound; {measured.total} calls "
        f"({measured.total / case.servers:.2f} a server{goal}; reported {measured.reported}), "
        f"{measured.mutating} mutating ({measured.mutating / case.servers:.2f}), {measured.observations} observations, "
        f"{measured.idle} idle, {measured.writes} writes{launches}; {most}"
    )


def _cases(wanted: argparse.Namespace) -> list[Case]:
    if wanted.goals:
        goals = [case for case in GOALS if case.kind in wanted.kind and case.servers <= wanted.most_servers]
        return [replace(case, jitter=wanted.jitter) for case in goals]
    return [
        Case(
            kind=kind,
            servers=wanted.servers,
            strategy=strategy,
            concurrent=wanted.concurrent,
            pace=PACES[wanted.pace],
            jitter=wanted.jitter,
            named=wanted.named,
        )
        for kind in wanted.kind
        for strategy in wanted.strategy
    ]


def main(arguments: Sequence[str]) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calls", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--goals", action="store_true", help="measure the cases with a goal, and compare")
    parser.add_argument("--most-servers", type=int, default=1000, help="of --goals: leave out larger fleets")
    parser.add_argument("--servers", type=int, default=100, help="servers in the fleet (default: 100)")
    parser.add_argument("--concurrent", default="10%", help="how many at a time (default: 10%%)")
    parser.add_argument("--pace", choices=list(PACES), default="sandbox", help="the times of AWS (default: sandbox)")
    parser.add_argument("--jitter", type=float, default=0, help="the most seconds that a boot takes longer, at random")
    parser.add_argument("--named", action="store_true", help="give each standalone server a name of its own")
    parser.add_argument("--kind", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--strategy", nargs="+", choices=list(STRATEGIES), default=list(STRATEGIES))
    clean = True
    for case in _cases(parser.parse_args(arguments)):
        measured = measure(case)
        late = any("late" in one for one in measured.warnings)
        within = case.most is None or measured.total <= case.most * case.servers
        clean &= measured.status == "succeeded" and not late and within
        sys.stdout.write(line(case, measured) + "\n")
        sys.stdout.flush()
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
