"""What a bad version can reach before it is rolled back: how many servers, which share of requests, and for how long.

Between two gates at most as many servers have the new version as the next checkpoint allows. So each part of a rollout
up to a gate has a bound of its own. A version that is bad from the start is found before the first gate opens.

A bad version is one with at least `judge_effect` more bad requests, perhaps in a single zone, or one that fails its
health checks. The seconds count from its first bad request until the load balancer sends none of its servers a request:

    until the judge has found it        `core.judge.power`, with the probability `CERTAINTY`
    + one interval of the judge         its first sample may begin before the first bad request
    + warm-up
    + until the new servers have left   those beyond max unavailable wait for servers of the old version

Worked example: 10 servers, 2 at a time, 5 of them new when the version is found. Two leave at once, two when the first
two old ones serve, and the last one after the next two: twice the time until a server serves.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil

from awsroll.core.classify.capacity import Bounds
from awsroll.core.judge.e_process import Sensitivity
from awsroll.core.judge.power import Servers, seconds_to_find
from awsroll.core.judge.zones import is_by_zone
from awsroll.core.model.observation import TargetGroup
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_choices import OnFailure, Strategy

CERTAINTY = 0.9995
"""How likely the stated seconds are enough for the judge."""

BAKE_TIME = "bake time"
"""The name of the part that ends with the bake time, if an old server stays in traffic until then."""

_LOOKS_SECONDS = 6.0  # until the counts are read, the rollback is decided and its first call is made
_LOOK_SHARE = 0.1  # how much later than it serves a server is seen to serve
_POINTS = 5  # numbers of new servers to compute, between two gates


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """What a version can reach that turns bad in one part of a rollout.

    Attributes:
        gate: the name of the gate that ends this part, or `bake time`; empty for the last part.
        servers: at most this many servers run it and take requests.
        share: at most this share of requests meets it at any time.
        seconds: for how long; None: until an alarm or a person ends it.
    """

    gate: str
    servers: int
    share: float
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What a blast radius depends on beside the request.

    Attributes:
        rate: requests a second, of the whole fleet.
        metrics: how many metrics the judge has.
        arrival_seconds: how long a server of the old version takes until it serves.
        zones: the number of servers by zone.
    """

    rate: float
    metrics: int
    arrival_seconds: float
    zones: Sequence[int]


def blast_radius(
    rollout: Rollout, limits: Bounds, groups: Sequence[TargetGroup], traffic: Traffic
) -> tuple[Exposure, ...]:
    """Return what a bad version can reach, for each part of the rollout that ends at a gate, and for the last part."""
    course, found, before = _Course(rollout, limits, groups, traffic), list[Exposure](), 0
    for gate, servers in course.ends():
        points = sorted({max(1, before + (servers - before) * step // _POINTS) for step in range(_POINTS + 1)})
        times = [course.seconds(new, most=servers) for new in points]
        known = [seconds for seconds in times if seconds is not None]
        seconds = max(known) if len(known) == len(times) else None
        found.append(Exposure(gate=gate, servers=servers, share=course.share(servers), seconds=seconds))
        before = servers
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Course:
    """A rollout to a bad version."""

    rollout: Rollout
    limits: Bounds
    groups: Sequence[TargetGroup]
    traffic: Traffic

    def ends(self) -> list[tuple[str, int]]:
        """Return each gate with the number of servers that can be new until it opens; last, the whole fleet."""
        gates, desired = self.rollout.gates, self.limits.desired
        if gates.by_zone:
            sizes = sorted(self.traffic.zones)
            counts = [sum(sizes[: number + 1]) for number in range(len(gates.zones))]
        else:
            counts = [max(1, amount.rounded_down(desired)) for amount in gates.checkpoints]
        ends = [(name, count) for name, count in zip(gates.names, counts, strict=False) if count < desired]
        if self.rollout.keeps_control_server and desired > 1:
            ends.append((BAKE_TIME, desired - 1))
        return [*ends, ("", desired)] if desired else []

    def seconds(self, new: int, *, most: int) -> float | None:
        """Return for how long requests meet a version that turns bad when `new` servers run it."""
        found = self._to_find(new)
        if found is None or self.rollout.on_failure is not OnFailure.ROLLBACK:
            return None
        more = ceil(found / max(1.0, self.traffic.arrival_seconds)) * self.limits.window
        noticed = max((_to_unhealthy(group) for group in self.groups), default=0.0)
        return max(found, noticed) + _LOOKS_SECONDS + self._to_leave(min(most, new + more))

    def share(self, new: int) -> float:
        """Return the largest share of requests that some new servers can take.

        If a load balancer keeps requests in their zone, each zone has the same share of them, so the smallest zones
        count.
        """
        zones = self.traffic.zones
        if not self.rollout.keeps_zones or not zones:
            return min(1.0, new / max(1, self.limits.desired + (new if self._all_old_serve(new) else 0)))
        share, left = 0.0, new
        for size in sorted(size for size in zones if size):
            share += min(left, size) / size / len(zones)
            left -= min(left, size)
        return min(1.0, share)

    def _to_find(self, new: int) -> float | None:
        judging, traffic = self.rollout.gates.judge, self.traffic
        if not traffic.metrics:
            return None
        old, slowest = self.limits.desired - (0 if self._all_old_serve(new) else new), 0.0
        for servers in _comparisons(traffic.zones, new, old):
            seconds = seconds_to_find(
                servers,
                rate=traffic.rate * (servers.new + servers.old) / (new + old),
                sensitivity=Sensitivity(alpha=judging.alpha / traffic.metrics, effect=judging.effect),
                interval=judging.interval_seconds,
                certainty=CERTAINTY,
            )
            if seconds is None:
                return None
            slowest = max(slowest, seconds)
        return slowest + judging.interval_seconds + judging.warm_up_seconds

    def _to_leave(self, new: int) -> float:
        """Return how long it takes from the begin of a rollback until no new server gets requests."""
        if self._all_old_serve(new):
            return 0.0
        at_once = new if self.rollout.keep_old and new < self.limits.desired else self.limits.max_unavailable
        rounds = ceil(max(0, new - at_once) / max(1, self.limits.window))
        return rounds * self.traffic.arrival_seconds * (1 + _LOOK_SHARE)

    def _all_old_serve(self, new: int) -> bool:
        """Return whether every old server serves beside the new ones."""
        return self.rollout.strategy is Strategy.DOUBLE_HALF and new < self.limits.desired


def _comparisons(zones: Sequence[int], new: int, old: int) -> Iterator[Servers]:
    """Yield which servers may be compared with each other. The version may be bad in a single zone.

    The new servers are balanced over the zones.
    """
    least, most = new // max(1, len(zones)), -(-new // max(1, len(zones)))
    if not is_by_zone(zones):
        yield Servers(new=new, old=old, bad=max(1, least))
        return
    for size in set(zones):
        for share in {least, most} - {0}:
            left = size if new + old > sum(zones) else size - share
            yield Servers(new=min(share, size), old=max(0, left))


def _to_unhealthy(group: TargetGroup) -> float:
    """Return how long a load balancer sends requests to a server that has just failed."""
    return (group.unhealthy_threshold + 1) * group.health_interval_seconds + group.health_timeout_seconds
