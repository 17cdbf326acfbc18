"""Bad versions of a dozen kinds on a fake fleet in virtual time, and what each of them reaches before it is gone."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import exp, inf
from typing import Any

from awsroll.core.classify.blast_radius import Exposure, Traffic, blast_radius
from awsroll.core.classify.capacity import bounds
from awsroll.core.model.amount import Amount
from awsroll.core.model.hook_calls import HookEvent, Reading
from awsroll.core.model.hooks import Hook, HookPoint
from awsroll.core.model.observation import TargetState
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_choices import Gates, OnFailure
from awsroll.testing.fleet import FakeFleet
from awsroll.testing.instances import FakeInstance, Misbehaviour
from awsroll.testing.world import Actor
from tests.support.builders import NEW, at_a_time, auto_scaling, launch_first, rollout, standalone
from tests.support.drive import Driver

RATE, EFFECT = 50.0, 0.05
_METRICS = ("errors", "slow")
_STEPS = 5  # parts of an interval, to count the requests of servers that turn bad within it


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What is wrong with a version.

    Attributes:
        shares: the share of bad requests is drawn from this range.
        metric: which of the metrics shows it; empty: none.
        begins: how long after a server has come to serve it turns bad, drawn from this range.
        zone: only servers of this zone are bad; empty: all.
        misbehaviour: what its servers do.
        fails_checks: the servers fail their health checks as soon as they turn bad.
    """

    shares: tuple[float, float] = (1, 1)
    metric: str = "errors"
    begins: tuple[float, float] = (0, 0)
    zone: str = ""
    misbehaviour: Misbehaviour | None = None
    fails_checks: bool = False


