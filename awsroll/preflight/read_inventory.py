"""The reading of the inventory: target groups by instance id and address, Classic Load Balancers, and attachments.

Elastic Load Balancing has no call that names the target groups of a server. So every target group in the VPC of the
servers is asked for its targets, with one call each. A target group of addresses may send requests into another VPC, by
peering or a transit gateway, so those with a load balancer are asked too wherever they are.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from awsroll.aws.caller import Reply
from awsroll.aws.connection import Connection
from awsroll.aws.elbv2 import TARGET_GROUP_NOT_FOUND
from awsroll.aws.group_traffic import SourceType, traffic_sources
from awsroll.aws.parse_answers import read_targets
from awsroll.core.model.observation import Target
from awsroll.errors import AwsRefusedError, NotImplementedByEndpointError
from awsroll.preflight.address_owners import AddressOwners
from awsroll.preflight.findings import Findings
from awsroll.preflight.inventory import Entry, EntryKind

_INSTANCE, _ADDRESS = "instance", "ip"
_OUTSIDE = "all"  # the zone of a target outside the VPC of its target group
_APPLICATION_PROTOCOLS = ("HTTP", "HTTPS")
_OWNER_OF_PUBLIC_ADDRESSES = "amazon"  # an Elastic IP address has the account as its owner
_SOURCES = {
    SourceType.CLASSIC_LOAD_BALANCER: EntryKind.CLASSIC_LOAD_BALANCER,
    SourceType.VPC_LATTICE: EntryKind.LATTICE_TARGET_GROUP,
    SourceType.UNKNOWN: EntryKind.UNKNOWN_TRAFFIC_SOURCE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherTargetGroup:
    """A target group that holds servers of the fleet, and that is not in the request or attached to the group.

    Attributes:
        described: the target group as Elastic Load Balancing describes it.
        targets: the registrations by instance id, also those by address.
    """

    described: Reply
    targets: Mapping[str, list[Target]]

    @property
    def arn(self) -> str:
        """The ARN of the target group."""
        return str(self.described["TargetGroupArn"])

    @property
    def name(self) -> str:
        """The name of the target group."""
        return str(self.described["TargetGroupName"])

    @property
    def kind(self) -> EntryKind:
        """What it is, as far as the target group itself shows it."""
        if not self.described.get("LoadBalancerArns"):
            return EntryKind.IDLE_TARGET_GROUP
        if self.described.get("TargetType") == _ADDRESS:
            return EntryKind.ADDRESS_TARGET_GROUP
        if self.described.get("Protocol") == "GENEVE":
            return EntryKind.GATEWAY_TARGET_GROUP
        return EntryKind.UNNAMED_TARGET_GROUP

    def entry(self, kind: EntryKind, *, group: str = "") -> Entry:
        """Return the entry of the inventory for this target group."""
        return Entry(kind=kind, name=self.name, servers=tuple(sorted(self.targets)), group=group)


def other_target_groups(
    aws: Connection, servers: Mapping[str, Reply], searched: Collection[str], *, with_idle: bool = True
) -> list[OtherTargetGroup]:
    """Return the further target groups that hold one of the servers, by its id or by one of its addresses.

    Args:
        aws: the connection.
        servers: the servers by instance id, as EC2 describes them.
        searched: the ARNs of the target groups whose targets are known.
        with_idle: also target groups that no load balancer uses. Each target group costs a call.
    """
    vpcs = {described.get("VpcId") for described in servers.values()} - {None}
    if not vpcs:
        return []
    owners = AddressOwners(servers)
    found = []
    for group in aws.elbv2.all_target_groups():
        if group["TargetGroupArn"] in searched or not (group.get("VpcId") in vpcs or _reaches_out(group)):
            continue
        if not with_idle and not group.get("LoadBalancerArns"):
            continue
        targets = _targets_in(aws, group, servers, owners, elsewhere=group.get("VpcId") not in vpcs)
        if targets:
            found.append(OtherTargetGroup(described=group, targets=targets))
    return sorted(found, key=lambda group: group.name)


def _reaches_out(group: Reply) -> bool:
    """Return whether a target group may send requests to addresses outside its VPC."""
    return group.get("TargetType") == _ADDRESS and bool(group.get("LoadBalancerArns"))


def _targets_in(
    aws: Connection, group: Reply, servers: Mapping[str, Reply], owners: AddressOwners, *, elsewhere: bool
) -> dict[str, list[Target]]:
    """Return the registrations of the servers in a target group.

    In another VPC (`elsewhere`) the same address may belong to another server. Behind an Application Load Balancer, a
    target in a zone is in the VPC of its target group, and a target outside has the zone `all` (RegisterTargets,
    TargetDescription). Behind a Network Load Balancer, a target outside may have a zone, so each address counts there.
    """
    kind = group.get("TargetType", _INSTANCE)
    if kind not in (_INSTANCE, _ADDRESS):
        return {}
    arn = group["TargetGroupArn"]
    try:
        described = aws.elbv2.target_health(arn)
    except AwsRefusedError as error:
        if error.code == TARGET_GROUP_NOT_FOUND:  # deleted in between
            return {}
        raise
    if elsewhere and group.get("Protocol") in _APPLICATION_PROTOCOLS:
        described = [one for one in described if one["Target"].get("AvailabilityZone", _OUTSIDE) == _OUTSIDE]
    targets: dict[str, list[Target]] = {}
    for name, registrations in read_targets(arn, described).items():
        server = name if kind == _INSTANCE else owners.of(name)
        if server in servers:
            targets.setdefault(server, []).extend(registrations)
    return targets


def classic_load_balancers(aws: Connection, servers: Mapping[str, Reply], findings: Findings) -> Iterator[Entry]:
    """Yield the Classic Load Balancers that list one of the servers."""
    if not servers:
        return
    try:
        balancers = aws.classic_elb.load_balancers()
    except NotImplementedByEndpointError:
        findings.warn_unchecked(
            "the endpoint does not report Classic Load Balancers; awsroll assumes that there are none"
        )
        return
    for balancer in balancers:
        listed = {instance["InstanceId"] for instance in balancer.get("Instances", [])} & servers.keys()
        if listed:
            name = balancer["LoadBalancerName"]
            yield Entry(kind=EntryKind.CLASSIC_LOAD_BALANCER, name=name, servers=tuple(sorted(listed)))


def sources_of_group(described: Reply) -> list[Entry]:
    """Return the traffic sources of a group that are no target groups of Elastic Load Balancing."""
    return [
        Entry(kind=_SOURCES[source.type], name=source.identifier, group=described["AutoScalingGroupName"])
        for source in traffic_sources(described)
        if source.type in _SOURCES
    ]


def lifecycle_hooks(hooks: Iterable[Reply], group: str) -> Iterator[Entry]:
    """Yield the lifecycle hooks of a group."""
    for hook in hooks:
        yield Entry(kind=EntryKind.LIFECYCLE_HOOK, name=hook.get("LifecycleHookName", ""), group=group)


def attachments(servers: Mapping[str, Reply]) -> list[Entry]:
    """Return what is attached to the servers and does not come with their replacements, one entry for each kind."""
    found: dict[EntryKind, list[tuple[str, str]]] = {}
    for server, described in sorted(servers.items()):
        for kind, name in (*_volumes(described), *_interfaces(described)):
            found.setdefault(kind, []).append((name, server))
    return [
        Entry(
            kind=kind,
            name=_listed([name for name, _ in things]),
            servers=tuple(dict.fromkeys(server for _, server in things)),
        )
        for kind, things in sorted(found.items())
    ]


def _listed(names: list[str]) -> str:
    shown = list(dict.fromkeys(names))
    rest = len(shown) - 3
    return ", ".join(shown[:3]) + (f" and {rest} more" if rest > 0 else "")


def _volumes(described: Reply) -> Iterator[tuple[EntryKind, str]]:
    for mapping in described.get("BlockDeviceMappings", []):
        volume, device = mapping.get("Ebs") or {}, mapping.get("DeviceName", "")
        if device == described.get("RootDeviceName") and volume.get("DeleteOnTermination"):
            continue
        kind = EntryKind.DELETED_VOLUME if volume.get("DeleteOnTermination") else EntryKind.KEPT_VOLUME
        yield kind, f"{volume.get('VolumeId', '')} ({device})"


def _interfaces(described: Reply) -> Iterator[tuple[EntryKind, str]]:
    addresses = set()
    for interface in described.get("NetworkInterfaces", []):
        associations = [interface, *interface.get("PrivateIpAddresses", [])]
        for association in (holder.get("Association") or {} for holder in associations):
            if association.get("PublicIp") and association.get("IpOwnerId") != _OWNER_OF_PUBLIC_ADDRESSES:
                addresses.add(association["PublicIp"])
        if (interface.get("Attachment") or {}).get("DeleteOnTermination") is False:
            yield EntryKind.KEPT_INTERFACE, interface.get("NetworkInterfaceId", "")
    for address in sorted(addresses):
        yield EntryKind.ELASTIC_IP, address
