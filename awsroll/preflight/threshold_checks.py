"""The health thresholds of target groups against the lowest capacity of the rollout. Read only.

Below a threshold the load balancer changes how it routes: it also sends requests to unhealthy targets, or takes its
zones out of DNS. The thresholds apply to each zone if cross-zone load balancing is off.

Source: ALB guide, "Target group health"; service model of Elastic Load Balancing, `TargetGroupAttribute`.
"""

from collections import Counter
from dataclasses import dataclass

from awsroll.core.classify.capacity import bounds
from awsroll.core.model.rollout import Rollout
from awsroll.preflight.findings import Findings
from awsroll.preflight.fleet_facts import FleetFacts
from awsroll.preflight.routing_facts import Routing

_PREFIX = "target_group_health."
_EFFECTS = {
    "unhealthy_state_routing": "the load balancer also sends requests to servers that are not healthy (it fails open)",
    "dns_failover": "the load balancer takes the zone out of its DNS name, for all its target groups",
}
_ANOMALY = "load_balancing.algorithm.anomaly_mitigation"
_ALL_ZONES = ""
_WHOLE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lowest:
    """The fewest healthy targets that the plan allows in one zone or in all, and the most registered targets then."""

    zone: str
    healthy: int
    registered: int


def check_thresholds(rollout: Rollout, fleet: FleetFacts, findings: Findings) -> None:
    """Warn of thresholds of target groups that the rollout would cross, and of anomaly mitigation."""
    for routing in fleet.routing:
        for lowest in _lowest_capacities(rollout, fleet, routing):
            _check(routing, lowest, findings)
        if routing.attributes.get(_ANOMALY) == "on":
            findings.warn(
                f"target group {routing.name} has anomaly mitigation on: the load balancer sends fewer requests to a "
                "server with more errors than the others although it is healthy, so a faulty new version may stay "
                "unnoticed. Watch errors with --alarm"
            )


def _check(routing: Routing, lowest: _Lowest, findings: Findings) -> None:
    for key, effect in _EFFECTS.items():
        minimum = f"{_PREFIX}{key}.minimum_healthy_targets"
        count = _number(routing.attributes.get(f"{minimum}.count", ""))
        percentage = _number(routing.attributes.get(f"{minimum}.percentage", ""))
        where = f" in {lowest.zone}" if lowest.zone else ""
        if count > 1 and lowest.healthy < count:  # 1 is the default, and the floor of the fleet covers it
            findings.warn(
                f"target group {routing.name} has the minimum of {count} healthy targets ({minimum}.count), but the "
                f"rollout may go down to {lowest.healthy}{where}: below the minimum {effect}. Take out fewer servers "
                "at a time, launch new servers first with --launch-first, or lower the minimum"
            )
        elif percentage and lowest.healthy * _WHOLE < percentage * lowest.registered:
            findings.warn(
                f"target group {routing.name} has the minimum of {percentage} % healthy targets "
                f"({minimum}.percentage), but the rollout may go down to {lowest.healthy} of {lowest.registered} "
                f"registered targets{where}: below the minimum {effect}. Take out or launch fewer servers at a "
                "time, or lower the minimum"
            )


def _lowest_capacities(rollout: Rollout, fleet: FleetFacts, routing: Routing) -> list[_Lowest]:
    """Return the lowest capacity of the target group, or of each zone.

    For example with 6 servers, 2 at a time: 4 healthy of 6 registered. Launch first: 6 healthy of 8 registered, because
    new targets are registered before they are healthy.
    """
    limits = bounds(rollout, fleet.desired)
    if not routing.per_zone:
        healthy, registered = limits.floor + routing.other_healthy, limits.ceiling + routing.other_targets
        return [_Lowest(zone=_ALL_ZONES, healthy=healthy, registered=registered)]
    servers = Counter(instance.zone for instance in fleet.live)
    return [
        _Lowest(zone=zone, healthy=max(0, count - limits.max_unavailable), registered=count + limits.max_surge)
        for zone, count in sorted(servers.items())
    ]


def _number(value: str) -> int:
    """Return the number of a threshold; 0 for `off`."""
    return int(value) if value.isdecimal() else 0
