"""How requests reach the servers of a fleet through each target group: zones, balancing over zones, thresholds.

Sources: ALB guide, "Target groups" (attributes, cross-zone load balancing, target group health) and service model of
Elastic Load Balancing, `TargetGroupAttribute`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from awsroll.aws.caller import Reply
from awsroll.aws.connection import Connection
from awsroll.core.model.observation import Target
from awsroll.errors import AccessRefusedError
from awsroll.preflight.findings import Findings

_NETWORK = "network"
_CROSS_ZONE = "load_balancing.cross_zone.enabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """How requests reach the servers through one target group.

    Attributes:
        zones: the zones that the load balancer serves; empty if no load balancer is known.
        per_zone: cross-zone load balancing is off: only the servers of a zone take the requests of that zone.
        behind_network_load_balancer: a Network Load Balancer uses the target group.
        is_default_of_network: cross-zone load balancing is off because that is the default of such a load balancer.
        attributes: the attributes of the target group, by key.
        other_targets: the number of registered targets that do not belong to the fleet.
        other_healthy: the number of those that take requests.
    """

    arn: str
    name: str
    zones: frozenset[str] = frozenset()
    per_zone: bool = False
    behind_network_load_balancer: bool = False
    is_default_of_network: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict)
    other_targets: int = 0
    other_healthy: int = 0


def read_routing(
    aws: Connection,
    described: Mapping[str, Reply],
    attributes: Mapping[str, Mapping[str, str]],
    findings: Findings,
    others: Mapping[str, list[Target]] | None = None,
) -> tuple[Routing, ...]:
    """Return the routing of each target group, sorted by name.

    Args:
        aws: the connection to the fleet's account and region.
        described: the target groups by ARN.
        attributes: the attributes of each target group.
        findings: where to add a warning if the attributes of a load balancer cannot be read.
        others: the targets of each target group that do not belong to the fleet.
    """
    balancers = _load_balancers(aws, described)
    routing = []
    for arn, group in described.items():
        foreign = (others or {}).get(arn, [])
        used_by = [balancers[balancer] for balancer in group.get("LoadBalancerArns", []) if balancer in balancers]
        zones = (zone["ZoneName"] for balancer in used_by for zone in balancer.get("AvailabilityZones", []))
        setting = attributes[arn].get(_CROSS_ZONE, "")
        follows = setting not in ("true", "false")
        by_default = follows and any(_is_per_zone(aws, each, findings) for each in used_by)
        routing.append(
            Routing(
                arn=arn,
                name=group["TargetGroupName"],
                zones=frozenset(zones),
                per_zone=setting == "false" or by_default,
                behind_network_load_balancer=any(each.get("Type") == _NETWORK for each in used_by),
                is_default_of_network=by_default,
                attributes=attributes[arn],
                other_targets=len(foreign),
                other_healthy=sum(target.takes_requests for target in foreign),
            )
        )
    return tuple(sorted(routing, key=lambda each: each.name))


def _load_balancers(aws: Connection, described: Mapping[str, Reply]) -> dict[str, Reply]:
    arns = sorted({arn for group in described.values() for arn in group.get("LoadBalancerArns", [])})
    return {balancer["LoadBalancerArn"]: balancer for balancer in aws.elbv2.load_balancers(arns)}


def _is_per_zone(aws: Connection, balancer: Reply, findings: Findings) -> bool:
    """Return whether a load balancer keeps requests in their zone: never an Application Load Balancer."""
    if balancer.get("Type") != _NETWORK:
        return False
    try:
        attributes = aws.elbv2.load_balancer_attributes(balancer["LoadBalancerArn"])
    except AccessRefusedError as error:
        findings.warn_unchecked(
            f"awsroll could not check whether load balancer {balancer.get('LoadBalancerName', '')} balances over "
            f"zones, and assumes the default of Network Load Balancers, which is off: {error}"
        )
        return True
    return attributes.get(_CROSS_ZONE) != "true"
