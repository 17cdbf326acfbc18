"""Traffic sources of a group that are no target groups of Elastic Load Balancing: their names, and who is registered.

Members are registered with Classic Load Balancers, in moto's records. VPC Lattice target groups are kept by name. Both
have no states, health checks or draining here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from awsroll.sandbox import storage
from awsroll.sandbox.handler_parts import refuse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from awsroll.sandbox.autoscaling.group_state import Group
    from awsroll.sandbox.interfaces import Account

TARGET_GROUP, CLASSIC, LATTICE = "elbv2", "elb", "vpc-lattice"
MISSING = "Provided Load Balancers may not be valid. Please ensure they exist and try again."


def type_of(source: Mapping[str, Any]) -> str:
    """Return the type that a request names for a traffic source, or the type that the identifier shows."""
    identifier = str(source["Identifier"])
    if named := source.get("Type"):
        return str(named)
    if ":vpc-lattice:" in identifier:
        return LATTICE
    return TARGET_GROUP if identifier.startswith("arn:") else CLASSIC


def attach(account: Account, group: Group, kind: str, names: Iterable[str]) -> None:
    """Attach traffic sources of a type, and register the members with Classic Load Balancers.

    Raises:
        ApiError: the type is unknown, or a load balancer does not exist; nothing was attached.
    """
    new = list(names)
    if kind not in {CLASSIC, LATTICE}:
        refuse(f"Traffic source type {kind} is not valid. Valid types are: elb, elbv2 and vpc-lattice.")
    balancers = storage.classic_elb(account).load_balancers
    if kind == CLASSIC and any(name not in balancers for name in new):
        refuse(MISSING)
    group.other_sources |= dict.fromkeys(new, kind)
    for member in group.members.values():
        if member.registered:
            register(account, group, member.instance_id)


def detach(account: Account, group: Group, names: Iterable[str]) -> None:
    """Detach traffic sources, and deregister the members from Classic Load Balancers.

    Raises:
        ApiError: one is not attached; nothing was detached.
    """
    gone = list(names)
    if unknown := [name for name in gone if name not in group.other_sources]:
        refuse(f"Trying to remove Load Balancers that are not part of the group: {', '.join(unknown)}")
    for member in group.members.values():
        deregister(account, group, member.instance_id, only=gone)
    for name in gone:
        del group.other_sources[name]


def register(account: Account, group: Group, instance_id: str) -> None:
    """Register a member with the Classic Load Balancers of its group."""
    backend = storage.classic_elb(account)
    for name in _classic(group):
        if name in backend.load_balancers and instance_id not in backend.load_balancers[name].instance_autoscaling_ids:
            backend.register_instances(name, [instance_id], from_autoscaling=True)


def deregister(account: Account, group: Group, instance_id: str, *, only: Iterable[str] | None = None) -> None:
    """Deregister a member from the Classic Load Balancers of its group, or from some of them."""
    backend = storage.classic_elb(account)
    for name in _classic(group):
        if name in backend.load_balancers and (only is None or name in only):
            backend.deregister_instances(name, [instance_id], from_autoscaling=True)


def _classic(group: Group) -> list[str]:
    return [name for name, kind in group.other_sources.items() if kind == CLASSIC]
