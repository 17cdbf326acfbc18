"""What sends traffic to the members of an Auto Scaling group, by the types of Auto Scaling's API.

awsroll rolls groups behind target groups of Elastic Load Balancing. The preflight says what it does about each type.
"""

from dataclasses import dataclass
from enum import StrEnum

from awsroll.aws.caller import Reply

_LATTICE_ARN, _TARGET_GROUP_ARN = ":vpc-lattice:", ":targetgroup/"


class SourceType(StrEnum):
    """The types of a traffic source (API reference, TrafficSourceIdentifier)."""

    TARGET_GROUP = "elbv2"
    CLASSIC_LOAD_BALANCER = "elb"
    VPC_LATTICE = "vpc-lattice"
    UNKNOWN = "unknown"  # AWS may add types


@dataclass(frozen=True, slots=True, order=True)
class TrafficSource:
    """One traffic source of a group: an ARN, or the name of a Classic Load Balancer."""

    identifier: str
    type: SourceType


def traffic_sources(group: Reply) -> tuple[TrafficSource, ...]:
    """Return the traffic sources of a group as Auto Scaling describes it, sorted, from the old fields and the new."""
    sources = {TrafficSource(arn, SourceType.TARGET_GROUP) for arn in group.get("TargetGroupARNs", [])}
    sources |= {TrafficSource(name, SourceType.CLASSIC_LOAD_BALANCER) for name in group.get("LoadBalancerNames", [])}
    sources |= {TrafficSource(source["Identifier"], _type_of(source)) for source in group.get("TrafficSources", [])}
    return tuple(sorted(sources))


def attached_target_groups(group: Reply) -> frozenset[str]:
    """Return the ARNs of the target groups that an Auto Scaling group registers its members in."""
    return frozenset(source.identifier for source in traffic_sources(group) if source.type is SourceType.TARGET_GROUP)


def _type_of(source: Reply) -> SourceType:
    """Return the type that AWS names, or the type that the identifier has: AWS may leave the type out."""
    identifier, named = source["Identifier"], source.get("Type")
    if named:
        return SourceType(named) if named in list(SourceType) else SourceType.UNKNOWN
    if _LATTICE_ARN in identifier:
        return SourceType.VPC_LATTICE
    return SourceType.TARGET_GROUP if _TARGET_GROUP_ARN in identifier else SourceType.CLASSIC_LOAD_BALANCER
