"""The inventory of a fleet: what sends requests to its servers and what depends on them, with what awsroll does.

Each entry is handled, refused, or reported as a warning before anything changes. `finding_of` decides it by the kind of
the entry. A new kind fails the type check, and tests/preflight/test_inventory.py, until it is classified.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from awsroll.core.model.finding import REFUSE, WARN, Finding
from awsroll.preflight.findings import Findings, shortened


class EntryKind(StrEnum):
    """The kinds of things that send requests to a server or depend on it."""

    ROLLED_TARGET_GROUP = "target group that is rolled"
    UNNAMED_TARGET_GROUP = "target group that the request does not name"
    UNEVEN_TARGET_GROUP = "target group that holds too few members on the same port"
    ADDRESS_TARGET_GROUP = "target group of type ip"
    GATEWAY_TARGET_GROUP = "target group of a Gateway Load Balancer"
    EXCLUDED_TARGET_GROUP = "target group that the request excludes"
    IDLE_TARGET_GROUP = "target group without a load balancer"
    CLASSIC_LOAD_BALANCER = "Classic Load Balancer"
    LATTICE_TARGET_GROUP = "target group of VPC Lattice"
    UNKNOWN_TRAFFIC_SOURCE = "traffic source of an unknown type"
    ODD_PORT = "port on which few members are registered"
    DIFFERENT_PORTS = "target group in which servers have different ports"
    LIFECYCLE_HOOK = "lifecycle hook"
    ELASTIC_IP = "Elastic IP address"
    KEPT_VOLUME = "volume that outlives its server"
    DELETED_VOLUME = "volume that is deleted with its server"
    KEPT_INTERFACE = "network interface that outlives its server"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that sends requests to servers or depends on them.

    Attributes:
        name: its name or id.
        servers: the servers concerned.
        group: the Auto Scaling group; empty for a standalone fleet.
    """

    kind: EntryKind
    name: str
    servers: tuple[str, ...] = ()
    group: str = ""


def check_inventory(entries: Iterable[Entry], findings: Findings, *, replaces: bool) -> None:
    """Add the refusals and warnings of an inventory.

    Args:
        entries: the inventory.
        findings: where to add them.
        replaces: the rollout replaces servers; a reload keeps them.
    """
    for entry in entries:
        finding = finding_of(entry, replaces=replaces)
        if finding is not None and finding.severity == REFUSE:
            findings.refuse(finding.message)
        elif finding is not None:
            findings.warn(finding.message)


def finding_of(entry: Entry, *, replaces: bool) -> Finding | None:
    """Return what the user must know about an entry; None if awsroll handles it."""
    match entry.kind:
        case EntryKind.ROLLED_TARGET_GROUP | EntryKind.LIFECYCLE_HOOK:
            return None  # drained and registered again; the deadlines have the time for hooks
        case (
            EntryKind.UNNAMED_TARGET_GROUP
            | EntryKind.UNEVEN_TARGET_GROUP
            | EntryKind.ADDRESS_TARGET_GROUP
            | EntryKind.GATEWAY_TARGET_GROUP
            | EntryKind.CLASSIC_LOAD_BALANCER
            | EntryKind.LATTICE_TARGET_GROUP
            | EntryKind.UNKNOWN_TRAFFIC_SOURCE
        ):
            return Finding(severity=REFUSE, message=_refusal(entry, replaces=replaces))
        case EntryKind.EXCLUDED_TARGET_GROUP:
            return Finding(severity=WARN, message=_exclusion(entry, replaces=replaces))
        case (
            EntryKind.IDLE_TARGET_GROUP
            | EntryKind.ODD_PORT
            | EntryKind.DIFFERENT_PORTS
            | EntryKind.ELASTIC_IP
            | EntryKind.KEPT_VOLUME
            | EntryKind.DELETED_VOLUME
            | EntryKind.KEPT_INTERFACE
        ):
            # A server that is reloaded keeps its registrations, addresses and volumes.
            return Finding(severity=WARN, message=_loss(entry)) if replaces else None
        case _ as never:
            assert_never(never)


