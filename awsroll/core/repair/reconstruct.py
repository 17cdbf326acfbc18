"""Reconstruct a rollout whose record is lost, from the tags, versions and registrations of the fleet.

The result is an ordinary record in `Mode.STOPPING`: the planner retires the surplus by id, returns instances to
traffic, restores the settings and removes the tags last. So a repair uses the same engine, and a repair that dies can
start again from the same tags.

Some facts were only in the record. Members in standby are not changed, because a person may have put them there. The
current value of a setting counts as set by the rollout, and is shown before it is changed.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from awsroll.core.classify.target_group_settings import value_in
from awsroll.core.classify.view import View
from awsroll.core.decide.settings import version_text
from awsroll.core.model.amount import Amount
from awsroll.core.model.calls import Launch
from awsroll.core.model.observation import (
    FleetKind,
    Group,
    Instance,
    InstanceState,
    Lifecycle,
    Observation,
    TargetKey,
    TargetState,
    TemplateVersion,
)
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.replacing import replace
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_choices import SkipPolicy
from awsroll.core.model.server_record import Server, Slots
from awsroll.core.model.setting_names import (
    DESIRED,
    MAXIMUM,
    MINIMUM,
    OF_TARGET_GROUPS,
    POOL,
    PROCESS,
    RUNNING,
    SUSPENDED,
    VERSION,
)
from awsroll.core.model.status import Mode, Outcome, Status
from awsroll.core.model.status_parts import Desired, SavedSettings
from awsroll.core.model.warm_pool import NO_POOL, WarmPool
from awsroll.core.tags import RELOADING, REPLACEMENT, REPLACES_TAG, RETIRING, SAVED_SETTING_PREFIX

REASON = "repaired from the tags and instances of the fleet"
_TAKEN_OUT = (RETIRING, RELOADING)
_LIVING = (InstanceState.PENDING, InstanceState.RUNNING)
_SETTINGS = (MINIMUM, MAXIMUM, VERSION, DESIRED, POOL)
SavedTags = Mapping[tuple[str, str], str]
"""Old values from the tags: (group's name or target group's ARN, setting) -> value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedFleet:
    """A fleet as observed, without its record.

    Attributes:
        rollout: the facts that the preflight has about the fleet: its kind, names, target groups and limits.
        saved_tags: the old values of settings, saved as tags.
        alias: the version to which the old template version resolves today, if it was an alias.
    """

    rollout: Rollout
    observation: Observation
    saved_tags: SavedTags
    alias: TemplateVersion | None = None


def unreadable(tags: SavedTags) -> tuple[str, ...]:
    """Return the tags with values that no rollout writes, one line each."""
    return tuple(
        f"the tag {SAVED_SETTING_PREFIX}{name} of {resource} is {value!r}, "
        "which no rollout writes: correct or delete the tag"
        for (resource, name), value in sorted(tags.items())
        if not _is_readable(name, value)
    )


def _is_readable(name: str, value: str) -> bool:
    if name in (MINIMUM, MAXIMUM, DESIRED):
        return value.isdigit()
    if name == POOL:
        try:
            WarmPool.parse(value)
        except ValueError:
            return False
        return True
    if name in OF_TARGET_GROUPS:
        return value.replace(".", "", 1).isdigit()
    return name == VERSION or (name.startswith(PROCESS) and value in (RUNNING, SUSPENDED))


def reconstruct(fleet: ObservedFleet, *, confirmed: Collection[str] | None = None) -> tuple[Rollout, Status]:
    """Return a rollout and a status from which the planner restores the fleet.

    Args:
        fleet: the fleet.
        confirmed: the ids that a person has confirmed, of those in `Status.servers`; None: all of them. Only tags on
            an instance say that it is one of these servers, so the record must leave out the others.
    """
    if fleet.rollout.kind is FleetKind.AUTO_SCALING and fleet.observation.group is not None:
        rollout, status = _group(fleet, fleet.observation.group, confirmed)
    else:
        rollout, status = fleet.rollout, _standalone(fleet, confirmed)
    return rollout, replace(status, settings=_saved_settings(fleet))


def _only(instances: Iterable[Instance], confirmed: Collection[str] | None) -> list[Instance]:
    return [instance for instance in instances if confirmed is None or instance.instance_id in confirmed]


def _first(fleet: ObservedFleet) -> Status:
    at = fleet.observation.at
    return Status(mode=Mode.STOPPING, reason=REASON, started_at=at, progress_at=at)


