"""A rollout of which no record is left, made again from what stands on the fleet: tags, and what runs where.

What comes out is an ordinary record that only settles (`Mode.STOPPING`): the planner retires the surplus by id, brings
back what was taken out, puts the settings back and removes the tags last. So a repair is no second engine, and one that
dies is begun again from the same tags.

What only the record knew is not guessed at: which members a person had put in standby (they are left), and what others
have set since (the value that stands is taken for ours, and shown before it is changed).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from awsroll.core.classify.view import View
from awsroll.core.decide.settings import (
    DELAY,
    DESIRED,
    MAXIMUM,
    MINIMUM,
    POOL,
    PROCESS,
    RUNNING,
    SUSPENDED,
    VERSION,
    version_text,
)
from awsroll.core.model.amount import Amount
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
from awsroll.core.model.rollout import Rollout, SkipPolicy
from awsroll.core.model.status import Desired, Launch, Mode, Outcome, SavedSettings, Server, Slots, Status
from awsroll.core.model.warm_pool import NO_POOL, WarmPool
from awsroll.core.tags import RELOADING, REPLACEMENT, REPLACES_TAG, RETIRING, SAVED_SETTING_PREFIX

REASON = "repaired from what stands on the fleet"
_TAKEN_OUT = (RETIRING, RELOADING)
_LIVING = (InstanceState.PENDING, InstanceState.RUNNING)
_SETTINGS = (MINIMUM, MAXIMUM, VERSION, DESIRED, POOL)
Told = Mapping[tuple[str, str], str]
"""Old values as the tags say: (group's name or target group's ARN, setting) -> value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A fleet as found, with nothing known of what was done to it.

    Attributes:
        rollout: what the preflight knows of the fleet: its kind and names, its target groups, its limits.
        told: the old values that stand as tags.
        alias: what the old template version means today, if it was an alias.
    """

    rollout: Rollout
    observation: Observation
    told: Told
    alias: TemplateVersion | None = None


def unreadable(told: Told) -> tuple[str, ...]:
    """Return which of the tags hold what no rollout has written, one line each."""
    return tuple(
        f"the tag {SAVED_SETTING_PREFIX}{name} of {resource} says {value!r}, "
        "which no rollout writes: correct or delete it"
        for (resource, name), value in sorted(told.items())
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
    if name == DELAY:
        return value.replace(".", "", 1).isdigit()
    return name == VERSION or (name.startswith(PROCESS) and value in (RUNNING, SUSPENDED))


def reconstruct(seen: Seen) -> tuple[Rollout, Status]:
    """Return a rollout and a status from which the planner puts back what was left."""
    if seen.rollout.kind is FleetKind.AUTO_SCALING and seen.observation.group is not None:
        rollout, status = _group(seen, seen.observation.group)
    else:
        rollout, status = seen.rollout, _standalone(seen)
    return rollout, replace(status, settings=_saved_settings(seen))


def _first(seen: Seen) -> Status:
    at = seen.observation.at
    return Status(mode=Mode.STOPPING, reason=REASON, started_at=at, progress_at=at)


def _saved_settings(seen: Seen) -> SavedSettings:
    """Return the old values from the tags. The values of now are taken to be set by the dead rollout."""
    group, found, given = seen.observation.group, dict[str, str](), dict[str, str]()
    for (resource, name), value in sorted(seen.told.items()):
        if name == DELAY:
            seconds = seen.observation.target_group(resource).deregistration_delay_seconds
            found[f"{DELAY}={resource}"], given[f"{DELAY}={resource}"] = value, f"{seconds:g}"
        elif group is not None and (name in _SETTINGS or value == RUNNING) and not _must_wait(seen, name, value):
            found[name], given[name] = value, _now(group, name)
    return SavedSettings(found=found, set=given)


def _must_wait(seen: Seen, name: str, value: str) -> bool:
    """Tell whether a minimum, and its tag, stay as they are: members in standby do not count towards desired."""
    group, standby = seen.observation.group, (Lifecycle.STANDBY, Lifecycle.ENTERING_STANDBY)
    away = any(one.lifecycle in standby and one.role in _TAKEN_OUT for one in seen.observation.instances)
    return name == MINIMUM and away and group is not None and int(value) > group.desired


def _now(group: Group, name: str) -> str:
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


def _group(seen: Seen, group: Group) -> tuple[Rollout, Status]:
    """Desired goes back where the tag says; what is more is retired by id, new ones first."""
    members = [one for one in seen.observation.instances if one.lifecycle is Lifecycle.IN_SERVICE]
    baseline = _baseline(seen, group, members)
    rollout = replace(
        seen.rollout,
        template=_goal(group, members, baseline),
        baseline_template=baseline,
        max_surge=Amount(value=1),  # and none unavailable: the surplus goes while the rest serves
        standby=SkipPolicy.WAIT,
        purges_warm_pool=(group.name, POOL) in seen.told,
    )
    told = seen.told.get((group.name, DESIRED))
    goal = group.desired if told is None else min(int(told), group.desired)
    at = seen.observation.at
    desired = Desired(goal=goal, expected=group.desired, previous=group.desired, moved_at=at)
    extra = seen.rollout.extra_targets
    out = [one for one in members if one.role in _TAKEN_OUT and not _stands_on(one, extra)]
    servers = {one.instance_id: Server(phase=ServerPhase.RETURNING, since=at, targets=extra) for one in out}
    return rollout, replace(_first(seen), desired=desired, servers=servers)


def _baseline(seen: Seen, group: Group, members: list[Instance]) -> TemplateVersion | None:
    """Return the version to go back to: what every member runs, else the old setting's number.

    An alias may mean another number today than it did: what most old members run says what it was.
    """
    running = Counter(one.template for one in members if one.template is not None)
    if group.template is not None and members and running[group.template] == len(members):
        return group.template
    old = seen.told.get((group.name, VERSION), "")
    template_id, _, version = old.rpartition(":")
    if template_id and version.isdigit():
        return TemplateVersion(template_id=template_id, number=int(version))
    common = _most_common(one.template for one in members if one.template != group.template)
    return common or seen.alias


def _goal(group: Group, members: list[Instance], baseline: TemplateVersion | None) -> TemplateVersion | None:
    """Return what the dead rollout was about to bring: what the group says, unless it waited at a gate."""
    if group.template != baseline:
        return group.template
    return _most_common(one.template for one in members if one.template != baseline) or group.template


def _most_common(versions: "Iterable[TemplateVersion | None]") -> TemplateVersion | None:
    counts = Counter(one for one in versions if one is not None)
    return min(counts, key=lambda one: (-counts[one], -one.number), default=None)


# --- instances registered by hand ---------------------------------------------------------------------------------


def _standalone(seen: Seen) -> Status:
    """Give each live instance what belongs to it: a slot, a way back into a slot, or neither.

    An instance in traffic keeps its slot. An instance that was left half way returns to the usual registrations, unless
    its successor serves already (then a person terminates it) or another instance has its slot. A replacement without a
    slot is an orphan: it is recorded as launched, so that it is retired as surplus.
    """
    live = [instance for instance in seen.observation.instances if instance.state in _LIVING]
    usual = _usual(live)
    half_way = [instance for instance in live if _is_half_way(instance, usual)]
    returning, orphans = _sorted_out(live, half_way, usual)
    staying = [instance for instance in live if instance not in half_way and _keys(instance)]
    slots = [_slot(instance, _keys(instance)) for instance in staying]
    slots += [_slot(instance, usual) for instance in returning]
    at, keys = seen.observation.at, _all_keys(live)
    launches = tuple(
        Launch(number=number, token="", at=at, instance_ids=(instance.instance_id,), settled=True)
        for number, instance in enumerate(orphans, 1)
    )
    back = {one.instance_id: Server(phase=ServerPhase.RETURNING, since=at) for one in returning}
    new = {one.instance_id: Server(phase=ServerPhase.LAUNCHING, since=at, targets=keys) for one in orphans}
    return replace(_first(seen), slots=tuple(slots), launches=launches, servers=back | new)


def _sorted_out(
    live: list[Instance], half_way: list[Instance], usual: tuple[TargetKey, ...]
) -> tuple[list[Instance], list[Instance]]:
    """Return which half-way instances return to service, and which are orphans.

    Old instances are looked at before their replacements, so that a slot goes to the old one.
    """
    ids = {instance.instance_id for instance in live}
    relieved = {name for instance in live if _serves(instance, usual) for name in _replaces(instance)}
    taken = {name for instance in live if instance not in half_way for name in _replaces(instance)}
    returning, orphans = list[Instance](), list[Instance]()
    for instance in sorted(half_way, key=lambda one: (bool(_replaces(one)), one.instance_id)):
        before = _replaces(instance)
        if instance.instance_id in relieved:
            continue
        if _keys(instance) or not before or not before & (ids | taken):
            returning.append(instance)
            taken |= before
        elif instance.role == REPLACEMENT:
            orphans.append(instance)
    return returning, orphans


def _keys(one: Instance) -> tuple[TargetKey, ...]:
    return tuple(sorted(target.key for target in one.targets if target.state is not TargetState.DRAINING))


def _all_keys(live: list[Instance]) -> tuple[TargetKey, ...]:
    return tuple(sorted({target.key for one in live for target in one.targets}))


def _usual(live: list[Instance]) -> tuple[TargetKey, ...]:
    """Return where most instances are registered; of two that are as common, the larger set."""
    counts = Counter(keys for one in live if (keys := _keys(one)))
    return max(counts, key=lambda keys: (counts[keys], len(keys), keys), default=_all_keys(live))


def _stands_on(one: Instance, keys: tuple[TargetKey, ...]) -> bool:
    return set(keys) <= set(_keys(one))


def _is_half_way(one: Instance, usual: tuple[TargetKey, ...]) -> bool:
    """Tell whether a rollout has left it on its way in or out: no other may lack a registration by our doing."""
    return one.role in (REPLACEMENT, *_TAKEN_OUT) and not _stands_on(one, usual)


def _serves(one: Instance, usual: tuple[TargetKey, ...]) -> bool:
    healthy = {target.key for target in one.targets if target.state is TargetState.HEALTHY}
    return bool(usual) and set(usual) <= healthy


def _replaces(one: Instance) -> frozenset[str]:
    return frozenset(value for key, value in one.tags if key == REPLACES_TAG)


def _slot(one: Instance, keys: tuple[TargetKey, ...]) -> Slots:
    return Slots(
        zone=one.zone, subnet_id=one.subnet_id, targets=keys, instance_ids=(one.instance_id,), template=one.template
    )


# --- with a record ------------------------------------------------------------------------------------------------


def settling(view: View) -> Status:
    """Return the status of a rollout as it comes to its end from where it stands, also of one that has left something.

    One that had brought everything to its goal only restores settings, and the goal's version is the one that stays.
    """
    status, at = view.status, view.observation.at
    if status.mode is Mode.ENDED:
        done = not [one for one in view.outdated if not view.is_skipped(one)]
        mode = Mode.COMPLETING if done else Mode.STOPPING
    else:
        mode = Mode.COMPLETING if status.mode is Mode.COMPLETING else Mode.STOPPING
    return replace(
        status,
        mode=mode,
        outcome=Outcome.RUNNING,
        reason=status.reason if mode is Mode.COMPLETING else "repaired: settled and stopped by request",
        ended_at=None,
        progress_at=at,
        pausing="",
        gate=replace(status.gate, closed_since=None),
        settings=replace(status.settings, abandoned=()),
    )