def _refusal(entry: Entry, *, replaces: bool) -> str:
    name, servers = entry.name, shortened(list(entry.servers))
    exclude = f"pass --exclude-target-group {name} if requests through it may fail"
    if entry.kind is EntryKind.UNNAMED_TARGET_GROUP:
        change = "replaces" if replaces else "reloads"
        effect = " and would not register their replacements there" if replaces else ""
        return (
            f"{servers}: also registered in target group {name}, which the request does not name. The rollout {change} "
            f"these servers while {name} sends them requests{effect}: pass --target-group {name} to include it, or "
            f"{exclude}"
        )
    if entry.kind is EntryKind.UNEVEN_TARGET_GROUP:
        return (
            f"target group {name} holds {servers}, but fewer than half of the members of group {entry.group} on the "
            f"same port, so replacements would not be registered there: register every member, deregister these "
            f"members, or {exclude}"
        )
    if entry.kind is EntryKind.ADDRESS_TARGET_GROUP:
        return (
            f"target group {name} holds private addresses of {servers}: awsroll moves only targets of type instance. "
            f"Deregister these addresses, or {exclude}, for example because a controller follows the servers, or "
            "because other servers have these addresses in another VPC"
        )
    if entry.kind is EntryKind.GATEWAY_TARGET_GROUP:
        return (
            f"{servers}: also registered in target group {name} of a Gateway Load Balancer (GENEVE), which awsroll "
            f"cannot drain: deregister these servers, or {exclude}"
        )
    way_out = "deregister these servers from it" if entry.servers else "detach it from the group"
    return (
        f"{_behind(entry)}. awsroll can neither drain servers there nor check their health: {way_out} before the "
        "rollout. Only target groups of Application and Network Load Balancers are supported"
    )


def _behind(entry: Entry) -> str:
    what = {
        EntryKind.CLASSIC_LOAD_BALANCER: f"the Classic Load Balancer {entry.name}",
        EntryKind.LATTICE_TARGET_GROUP: f"the VPC Lattice target group {entry.name}",
    }.get(entry.kind, f"{entry.name}, a traffic source of an unknown type")
    if entry.servers:
        return f"{shortened(list(entry.servers))}: registered with {what}"
    return f"group {entry.group} is behind {what}"


def _exclusion(entry: Entry, *, replaces: bool) -> str:
    effect = ", and does not register their replacements" if replaces else ""
    return (
        f"target group {entry.name} is excluded and also holds {shortened(list(entry.servers))}: awsroll does not "
        f"drain the servers there{effect}, so requests through it can fail"
    )


def _loss(entry: Entry) -> str:
    name = entry.name
    what = {
        EntryKind.IDLE_TARGET_GROUP: f"also registered in target group {name}, which no load balancer uses. awsroll "
        "does not register their replacements there",
        EntryKind.ODD_PORT: f"registered on {name}, unlike most members. Their replacements are not registered there",
        EntryKind.DIFFERENT_PORTS: f"registered on different ports in target group {name}. Each replacement is "
        "registered on the ports of the server that it replaces, so its application must listen there",
        EntryKind.ELASTIC_IP: f"Elastic IP address {name}. Replacements get other addresses, and the Elastic IP stays "
        "allocated without a server. Associate it again yourself, for example with a hook at after_launch",
        EntryKind.KEPT_INTERFACE: f"network interface {name} outlives its server. Replacements do not get it, and its "
        "addresses stay in use",
        EntryKind.KEPT_VOLUME: f"volume {name} outlives its server (DeleteOnTermination is off). Replacements do not "
        "get its data, and EC2 bills it until you delete it",
        EntryKind.DELETED_VOLUME: f"EC2 deletes volume {name} and its data with the server (DeleteOnTermination is on)",
    }
    return f"{shortened(list(entry.servers))}: {what[entry.kind]}"