def _saved_settings(fleet: ObservedFleet) -> SavedSettings:
    """Return the old values from the tags. The current values count as set by the dead rollout."""
    group, old, current = fleet.observation.group, dict[str, str](), dict[str, str]()
    for (resource, name), value in sorted(fleet.saved_tags.items()):
        if name in OF_TARGET_GROUPS:
            key = f"{name}={resource}"
            old[key], current[key] = value, value_in(fleet.observation.target_group(resource), name)
        elif group is not None and (name in _SETTINGS or value == RUNNING) and not _must_wait(fleet, name, value):
            old[name], current[name] = value, _current_value(group, name)
    return SavedSettings(found=old, set=current)


def _must_wait(fleet: ObservedFleet, name: str, value: str) -> bool:
    """Return whether min size and its tag must stay unchanged: members in standby do not count towards desired."""
    group, standby = fleet.observation.group, (Lifecycle.STANDBY, Lifecycle.ENTERING_STANDBY)
    any_in_standby = any(
        instance.lifecycle in standby and instance.role in _TAKEN_OUT for instance in fleet.observation.instances
    )
    return name == MINIMUM and any_in_standby and group is not None and int(value) > group.desired


def _current_value(group: Group, name: str) -> str:
    match name:
        case "min-size":
            return str(group.minimum)
        case "max-size":
            return str(group.maximum)
        case "version":
            return version_text(group)
        case "warm-pool":
            return NO_POOL
        case "desired-capacity":
            return str(group.desired)
        case _:
            return SUSPENDED


# --- a group ------------------------------------------------------------------------------------------------------


def _group(fleet: ObservedFleet, group: Group, confirmed: Collection[str] | None) -> tuple[Rollout, Status]:
    """Return a rollout that restores desired capacity from its tag and retires surplus members, new ones first."""
    members = [instance for instance in fleet.observation.instances if instance.lifecycle is Lifecycle.IN_SERVICE]
    baseline = _baseline(fleet, group, members)
    rollout = replace(
        fleet.rollout,
        template=_goal(group, members, baseline),
        baseline_template=baseline,
        max_surge=Amount(value=1),  # and none unavailable: the surplus leaves while the rest serves
        standby=SkipPolicy.WAIT,
        purges_warm_pool=(group.name, POOL) in fleet.saved_tags,
    )
    saved = fleet.saved_tags.get((group.name, DESIRED))
    goal = group.desired if saved is None else min(int(saved), group.desired)
    at = fleet.observation.at
    desired = Desired(goal=goal, expected=group.desired, previous=group.desired, moved_at=at)
    extra = fleet.rollout.extra_targets
    taken_out = [member for member in members if member.role in _TAKEN_OUT and not _is_registered_on(member, extra)]
    returning = _only(taken_out, confirmed)
    servers = {member.instance_id: Server(phase=ServerPhase.RETURNING, since=at, targets=extra) for member in returning}
    return rollout, replace(_first(fleet), desired=desired, servers=servers)


def _baseline(fleet: ObservedFleet, group: Group, members: list[Instance]) -> TemplateVersion | None:
    """Return the baseline: the version of every member, else the number of the old setting.

    An alias may resolve to another number today than before. The version of most old members shows the old number.
    """
    running = Counter(member.template for member in members if member.template is not None)
    if group.template is not None and members and running[group.template] == len(members):
        return group.template
    old = fleet.saved_tags.get((group.name, VERSION), "")
    template_id, _, version = old.rpartition(":")
    if template_id and version.isdigit():
        return TemplateVersion(template_id=template_id, number=int(version))
    common = _most_common(member.template for member in members if member.template != group.template)
    return common or fleet.alias


def _goal(group: Group, members: list[Instance], baseline: TemplateVersion | None) -> TemplateVersion | None:
    """Return the target version of the dead rollout: the group's version, unless the rollout waited at a gate."""
    if group.template != baseline:
        return group.template
    return _most_common(member.template for member in members if member.template != baseline) or group.template


def _most_common(versions: Iterable[TemplateVersion | None]) -> TemplateVersion | None:
    counts = Counter(version for version in versions if version is not None)
    return min(counts, key=lambda version: (-counts[version], -version.number), default=None)


# --- instances registered by hand ---------------------------------------------------------------------------------