KINDS = {
    "errors, as few as the judge must notice": Kind(shares=(EFFECT, EFFECT)),
    "errors": Kind(shares=(EFFECT, 0.5)),
    "nothing but errors": Kind(),
    "slow": Kind(metric="slow", shares=(EFFECT, EFFECT)),
    "errors in one zone only": Kind(zone="zone-a", shares=(EFFECT, EFFECT)),
    "a leak after ten minutes": Kind(begins=(600, 600), shares=(0.1, 1)),
    "errors some time after the start": Kind(begins=(0, 200), shares=(EFFECT, 0.3)),
    "slow after some time": Kind(metric="slow", begins=(0, 200), shares=(EFFECT, 0.3)),
    "a crash after some time": Kind(metric="", begins=(1, 200), fails_checks=True),
    "the wrong port": Kind(metric="", misbehaviour=Misbehaviour.NEVER_HEALTHY),
    "a crash at the start": Kind(metric="", misbehaviour=Misbehaviour.DIES),
    "no boot": Kind(metric="", misbehaviour=Misbehaviour.BOOT_FAILS),
    "sometimes unhealthy": Kind(shares=(0.1, 0.5), misbehaviour=Misbehaviour.FLAPS),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One way to roll ten servers."""

    group: bool = False
    checkpoints: tuple[str, ...] = ("1",)
    delay: float = 0
    bounds: dict[str, Amount] = field(default_factory=lambda: at_a_time(1))


PLANS = {
    "1 at a time, checkpoint 1": Plan(),
    "launch first, checkpoint 1": Plan(bounds=launch_first(1), group=True),
    "2 at a time, checkpoint 1 and 50%": Plan(bounds=at_a_time(2), checkpoints=("1", "50%"), delay=120),
    "launch first by 2, checkpoint 30%": Plan(bounds=launch_first(2), checkpoints=("30%",), delay=60),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """What one version reached.

    Attributes:
        part: in which part of the rollout it was found; None: no request met it.
        servers: how many bad servers took requests.
        share: the largest share of servers in traffic that were bad.
        seconds: for how long a bad server took requests.
    """

    part: int | None
    servers: int
    share: float
    seconds: float


class Watch:
    """Notes which servers of the new version take requests, and since when each is bad."""

    def __init__(self, fleet: FakeFleet, kind: Kind, draw: random.Random) -> None:
        self._fleet, self._kind, self._draw = fleet, kind, draw
        self._bad_from: dict[str, float] = {}
        self._since, self._in_traffic, self._all = fleet.clock.monotonic(), tuple[str, ...](), 1
        self._begun_at = fleet.world.now
        self.segments: list[tuple[float, float, tuple[str, ...], int]] = []
        fleet.world.watchers.append(self._look)

    def bad_from(self, server: FakeInstance) -> float:
        """Return from when a server is bad, in seconds since the start."""
        return self._bad_from.get(server.instance_id, inf)

    def reached(self) -> tuple[int, float, float]:
        """Return the number of bad servers that took requests, their largest share, and for how long."""
        servers, share, seconds = set[str](), 0.0, 0.0
        for begin, end, names, total in self.segments:
            bad = [name for name in names if self._bad_from[name] < end]
            if bad:
                servers |= set(bad)
                share = max(share, len(bad) / total)
                seconds += end - max(begin, min(self._bad_from[name] for name in bad))
        return len(servers), share, seconds

    def _look(self, _: Actor) -> None:
        now = (self._fleet.world.now - self._begun_at).total_seconds()
        taking = [one for one in self._fleet.instances.all() if self._takes_requests(one)]
        new = tuple(one.instance_id for one in taking if one.application_version == str(NEW))
        for name in new:
            if name not in self._bad_from:
                self._bad_from[name] = self._turns_bad(self._fleet.instances[name], now)
        if (new, len(taking)) != (self._in_traffic, self._all):
            if now > self._since:
                self.segments.append((self._since, now, self._in_traffic, max(1, self._all)))
            self._since, self._in_traffic, self._all = now, new, len(taking)

    def _takes_requests(self, instance: FakeInstance) -> bool:
        return any(entry.state is TargetState.HEALTHY for entry in self._fleet.targets.of(instance.instance_id))

    def _turns_bad(self, instance: FakeInstance, now: float) -> float:
        kind = self._kind
        if kind.zone and instance.zone != kind.zone:
            return inf
        wait = self._draw.uniform(*kind.begins)
        if kind.fails_checks:
            self._fleet.world.after(wait, lambda: self._fails(instance))
        return now + wait

    def _fails(self, instance: FakeInstance) -> None:
        instance.broken = True
        self._fleet.instances.changed(instance)


def run(plan: Plan, kind: Kind, seed: int) -> Reached:
    """Roll a fleet to a bad version, and return what it reached."""
    draw = random.Random(seed)  # noqa: S311 - no secret
    fleet, made = made_from(plan)
    if kind.misbehaviour is not None:
        fleet.instances.bad_versions[str(NEW)] = kind.misbehaviour
    driver, watch = Driver(fleet, made), Watch(fleet, kind, draw)
    start, share = fleet.clock.now().timestamp(), draw.uniform(*kind.shares)
    for metric in _METRICS:
        driver.hooks.seconds[metric] = draw.uniform(0, 2)
        driver.hooks.readings[metric] = _counter(
            fleet, watch, draw, start, share=share if metric == kind.metric else 0.0
        )
    for _ in range(2000):
        if driver.ended:
            break
        fleet.clock.sleep(driver.unhurried(driver.step()))
    servers, most, seconds = watch.reached()
    part = driver.status.gate.passed if servers else None
    return Reached(part=part, servers=servers, share=most, seconds=seconds)


def stated(plan: Plan) -> tuple[Exposure, ...]:
    """Return the blast radius of a plan."""
    fleet, made = made_from(plan)
    physics, (group,) = fleet.world.physics, fleet.targets.groups.values()
    arrival = physics.boot + physics.application + group.health_interval_seconds + physics.group_reaction * plan.group
    traffic = Traffic(rate=RATE, metrics=len(_METRICS), arrival_seconds=arrival, zones=(4, 3, 3))
    return blast_radius(made, bounds(made, 10), (group,), traffic)


def made_from(plan: Plan) -> tuple[FakeFleet, Rollout]:
    """Return a fleet of ten servers, and its rollout."""
    fleet = auto_scaling(outdated=10, maximum=14) if plan.group else standalone(outdated=10)
    hooks = tuple(
        Hook(point=HookPoint.WHILE_JUDGING, name=name, command=("count",), timeout_seconds=10) for name in _METRICS
    )
    gates = Gates(checkpoints=tuple(map(Amount.parse, plan.checkpoints)), delay_seconds=plan.delay)
    changes: dict[str, Any] = {"hooks": hooks, "gates": gates, "on_failure": OnFailure.ROLLBACK, **plan.bounds}
    return fleet, rollout(fleet, **changes)


def _counter(
    fleet: FakeFleet, watch: Watch, draw: random.Random, start: float, *, share: float
) -> Callable[[HookEvent], Sequence[Reading]]:
    def count(event: HookEvent) -> list[Reading]:
        length = (event.until - event.since) / _STEPS
        middles = [event.since - start + (step + 0.5) * length for step in range(_STEPS)]
        readings = []
        for name in event.instance_ids:
            server = fleet.instances[name]
            mean, bad_from = RATE / 10 * length, watch.bad_from(server)
            bad = sum(_poisson(draw, mean * share) for middle in middles if share and middle >= bad_from)
            readings.append(Reading(instance_id=name, bad=bad, total=max(bad, _poisson(draw, mean * _STEPS))))
        return readings

    return count


def _poisson(draw: random.Random, mean: float) -> int:
    limit, count, product = exp(-mean), 0, draw.random()
    while product > limit:
        count, product = count + 1, product * draw.random()
    return count
