"""The checks of target groups: whether they can serve, and settings that make capacity uneven."""

from collections.abc import Iterable

from awsroll.aws.caller import Reply
from awsroll.aws.connection import Connection
from awsroll.aws.parse_answers import read_target_group
from awsroll.core.model.observation import Instance, TargetGroup
from awsroll.preflight.findings import Findings, shortened

_CROSS_ZONE = "load_balancing.cross_zone.enabled"
_GATEWAY = "GENEVE"


def attributes_of(aws: Connection, arns: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return the attributes of target groups, by ARN."""
    return {arn: aws.elbv2.attributes(arn) for arn in arns}


def read_target_groups(
    described: dict[str, Reply], attributes: dict[str, dict[str, str]], *, managed: frozenset[str] = frozenset()
) -> tuple[TargetGroup, ...]:
    """Return target groups as values, sorted by ARN."""
    return tuple(
        read_target_group(described[arn], attributes[arn], managed=arn in managed) for arn in sorted(described)
    )


def check_target_groups(
    described: dict[str, Reply], findings: Findings, *, attached: frozenset[str] = frozenset()
) -> None:
    """Refuse target groups that cannot serve requests to instances.

    Args:
        described: the target groups by ARN.
        findings: where to add the refusals.
        attached: the ARNs of those that are attached to the Auto Scaling group.
    """
    for arn, group in described.items():
        name, kind = group["TargetGroupName"], group.get("TargetType", "instance")
        way_out = "detach it from the Auto Scaling group" if arn in attached else "leave it out of the request"
        if kind != "instance":
            findings.refuse(
                f"target group {name} has targets of type {kind}: awsroll rolls only target groups of type instance"
            )
        elif group.get("Protocol") == _GATEWAY:
            findings.refuse(
                f"target group {name} has the protocol {_GATEWAY}, so it belongs to a Gateway Load Balancer. awsroll "
                f"rolls only target groups of Application and Network Load Balancers: {way_out}"
            )
        elif not group.get("LoadBalancerArns"):
            findings.refuse(
                f"target group {name} is used by no load balancer, so its targets never turn healthy: "
                f"forward a listener rule to it first, or {way_out}"
            )


def has_instances(group: Reply) -> bool:
    """Return whether a target group has targets of type instance."""
    return bool(group.get("TargetType", "instance") == "instance")


def check_balance(
    aws: Connection,
    described: dict[str, Reply],
    attributes: dict[str, dict[str, str]],
    instances: Iterable[Instance],
    findings: Findings,
) -> None:
    """Warn if servers in one zone cannot replace servers in another, or get no traffic."""
    zones = _zones_of_load_balancers(aws, described)
    for arn, group in described.items():
        name = group["TargetGroupName"]
        if attributes[arn].get(_CROSS_ZONE) == "false":
            findings.warn(
                f"target group {name} has cross-zone load balancing off: only the instances of a zone serve that zone, "
                "but awsroll counts capacity over all zones"
            )
        served = {zone for balancer in group.get("LoadBalancerArns", []) for zone in zones.get(balancer, ())}
        registered = [
            instance for instance in instances if any(target.key.target_group == arn for target in instance.targets)
        ]
        outside = (
            sorted({instance.zone for instance in registered if instance.zone and instance.zone not in served})
            if served
            else []
        )
        if outside:
            ids = [instance.instance_id for instance in registered if instance.zone in outside]
            findings.warn(
                f"the load balancer of target group {name} does not serve {', '.join(outside)}: "
                f"{shortened(ids)} get no traffic there; enable the zone on the load balancer"
            )


def _zones_of_load_balancers(aws: Connection, described: dict[str, Reply]) -> dict[str, frozenset[str]]:
    arns = sorted({arn for group in described.values() for arn in group.get("LoadBalancerArns", [])})
    return {
        balancer["LoadBalancerArn"]: frozenset(zone["ZoneName"] for zone in balancer.get("AvailabilityZones", []))
        for balancer in aws.elbv2.load_balancers(arns)
    }
