"""The zone that a group launches into, and the member that it scales in: pure functions.

AWS selects the zone first (fewest instances on launch, most on scale-in), then applies the termination policies inside
it. Where AWS picks at random, this file picks the oldest launch, then the lowest id, so that runs repeat.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from awsroll.sandbox.autoscaling.group_state import Lifecycle, Member

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from awsroll.sandbox.autoscaling.group_state import Group

POLICIES = frozenset(
    {
        "AllocationStrategy",
        "ClosestToNextInstanceHour",
        "Default",
        "NewestInstance",
        "OldestInstance",
        "OldestLaunchConfiguration",
        "OldestLaunchTemplate",
    }
)


def count_by_zone(zones: Iterable[str], members: Iterable[Member]) -> dict[str, int]:
    """Return the number of members by zone, including zones without members."""
    counts = dict.fromkeys(zones, 0)
    for member in members:
        counts[member.zone] = counts.get(member.zone, 0) + 1
    return counts


def choose_launch_subnet(group: Group, *, avoid: frozenset[str] = frozenset()) -> str:
    """Return the subnet of the next launch: in the zone with the fewest members, outside the zones to avoid.

    If every zone is avoided, all zones are candidates, because AWS keeps trying all of them.
    """
    zones = [zone for zone in group.zones if zone not in avoid] or list(group.zones)
    present = [member for member in group.members.values() if member.counted or member.balancing]
    counts = count_by_zone(zones, present)
    zone = min(zones, key=lambda name: (counts[name], name))
    subnets = [subnet for subnet, subnet_zone in group.subnets.items() if subnet_zone == zone]
    return min(subnets, key=lambda subnet: sum(member.subnet_id == subnet for member in present))


def choose_victim(group: Group, *, newest_template_version: int | None) -> Member | None:
    """Return the member that scale-in terminates, or None if no member is eligible.

    Members in service without scale-in protection are eligible. The zone with the most members among those with an
    eligible member goes first; tied zones form one pool.

    Args:
        group: a group above its desired capacity.
        newest_template_version: the current version number of the group's template; None without a template.
    """
    in_service = [member for member in group.counted if member.state is Lifecycle.IN_SERVICE]
    eligible = [member for member in in_service if not member.protected]
    if not eligible:
        return None
    counts = count_by_zone(group.zones, group.counted)
    largest = max(counts[member.zone] for member in eligible)
    pool = [member for member in eligible if counts[member.zone] == largest]
    current = group.effective_template
    current_id = current.template_id if current else None
    for policy in group.setting("TerminationPolicies", default=None) or ["Default"]:
        pool = _narrow(pool, policy, current_id, newest_template_version)
        if len(pool) == 1:
            break
    return min(pool, key=_age)


def imbalance(group: Group) -> tuple[str, str] | None:
    """Return the zones (fullest, emptiest) if they differ by two or more, as AZRebalance acts on; else None."""
    counts = count_by_zone(group.zones, [member for member in group.counted if member.zone in group.zones])
    if not counts:
        return None
    fullest = max(counts, key=lambda zone: (counts[zone], zone))
    emptiest = min(counts, key=lambda zone: (counts[zone], zone))
    return (fullest, emptiest) if counts[fullest] - counts[emptiest] > 1 else None


def _age(member: Member) -> tuple[float, str]:
    return (member.launched_at.timestamp(), member.instance_id)


def _narrow(pool: Sequence[Member], policy: str, current_id: str | None, newest: int | None) -> list[Member]:
    template_rank = _template_rank(current_id, newest)
    match policy:
        case "OldestInstance" | "ClosestToNextInstanceHour":
            return [min(pool, key=_age)]
        case "NewestInstance":
            return [max(pool, key=_age)]
        case "OldestLaunchTemplate" | "OldestLaunchConfiguration":
            return _lowest(pool, template_rank)
        case "Default":
            return [min(_lowest(pool, template_rank), key=_age)]
        case _:
            return list(pool)


def _lowest(pool: Sequence[Member], rank: Callable[[Member], tuple[int, int]]) -> list[Member]:
    best = min(rank(member) for member in pool)
    return [member for member in pool if rank(member) == best]


def _template_rank(current_id: str | None, newest: int | None) -> Callable[[Member], tuple[int, int]]:
    """Return the rank by template: members of no or another template first, then the oldest version."""

    def rank(member: Member) -> tuple[int, int]:
        if member.template is None or member.template.template_id != current_id:
            return (0, 0)
        return (1, min(member.template_version, newest) if newest is not None else member.template_version)

    return rank
