"""The facts about a fleet that a plan depends on, and their differences from the facts of a later observation.

The facts: the members, their versions and registrations, and a group's own bounds and template setting. Health is not
included: a server that is unhealthy for a moment does not make a plan wrong.
"""

from dataclasses import dataclass

from awsroll.core.model.observation import TargetKey


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Member:
    """One server of the fleet.

    Attributes:
        version: as in `Rollout.to_version`; empty if AWS does not report it.
        registered: standalone: its registrations. Those of a group's members come and go with the members.
    """

    instance_id: str
    version: str
    registered: tuple[TargetKey, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSettings:
    """An Auto Scaling group's own settings.

    Attributes:
        template: the launch template as set in the group: an alias stays an alias.
        zones: its Availability Zones and subnets, sorted.
    """

    minimum: int
    maximum: int
    desired: int
    template: str
    zones: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """The facts about a fleet at the time of the plan."""

    fleet: str
    region: str
    account: str
    members: tuple[Member, ...]
    target_groups: tuple[str, ...]
    extra_targets: tuple[TargetKey, ...] = ()
    group: GroupSettings | None = None


def differences(planned: Fingerprint, current: Fingerprint) -> tuple[str, ...]:
    """Return how the current fleet differs from the planned one, one line for each difference."""
    lines = [
        *_value_change("the fleet", planned.fleet, current.fleet),
        *_value_change("the account", planned.account, current.account),
        *_value_change("the region", planned.region, current.region),
        *_set_changes("target group", planned.target_groups, current.target_groups),
        *_set_changes(
            "registration outside the group's own target groups",
            _ports(planned.extra_targets),
            _ports(current.extra_targets),
        ),
        *_group_changes(planned.group, current.group),
    ]
    before = {member.instance_id: member for member in planned.members}
    now = {member.instance_id: member for member in current.members}
    lines += [f"{name} is no longer in the fleet" for name in sorted(before.keys() - now.keys())]
    lines += [
        f"{name} ({now[name].version or 'unknown'}) is new in the fleet" for name in sorted(now.keys() - before.keys())
    ]
    for name in sorted(before.keys() & now.keys()):
        lines += _value_change(f"the version of {name}", before[name].version, now[name].version)
        lines += _set_changes(f"registration of {name}", _ports(before[name].registered), _ports(now[name].registered))
    return tuple(lines)


def _group_changes(planned: GroupSettings | None, current: GroupSettings | None) -> list[str]:
    if planned is None or current is None:
        return []  # a fleet of another kind has another name
    return [
        *_value_change("the group's min size", planned.minimum, current.minimum),
        *_value_change("the group's max size", planned.maximum, current.maximum),
        *_value_change("the group's desired capacity", planned.desired, current.desired),
        *_value_change("the group's launch template", planned.template, current.template),
        *_set_changes("zone or subnet of the group", planned.zones, current.zones),
    ]


def _value_change(what: str, planned: object, current: object) -> list[str]:
    return [] if planned == current else [f"{what} is {_text(current)}, but the plan has {_text(planned)}"]


def _text(value: object) -> str:
    return "unknown" if value == "" else str(value)


def _set_changes(what: str, planned: tuple[str, ...], current: tuple[str, ...]) -> list[str]:
    gone, new = sorted(set(planned) - set(current)), sorted(set(current) - set(planned))
    return [*(f"{what} is gone: {name}" for name in gone), *(f"{what} is new: {name}" for name in new)]


def _ports(keys: tuple[TargetKey, ...]) -> tuple[str, ...]:
    return tuple(f"{key.target_group} port {key.port}" for key in keys)
