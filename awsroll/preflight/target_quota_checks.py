"""The quotas of Elastic Load Balancing for targets, against the most targets of the rollout. Pure.

A server counts once for each port on which it is registered. The account's own values are not read: both quotas can be
raised, and Elastic Load Balancing does not report the one for target groups (DescribeAccountLimits lacks it).

Source: ALB guide and NLB guide, "Quotas".
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from awsroll.core.aws_limits import TARGETS_PER_GROUP, TARGETS_PER_ZONE_OF_NETWORK_LOAD_BALANCER
from awsroll.core.classify.capacity import bounds
from awsroll.core.model.rollout import Rollout
from awsroll.preflight.findings import Findings
from awsroll.preflight.fleet_facts import FleetFacts
from awsroll.preflight.routing_facts import Routing

_OF_GROUP = "Targets per Target Group per Region"
_OF_ZONE = "Targets per Availability Zone per Network Load Balancer"
_ZONE = TARGETS_PER_ZONE_OF_NETWORK_LOAD_BALANCER


@dataclass(frozen=True, slots=True, kw_only=True)
class _Most:
    """The targets now and the most targets of the rollout, beside the default of the quota that they count towards."""

    quota: str
    default: int
    where: str
    now: int
    highest: int


def check_target_quotas(rollout: Rollout, fleet: FleetFacts, findings: Findings) -> None:
    """Warn if the rollout registers more targets than the default of a quota allows."""
    for routing in fleet.routing:
        for most in _most(rollout, fleet, routing):
            if most.highest > max(most.default, most.now):
                findings.warn(_words(routing, most))


def _words(routing: Routing, most: _Most) -> str:
    return (
        f"target group {routing.name} has {most.now} targets{most.where}, and the rollout registers up to "
        f"{most.highest} at a time. The default of the quota {most.quota!r} is {most.default}. Beyond the quota of "
        "your account, AWS does not register new servers (TooManyTargets), and the rollout fails. Check the quota in "
        "Service Quotas and raise it, or run fewer new servers beside the old ones with --max-surge"
    )


def _most(rollout: Rollout, fleet: FleetFacts, routing: Routing) -> Iterator[_Most]:
    """Return the highest numbers of targets: in the target group, and for a Network Load Balancer in its fullest zone.

    For example 600 servers on one port, double-half: 600 targets now, up to 1,200.
    """
    ports = max(_ports(fleet, routing).values(), default=1)
    surge = 0 if rollout.reloads else bounds(rollout, fleet.desired).max_surge * ports
    now = sum(_ports(fleet, routing).values()) + routing.other_targets
    yield _Most(quota=_OF_GROUP, default=TARGETS_PER_GROUP, where="", now=now, highest=now + surge)
    if not routing.behind_network_load_balancer:
        return
    zones = Counter[str]()
    for instance in fleet.live:
        zones[instance.zone] += sum(target.key.target_group == routing.arn for target in instance.targets)
    if not routing.per_zone:  # with cross-zone load balancing, the quota holds for all zones together
        yield _Most(quota=_OF_ZONE, default=_ZONE, where=" in all zones", now=now, highest=now + surge)
    elif zones:
        zone, count = zones.most_common(1)[0]
        share = -(-surge // len(zones))
        yield _Most(quota=_OF_ZONE, default=_ZONE, where=f" in {zone}", now=count, highest=count + share)


def _ports(fleet: FleetFacts, routing: Routing) -> "Counter[str]":
    """Return on how many ports of the target group each server is registered."""
    return Counter(
        instance.instance_id
        for instance in fleet.live
        for target in instance.targets
        if target.key.target_group == routing.arn
    )