def _standalone(fleet: ObservedFleet, confirmed: Collection[str] | None) -> Status:
    """Return a status with a slot for each live instance that stays or returns.

    An instance in traffic keeps its slot. An instance that the rollout left half way returns to the usual
    registrations, unless its successor serves already (then a person terminates it) or another instance has its slot.
    A replacement without a slot is an orphan: it is recorded as launched, so that it is retired as surplus.
    """
    live = [instance for instance in fleet.observation.instances if instance.state in _LIVING]
    usual = _usual(live)
    half_way = [instance for instance in live if _is_half_way(instance, usual)]
    returning, orphans = (_only(each, confirmed) for each in _returning_and_orphans(live, half_way, usual))
    staying = [instance for instance in live if instance not in half_way and _keys(instance)]
    slots = [_slot(instance, _keys(instance)) for instance in staying]
    slots += [_slot(instance, usual) for instance in returning]
    at, keys = fleet.observation.at, _all_keys(live)
    launches = tuple(
        Launch(number=number, token="", at=at, instance_ids=(instance.instance_id,), settled=True)
        for number, instance in enumerate(orphans, 1)
    )
    servers = {instance.instance_id: Server(phase=ServerPhase.RETURNING, since=at) for instance in returning}
    servers |= {
        instance.instance_id: Server(phase=ServerPhase.LAUNCHING, since=at, targets=keys) for instance in orphans
    }
    return replace(_first(fleet), slots=tuple(slots), launches=launches, servers=servers)


def _returning_and_orphans(
    live: list[Instance], half_way: list[Instance], usual: tuple[TargetKey, ...]
) -> tuple[list[Instance], list[Instance]]:
    """Return the half-way instances that return to traffic, and the orphans.

    Old instances come before their replacements, so that a slot goes to the old instance.
    """
    ids = {instance.instance_id for instance in live}
    replaced = {name for instance in live if _serves(instance, usual) for name in _replaces(instance)}
    taken = {name for instance in live if instance not in half_way for name in _replaces(instance)}
    returning, orphans = list[Instance](), list[Instance]()
    for instance in sorted(half_way, key=lambda each: (bool(_replaces(each)), each.instance_id)):
        before = _replaces(instance)
        if instance.instance_id in replaced:
            continue
        if _keys(instance) or not before or not before & (ids | taken):
            returning.append(instance)
            taken |= before
        elif instance.role == REPLACEMENT:
            orphans.append(instance)
    return returning, orphans


def _keys(instance: Instance) -> tuple[TargetKey, ...]:
    return tuple(sorted(target.key for target in instance.targets if target.state is not TargetState.DRAINING))


def _all_keys(live: list[Instance]) -> tuple[TargetKey, ...]:
    return tuple(sorted({target.key for instance in live for target in instance.targets}))


def _usual(live: list[Instance]) -> tuple[TargetKey, ...]:
    """Return the most common set of registrations; of two equally common sets, the larger."""
    counts = Counter(keys for instance in live if (keys := _keys(instance)))
    return max(counts, key=lambda keys: (counts[keys], len(keys), keys), default=_all_keys(live))


def _is_registered_on(instance: Instance, keys: tuple[TargetKey, ...]) -> bool:
    return set(keys) <= set(_keys(instance))


def _is_half_way(instance: Instance, usual: tuple[TargetKey, ...]) -> bool:
    """Return whether a rollout tagged the instance and it lacks registrations."""
    return instance.role in (REPLACEMENT, *_TAKEN_OUT) and not _is_registered_on(instance, usual)


def _serves(instance: Instance, usual: tuple[TargetKey, ...]) -> bool:
    healthy = {target.key for target in instance.targets if target.state is TargetState.HEALTHY}
    return bool(usual) and set(usual) <= healthy


def _replaces(instance: Instance) -> frozenset[str]:
    return frozenset(value for key, value in instance.tags if key == REPLACES_TAG)


def _slot(instance: Instance, keys: tuple[TargetKey, ...]) -> Slots:
    return Slots(
        zone=instance.zone,
        subnet_id=instance.subnet_id,
        targets=keys,
        instance_ids=(instance.instance_id,),
        template=instance.template,
    )


# --- with a record ------------------------------------------------------------------------------------------------


def settling(view: View) -> Status:
    """Return the status of a rollout that ends from its current state, also if it had ended and left something.

    If all servers are on the target version, it only restores settings, and the target version stays.
    """
    status, at = view.status, view.observation.at
    if status.mode is Mode.ENDED:
        done = all(view.is_skipped(instance) for instance in view.outdated)
        mode = Mode.COMPLETING if done else Mode.STOPPING
    else:
        mode = Mode.COMPLETING if status.mode is Mode.COMPLETING else Mode.STOPPING
    return replace(
        status,
        mode=mode,
        outcome=Outcome.RUNNING,
        reason=status.reason if mode is Mode.COMPLETING else "stopped by awsroll repair",
        ended_at=None,
        progress_at=at,
        pausing="",
        gate=replace(status.gate, closed_since=None),
        settings=replace(status.settings, abandoned=()),
    )
