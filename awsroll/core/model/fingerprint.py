"""What a plan was made for: the facts about a fleet that it rests on, and how they differ from those of another look.

Who is in the fleet and on which version, where it is registered, and a group's own bounds and template setting. Health
is not in it: that a server is unhealthy for a moment makes no plan wrong.
"""

from dataclasses import dataclass

from awsroll.core.model.observation import TargetKey


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Member:
    """One server of the fleet.

    Attributes:
        version: in the words of the rollout; empty if AWS does not say.
        registered: standalone: where it is registered by hand. What a group registers comes and goes with its members.
    """

    instance_id: str
    version: str
    registered: tuple[TargetKey, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSettings:
    """An Auto Scaling group's own settings.

    Attributes:
        template: what it launches from, as written: an alias stays an alias.
        zones: its Availability Zones and subnets, sorted.
    """

    minimum: int
    maximum: int
    desired: int
    template: str
    zones: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """A fleet as it was when the plan was made."""

    fleet: str
    region: str
    account: str
    members: tuple[Member, ...]
    target_groups: tuple[str, ...]
    extra_targets: tuple[TargetKey, ...] = ()
    group: GroupSettings | None = None


def differences(planned: Fingerprint, found: Fingerprint) -> tuple[str, ...]:
    """Say in words how the fleet that was found differs from the one that was planned for; nothing if it does not."""
    said = [
        *_changed("the fleet", planned.fleet, found.fleet),
        *_changed("the account", planned.account, found.account),
        *_changed("the region", planned.region, found.region),
        *_set_changes("target group", planned.target_groups, found.target_groups),
        *_set_changes(
            "registration beside the group's own", _words(planned.extra_targets), _words(found.extra_targets)
        ),
        *_group_changes(planned.group, found.group),
    ]
    before = {one.instance_id: one for one in planned.members}
    now = {one.instance_id: one for one in found.members}
    said += [f"{name} is no more in the fleet" for name in sorted(before.keys() - now.keys())]
    said += [
        f"{name} ({now[name].version or 'unknown'}) is new in the fleet" for name in sorted(now.keys() - before.keys())
    ]
    for name in sorted(before.keys() & now.keys()):
        said += _changed(f"the version of {name}", before[name].version, now[name].version)
        said += _set_changes(f"registration of {name}", _words(before[name].registered), _words(now[name].registered))
    return tuple(said)


def _group_changes(planned: GroupSettings | None, found: GroupSettings | None) -> list[str]:
    if planned is None or found is None:
        return []  # a fleet of another kind has another name
    return [
        *_changed("the group's min size", planned.minimum, found.minimum),
        *_changed("the group's max size", planned.maximum, found.maximum),
        *_changed("the group's desired capacity", planned.desired, found.desired),
        *_changed("the group's launch template", planned.template, found.template),
        *_set_changes("zone or subnet of the group", planned.zones, found.zones),
    ]


def _changed(what: str, planned: object, found: object) -> list[str]:
    return [] if planned == found else [f"{what} is {_said(found)}, the plan says {_said(planned)}"]


def _set_changes(what: str, planned: tuple[str, ...], found: tuple[str, ...]) -> list[str]:
    gone, new = sorted(set(planned) - set(found)), sorted(set(found) - set(planned))
    return [*(f"{what} is gone: {one}" for one in gone), *(f"{what} is new: {one}" for one in new)]


def _words(keys: tuple[TargetKey, ...]) -> tuple[str, ...]:
    return tuple(f"{key.target_group} port {key.port}" for key in keys)


def _said(value: object) -> str:
    return "unknown" if value == "" else str(value)
