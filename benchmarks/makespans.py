"""Measures how long rollouts take in virtual time, with and without what makes them faster, beside modelled peers.

    python -m benchmarks.makespans

20 standalone servers, at most 2 unavailable, AWS's defaults: a drain of 300 s, and 5 health checks of 30 s. A boot
takes about 60 s, drawn once for all. A server serves when all checks of its threshold have passed.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import cycle
from random import Random

from awsroll.core.model.action_results import Result
from awsroll.core.model.amount import EVERYTHING, NONE, Amount
from awsroll.core.model.hooks import Hook, HookPoint
from awsroll.core.model.observation import FleetKind, TargetGroup, TemplateVersion
from awsroll.core.model.plan import Plan
from awsroll.core.model.rollout import Rollout, VersionCount
from awsroll.core.model.rollout_choices import Limits
from awsroll.core.model.status import Mode, Status
from awsroll.core.observe.settle import settle
from awsroll.core.planner import plan
from awsroll.stores.codec import encode
from awsroll.testing.clock import VirtualClock
from awsroll.testing.fleet import FakeFleet
from awsroll.testing.hooks import FakeHooks
from awsroll.testing.world import Physics
from benchmarks.peers import PEERS, Times

SERVERS, UNAVAILABLE = 20, 2
DRAIN, INTERVAL, CHECKS = 300, 30, 5
OPEN_SECONDS, QUIET_SECONDS = 5, 5
OLD, NEW = (TemplateVersion(template_id="lt-web", number=number) for number in (1, 2))
PROBE = Hook(point=HookPoint.WHILE_DRAINING, name="drain-probe", script=("count",), timeout_seconds=3720)
_RANDOM = Random(1)  # noqa: S311 - the same draws at each run
BOOTS = tuple(round(_RANDOM.uniform(50, 70), 1) for _ in range(10 * SERVERS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One way to roll the fleet.

    Attributes:
        options: the options, as on the command line; empty: nothing is tuned.
        interval: the health check interval during the rollout; None: unchanged.
        threshold: the healthy threshold during the rollout; None: unchanged.
        cap: the value of `--max-running`.
    """

    options: str = ""
    interval: int | None = None
    threshold: int | None = None
    probes: bool = False
    cap: Amount | None = None
    surge: Amount = NONE


_CHECKS = "--health-check-interval 7 --health-check-threshold 2"
_FAST = {"interval": 7, "threshold": 2}
VARIANTS = {
    "without overlap": Variant(options="--max-running 100%", cap=EVERYTHING),
    "nothing tuned": Variant(),
    "health checks": Variant(options=_CHECKS, **_FAST),
    "drain probe": Variant(options="--drain-probe connections", probes=True),
    "surge": Variant(options="--max-surge 2", surge=Amount(value=2)),
    "all together": Variant(
        options=f"{_CHECKS} --drain-probe connections --max-surge 2", **_FAST, probes=True, surge=Amount(value=2)
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Makespan:
    """The figures of one rollout: seconds, most live and running servers, observations, bytes of its largest status."""

    seconds: float
    live: int
    running: int
    observations: int
    largest_record: int


def measure(variant: Variant, *, servers: int = SERVERS) -> Makespan:
    """Roll the fleet in virtual time."""
    fleet, rollout = _fleet(servers), _rollout(variant, servers)
    fleet.targets.connection_seconds = OPEN_SECONDS if variant.probes else None
    hooks = FakeHooks(fleet.clock)
    hooks.seconds[PROBE.name] = OPEN_SECONDS + QUIET_SECONDS
    boots, now, observations, largest = cycle(BOOTS), fleet.clock.now(), 0, 0
    status = Status(started_at=now, progress_at=now)
    while status.mode is not Mode.ENDED:
        observation = replace(fleet.observe(rollout, status), hooks=hooks.observe(status.hooks.announced))
        decided, observations = plan(rollout, observation, status), observations + 1
        for run in decided.hooks:
            hooks.start(run)
        results = tuple(_execute(fleet, rollout, decided, boots))
        status = settle(replace(decided.status, events=()), results, fleet.clock.now())
        largest = max(largest, len(encode(status)))
        fleet.clock.sleep(decided.requeue_seconds)
    counters = status.counters
    return Makespan(
        seconds=fleet.clock.monotonic(),
        live=counters.highest_live,
        running=counters.highest_running,
        observations=observations,
        largest_record=largest,
    )


def _execute(fleet: FakeFleet, rollout: Rollout, decided: Plan, boots: Iterator[float]) -> Iterator[Result]:
    """Carry out the actions one by one, so that each launch has a boot of its own."""
    for action in decided.actions:
        if type(action).__name__ == "LaunchInstance":
            fleet.world.physics = replace(fleet.world.physics, boot=next(boots))
        yield from fleet.execute(rollout, (action,))


def _fleet(servers: int) -> FakeFleet:
    group = TargetGroup(arn="arn:web", name="web", port=80, deregistration_delay_seconds=DRAIN)
    subnets = (("a", "s-a"), ("b", "s-b"))
    physics = Physics(application=0)
    fleet = FakeFleet(clock=VirtualClock(), target_groups=(group,), subnets=subnets, physics=physics)
    fleet.add(OLD, count=servers)
    return fleet


def _rollout(variant: Variant, servers: int) -> Rollout:
    interval, checks = variant.interval or INTERVAL, variant.threshold or CHECKS
    return Rollout(
        rollout_id="makespans",
        kind=FleetKind.STANDALONE,
        fleet="web",
        target_groups=("arn:web",),
        max_unavailable=Amount(value=UNAVAILABLE),
        max_surge=variant.surge,
        max_running=variant.cap,
        template=NEW,
        limits=Limits(drain_seconds=DRAIN + 60, min_healthy_seconds=interval * (checks - 1)),
        health_check_interval_seconds=variant.interval,
        health_check_threshold=variant.threshold,
        hooks=(PROBE,) if variant.probes else (),
        baseline=(VersionCount(version=str(OLD), count=servers, template=OLD),),
        baseline_template=OLD,
    )


def peers() -> dict[str, float]:
    """Return the makespan of each modelled peer."""
    times = Times(boots=BOOTS[:SERVERS], healthy=INTERVAL * CHECKS, drain=DRAIN)
    return {name: model(times, UNAVAILABLE) for name, model in PEERS.items()}


def table() -> list[str]:
    """Return the makespans as the lines of a table in Markdown, with their ratio to instance refresh."""
    modelled = peers()
    base = modelled["instance refresh"]
    lines = [
        "| rollout | options | makespan | of instance refresh | most live, most running |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {name} (a model) | | {seconds:.0f} s | {seconds / base:.2f} | |" for name, seconds in modelled.items()
    ]
    for name, variant in VARIANTS.items():
        made = measure(variant)
        options = f"`{variant.options}`" if variant.options else ""
        row = (f"awsroll, {name}", options, f"{made.seconds:.0f} s", f"{made.seconds / base:.2f}")
        lines.append(f"| {' | '.join(row)} | {made.live}, {made.running} |")
    return lines


if __name__ == "__main__":
    sys.stdout.write("\n".join(table()) + "\n")
