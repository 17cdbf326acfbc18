"""Measures the planner: what one step costs, for each strategy and kind of fleet, at several sizes.

    python -m benchmarks.planner --servers 1000 10000

A fleet in memory is rolled in virtual time, 10 % at a time, at AWS's own pace. One line for each rollout. A step is the
plan and the settled answers, without the observation and the calls:

    standalone double-half of 1000: succeeded in 34 steps; a step takes 9.1 ms on average, 30.2 ms at most; 1.9 s in all
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from awsroll.core.model.amount import Amount
from awsroll.core.model.observation import FleetKind, TargetGroup, TargetKey, TemplateVersion
from awsroll.core.model.rollout import Rollout, VersionCount
from awsroll.core.model.rollout_choices import Limits, OnFailure, ReloadCommand, Strategy
from awsroll.core.model.status import Mode, Outcome, Status
from awsroll.core.observe.settle import settle
from awsroll.core.planner import plan
from awsroll.testing import FakeFleet, VirtualClock
from awsroll.testing.group import GroupSettings

OLD = TemplateVersion(template_id="lt-web", number=1)
NEW = TemplateVersion(template_id="lt-web", number=2)
ZONES = (("zone-a", "subnet-a"), ("zone-b", "subnet-b"), ("zone-c", "subnet-c"))
WEB = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/50dc6c495c0c9188"
KINDS = {"standalone": FleetKind.STANDALONE, "group": FleetKind.AUTO_SCALING}
_NONE, _TENTH, _ALL = Amount(value=0), Amount.parse("10%"), Amount.parse("100%")
_REPLACE = {"strategy": Strategy.REPLACE, "max_unavailable": _TENTH, "max_surge": _NONE}
STRATEGIES: dict[str, dict[str, Any]] = {
    "replace": _REPLACE,
    "launch-first": _REPLACE | {"max_unavailable": _NONE, "max_surge": _TENTH},
    "double-half": {"strategy": Strategy.DOUBLE_HALF, "max_unavailable": _NONE, "max_surge": _ALL},
    "reload": _REPLACE | {"strategy": Strategy.RELOAD},
}
AT_ONCE: dict[str, dict[str, Any]] = {
    "replace": _REPLACE | {"max_unavailable": _ALL},
    "launch-first": _REPLACE | {"max_unavailable": _NONE, "max_surge": _ALL},
    "double-half": STRATEGIES["double-half"],
    "reload": STRATEGIES["reload"] | {"max_unavailable": _ALL},
}
_MOST_STEPS = 3000


@dataclass(slots=True)
class Measured:
    """The figures of one rollout.

    Attributes:
        steps: CPU seconds of each step: the plan and the settled answers.
        calls: how many functions the steps called, if they were counted.
        cpu_seconds: CPU seconds of the whole rollout, with the fleet in memory.
    """

    outcome: Outcome = Outcome.RUNNING
    steps: list[float] = field(default_factory=list)
    calls: int = 0
    cpu_seconds: float = 0
    counts: bool = False

    @property
    def average(self) -> float:
        """The average of a step, in seconds."""
        return sum(self.steps) / max(1, len(self.steps))

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Add the CPU time of the block to the last step; count its calls if asked to."""

        def count(_: FrameType, event: str, __: object) -> None:
            self.calls += event in ("call", "c_call")

        before, others = time.process_time(), sys.getprofile()
        if self.counts:
            sys.setprofile(count)
        try:
            yield
        finally:
            sys.setprofile(others)
        self.steps[-1] += time.process_time() - before


def fleet_of(kind: str, servers: int) -> FakeFleet:
    """Return a fleet with the defaults of AWS: a deregistration delay of 300 s, a check each 30 s, a boot of 60 s."""
    grouped = kind == "group"
    web = TargetGroup(arn=WEB, name="web", port=80, managed=grouped)
    settings = GroupSettings(
        name="web",
        minimum=0,
        maximum=2 * servers,
        desired=servers,
        template_id=OLD.template_id,
        version=str(OLD.number),
        latest=NEW.number,
        zones=ZONES,
        keys=(TargetKey(target_group=web.arn, port=web.port),),
    )
    fleet = FakeFleet(clock=VirtualClock(), target_groups=(web,), group=settings if grouped else None, subnets=ZONES)
    fleet.add(OLD, count=servers, tags={"team": "shop"})
    return fleet


def request_of(kind: str, strategy: str, servers: int, *, at_once: bool = False) -> Rollout:
    """Return the request of a rollout to the new version: 10 % at a time, or all servers at once."""
    reloads = strategy == "reload"
    return Rollout(
        rollout_id="web-20260101-000000-4f2a",
        kind=KINDS[kind],
        fleet="web",
        group="web" if kind == "group" else "",
        target_groups=(WEB,),
        template=None if reloads else NEW,
        reload=ReloadCommand(app_version="2.0", commands=("deploy 2.0",)) if reloads else None,
        limits=Limits(),
        on_failure=OnFailure.STOP,
        baseline=(VersionCount(version=str(OLD), count=servers, template=OLD),),
        baseline_template=OLD,
        group_version=str(OLD.number) if kind == "group" else "",
        **(AT_ONCE if at_once else STRATEGIES)[strategy],
    )


def measure(kind: str, strategy: str, servers: int, *, at_once: bool = False, counts: bool = False) -> Measured:
    """Roll one fleet in memory, and time each step.

    Args:
        kind: `standalone` or `group`.
        strategy: a name in `STRATEGIES`.
        servers: the size of the fleet.
        at_once: all servers at a time, not 10 %.
        counts: count the function calls of the steps, which takes several times as long.
    """
    fleet, measured = fleet_of(kind, servers), Measured(counts=counts)
    rollout = request_of(kind, strategy, servers, at_once=at_once)
    status = Status(started_at=fleet.clock.now(), progress_at=fleet.clock.now())
    begun = time.process_time()
    while status.mode is not Mode.ENDED and status.outcome is Outcome.RUNNING and len(measured.steps) < _MOST_STEPS:
        target = rollout.target(rolling_back=status.rolling_back)
        observation = fleet.observe(target, status)
        measured.steps.append(0)
        with measured.timed():
            decided = plan(rollout, observation, status)
        results = fleet.execute(target, decided.actions)
        with measured.timed():
            status = settle(decided.status, results, fleet.clock.now())
        fleet.clock.sleep(decided.requeue_seconds)
    measured.cpu_seconds = time.process_time() - begun
    measured.outcome = status.outcome
    return measured


def line(kind: str, strategy: str, servers: int, measured: Measured) -> str:
    """Return the figures of one rollout in one line."""
    return (
        f"{kind} {strategy} of {servers}: {measured.outcome} in {len(measured.steps)} steps; a step takes "
        f"{measured.average * 1000:.1f} ms on average, {max(measured.steps) * 1000:.1f} ms at most; "
        f"{measured.cpu_seconds:.1f} s in all"
    )


def main(arguments: Sequence[str]) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.planner", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--servers", type=int, nargs="+", default=[1000], help="servers in the fleet (default: 1000)")
    parser.add_argument("--kind", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--strategy", nargs="+", choices=STRATEGIES, default=list(STRATEGIES))
    wanted, clean = parser.parse_args(arguments), True
    for servers in wanted.servers:
        for kind in wanted.kind:
            for strategy in wanted.strategy:
                measured = measure(kind, strategy, servers)
                clean &= measured.outcome is Outcome.SUCCEEDED
                sys.stdout.write(line(kind, strategy, servers, measured) + "\n")
                sys.stdout.flush()
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
