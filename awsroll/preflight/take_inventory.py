"""The inventory of a fleet in AWS: what `read_inventory` finds, with the kinds that `inventory` judges. Read only."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from awsroll.aws.caller import Reply
from awsroll.aws.connection import Connection
from awsroll.aws.group_traffic import attached_target_groups
from awsroll.core.model.observation import Instance, TargetKey
from awsroll.core.request.spec import RolloutSpec
from awsroll.preflight.findings import Findings
from awsroll.preflight.inventory import Entry, EntryKind
from awsroll.preflight.lookups import find_target_groups
from awsroll.preflight.read_inventory import (
    OtherTargetGroup,
    attachments,
    classic_load_balancers,
    other_target_groups,
    sources_of_group,
)

_EXCLUDE = "--exclude-target-group"


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupInventory:
    """The inventory of a group.

    Attributes:
        entries: what is not handled without the user's knowledge.
        rolled: target groups that are not attached to the group and are rolled with it, because at least half of the
            members are registered there on the same port.
    """

    entries: tuple[Entry, ...]
    rolled: tuple[OtherTargetGroup, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of a fleet before its inventory is taken.

    Attributes:
        servers: the servers by instance id, as EC2 describes them.
        target_groups: the target groups of the request and the attached ones, by ARN.
        group: the Auto Scaling group as the service describes it; empty for a standalone fleet.
    """

    servers: Mapping[str, Reply]
    target_groups: Mapping[str, Reply]
    group: Reply


def standalone_inventory(aws: Connection, spec: RolloutSpec, known: Known, findings: Findings) -> list[Entry]:
    """Return the inventory of a standalone fleet."""
    excluded = _excluded(aws, spec, known, findings)
    entries = [
        other.entry(EntryKind.EXCLUDED_TARGET_GROUP if other.arn in excluded else other.kind)
        for other in other_target_groups(aws, known.servers, known.target_groups)
    ]
    entries += classic_load_balancers(aws, known.servers, findings)
    return [*entries, *attachments(known.servers)]


def group_inventory(aws: Connection, spec: RolloutSpec, known: Known, findings: Findings) -> GroupInventory:
    """Return the inventory of a group."""
    name, servers = known.group["AutoScalingGroupName"], known.servers
    excluded = _excluded(aws, spec, known, findings)
    entries, rolled = sources_of_group(known.group), list[OtherTargetGroup]()
    for other in other_target_groups(aws, servers, known.target_groups):
        kind = EntryKind.EXCLUDED_TARGET_GROUP if other.arn in excluded else other.kind
        if kind is EntryKind.UNNAMED_TARGET_GROUP:
            kind = _kind_in_group(other, len(servers))
        if kind is EntryKind.ROLLED_TARGET_GROUP:
            rolled.append(other)
        entries.append(other.entry(kind, group=name))
    attached = {entry.name for entry in sources_of_group(known.group)}
    classic = classic_load_balancers(aws, servers, findings)
    entries += [entry for entry in classic if entry.name not in attached]
    entries += attachments(servers)
    return GroupInventory(entries=tuple(entries), rolled=tuple(rolled))


def _kind_in_group(other: OtherTargetGroup, members: int) -> EntryKind:
    counts = Counter(target.key for targets in other.targets.values() for target in targets)
    usual = any(2 * count >= members for count in counts.values())
    return EntryKind.ROLLED_TARGET_GROUP if usual else EntryKind.UNEVEN_TARGET_GROUP


def _excluded(aws: Connection, spec: RolloutSpec, known: Known, findings: Findings) -> frozenset[str]:
    """Return the ARNs of the excluded target groups; refuse those that are part of the fleet."""
    excluded = find_target_groups(aws, spec.exclude_target_group, findings, option=_EXCLUDE)
    attached = attached_target_groups(known.group)
    for arn in sorted(excluded.keys() & known.target_groups.keys()):
        name = excluded[arn]["TargetGroupName"]
        why = (
            f"the Auto Scaling group registers its members there. Detach it from the group, or remove {_EXCLUDE}"
            if arn in attached
            else "--target-group names it too. Remove one of them"
        )
        findings.refuse(f"{_EXCLUDE} {name}: {why}")
    return frozenset(excluded)


def different_ports(target_groups: Mapping[str, Reply], instances: Iterable[Instance]) -> Iterator[Entry]:
    """Yield the target groups in which servers of a standalone fleet have no port in common (dynamic ports)."""
    for arn, group in sorted(target_groups.items()):
        ports = {
            instance.instance_id: frozenset(key.port for key in keys)
            for instance in instances
            if (keys := [target.key for target in instance.targets if target.key.target_group == arn])
        }
        if ports and not frozenset.intersection(*ports.values()):
            name, servers = group["TargetGroupName"], tuple(sorted(ports))
            yield Entry(kind=EntryKind.DIFFERENT_PORTS, name=name, servers=servers)


def uneven_ports(
    instances: Iterable[Instance],
    target_groups: Mapping[str, Reply],
    group: str,
    passed_on: Iterable[TargetKey],
    attached: frozenset[str],
) -> Iterator[Entry]:
    """Yield the registrations of members that replacements do not get, because too few members have them.

    Args:
        instances: the members.
        target_groups: the target groups of the fleet, by ARN.
        group: the group's name.
        passed_on: the registrations that awsroll passes on.
        attached: the ARNs of the target groups in which the group registers its members, on their own port.
    """
    handled = {*passed_on} | {
        TargetKey(target_group=arn, port=int(target_groups[arn].get("Port", 0)))
        for arn in attached & target_groups.keys()
    }
    kept = {key.target_group for key in handled}
    holders: dict[TargetKey, list[str]] = {}
    for instance in instances:
        for target in instance.targets:
            if target.key not in handled:
                holders.setdefault(target.key, []).append(instance.instance_id)
    for key, servers in sorted(holders.items()):
        name = target_groups[key.target_group]["TargetGroupName"]
        if key.target_group in kept:
            odd = f"port {key.port} of target group {name}"
            yield Entry(kind=EntryKind.ODD_PORT, name=odd, servers=tuple(servers), group=group)
    for arn in sorted({key.target_group for key in holders} - kept):
        servers = sorted({server for key, held in holders.items() if key.target_group == arn for server in held})
        name = target_groups[arn]["TargetGroupName"]
        yield Entry(kind=EntryKind.UNEVEN_TARGET_GROUP, name=name, servers=tuple(servers), group=group)
