"""Changes the settings of groups and target groups to what the rollout needs. `restore` restores them at the end.

The old value of a setting is recorded in the status and saved in a tag on its resource before the setting is changed.
Other modules change the desired capacity. Its target is saved here in a tag too, so that it survives a lost record.
"""

from dataclasses import dataclass
from enum import Enum, auto

from awsroll.core.classify.capacity import Bounds
from awsroll.core.classify.desired import in_our_standby, is_moving, surplus
from awsroll.core.classify.target_group_settings import value_in, values_in_rollout
from awsroll.core.classify.view import View
from awsroll.core.decide.group_sizes import restored_maximum
from awsroll.core.decide.setting_calls import writes
from awsroll.core.decide.suspended_processes import SCALING_PROCESS, processes_to_resume, processes_to_suspend
from awsroll.core.model import actions as act
from awsroll.core.model.actions import Action
from awsroll.core.model.observation import Group, TemplateVersion
from awsroll.core.model.plan import add_warnings
from awsroll.core.model.reasons import Reason
from awsroll.core.model.replacing import replace
from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.model.setting_names import (
    DESIRED,
    MAXIMUM,
    MINIMUM,
    POOL,
    PROCESS,
    RUNNING,
    SUSPENDED,
    VERSION,
    target_group_of,
)
from awsroll.core.model.status import Status
from awsroll.core.model.warm_pool import NO_POOL, WarmPool


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One setting that is not as the rollout needs it.

    Attributes:
        name: the key of the setting in the saved settings.
        resource: the resource with the tag: the group's name or a target group's ARN.
        current: the value now.
        wanted: the value to set.
    """

    name: str
    resource: str
    current: str
    wanted: str

    @property
    def tag(self) -> str:
        """Return the name of the setting in the tag on its resource."""
        return self.name.partition("=")[0]


class Rest(Enum):
    """Whether nothing may be touched now and nothing is in flight, so that the group takes care of itself."""

    NONE = auto()
    BEFORE_MORE = auto()  # at a closed gate or in a pause: the group launches the baseline
    IN_BAKE = auto()  # the whole fleet is on the target version, which the group launches


def prepare(view: View, bounds: Bounds, rest: Rest = Rest.NONE) -> tuple[Status, tuple[Action, ...]]:
    """Return the next writes that give the settings the values that the rollout needs; none if they have them.

    Args:
        view: the observation and the record.
        bounds: the limits of the surge.
        rest: whether the rollout is at rest. All processes that awsroll has suspended run then, but alarms do not scale
            a group with a surplus.
    """
    changes = (*_group_changes(view, bounds, rest), *_target_group_changes(view))
    status, writes = _change(view, changes, _unsaved_goal(view, bounds))
    if writes:
        return status, writes
    values = {name: _observed_values(view, status, name) for name in status.settings.set}
    return replace(status, settings=replace(status.settings, set=values, changed_at=None)), ()


def give_care(view: View) -> tuple[Status, tuple[Action, ...]]:
    """Return the next writes that let the group take care of itself while the rollout is paused.

    Processes that awsroll has suspended are resumed, the group launches the baseline, and its maximum is as before, but
    not below what it runs. Nothing else is changed.
    """
    group = view.observation.group
    if group is None or not view.status.settings.found:
        return view.status, ()
    changes = _process_changes(view, group, Rest.BEFORE_MORE)
    if VERSION in view.status.settings.set and version_text(group) in given(view.status, VERSION):
        changes += _version_changes(view, group, Rest.BEFORE_MORE)
    changes += _maximum_changes(view, group)
    return _change(view, tuple(changes), {})


def _maximum_changes(view: View, group: Group) -> list[Change]:
    """Return the change that lowers a raised maximum again; none while a call that changes desired has no outcome."""
    status = view.status
    if MAXIMUM not in status.settings.set or is_moving(status):
        return []
    expected = 0 if status.desired is None else status.desired.expected
    highest = max(_with_standby(view, group), expected)
    ours = [int(value) for value in given(status, MAXIMUM)]
    saved = int(status.settings.found[MAXIMUM])
    lower = restored_maximum(now=group.maximum, saved=saved, desired=highest, ours=ours)
    if lower is None:
        return []
    return [Change(name=MAXIMUM, resource=group.name, current=str(group.maximum), wanted=str(lower))]


def _observed_values(view: View, status: Status, name: str) -> str:
    """Return the values of a setting to record: the last value that awsroll set.

    If the observation shows an earlier value, the last value was not set or the observation is older than the call.
    Both values are recorded then.
    """
    values, now = given(status, name), value_of(view, name)
    return _append(values, now) if now in values[:-1] else values[-1]


def given(status: Status, name: str) -> tuple[str, ...]:
    """Return the values that awsroll has set and that may still be in effect; the last is the intended value."""
    return tuple(status.settings.set.get(name, "").split(" "))


def make_room(view: View) -> tuple[Status, tuple[Action, ...]]:
    """Return the next writes that raise the maximum so that members can leave standby; none if they can already."""
    group = view.observation.group
    return (view.status, ()) if group is None else _change(view, _room_changes(group, _with_standby(view, group)), {})


def _with_standby(view: View, group: Group) -> int:
    """Return the desired capacity after the members that awsroll put in standby have left it."""
    return group.desired + len(in_our_standby(view))


def _room_changes(group: Group, highest: int) -> tuple[Change, ...]:
    if group.maximum >= highest:
        return ()
    return (Change(name=MAXIMUM, resource=group.name, current=str(group.maximum), wanted=str(highest)),)


def _change(view: View, changes: tuple[Change, ...], goal: dict[str, str]) -> tuple[Status, tuple[Action, ...]]:
    """Record the old values in the status and in tags, then make the changes."""
    if not changes and not goal:
        return view.status, ()
    status = _warn_of_other_version(view, changes)
    saved = status.settings
    others = {change.name for change in changes if _is_of_someone_else(view, change)}
    old = saved.found | {change.name: change.current for change in changes if change.name in others} | goal
    new = saved.set | {change.name: _append(given(status, change.name), change.wanted) for change in changes}
    status = replace(status, settings=replace(saved, found=old, set=new, changed_at=view.observation.at))
    tagged = view.observation.saved_settings
    renewed = others & saved.found.keys()
    untagged = [change for change in changes if (change.resource, change.tag) not in tagged or change.name in renewed]
    if untagged or goal:
        return status, _save(view, status, untagged, goal)
    return status, writes(view, {change.name: change.wanted for change in changes}, Reason.PREPARING)


def _is_of_someone_else(view: View, change: Change) -> bool:
    """Return whether the current value of a setting is the one to restore: no rollout has set it.

    That holds for the first change of a setting, and for a value that someone else has set during the rollout. The
    template version is the exception: at the end the group gets the number of the version that won.
    """
    found = view.status.settings.found.get(change.name)
    if found is None:
        return True
    return change.name != VERSION and change.current not in (found, *given(view.status, change.name))


def _save(view: View, status: Status, changes: list[Change], goal: dict[str, str]) -> tuple[Action, ...]:
    by_resource: dict[str, list[tuple[str, str]]] = {view.rollout.group: list(goal.items())} if goal else {}
    for change in changes:
        by_resource.setdefault(change.resource, []).append((change.tag, status.settings.found[change.name]))
    return tuple(
        act.SaveSettings(resource=resource, settings=tuple(settings))
        for resource, settings in sorted(by_resource.items())
    )


def value_of(view: View, name: str) -> str:
    """Return the current value of a setting, in the form of the saved settings."""
    group = view.observation.group
    if arn := target_group_of(name):
        return value_in(view.observation.target_group(arn), name.partition("=")[0])
    if group is None:
        return "unknown"
    if name.startswith(PROCESS):
        return SUSPENDED if name.removeprefix(PROCESS) in group.suspended else RUNNING
    values = {
        MINIMUM: str(group.minimum),
        MAXIMUM: str(group.maximum),
        DESIRED: str(group.desired),
        VERSION: version_text(group),
        POOL: NO_POOL if group.warm_pool is None else str(group.warm_pool),
    }
    return values.get(name, "unknown")


def _append(values: tuple[str, ...], value: str) -> str:
    """Return the values separated by spaces, with `value` last."""
    return " ".join((*(other for other in values if other not in ("", value)), value))


def _unsaved_goal(view: View, bounds: Bounds) -> dict[str, str]:
    """Return the desired capacity to save, if the rollout changes it and the tag does not hold it yet."""
    group, known, rollout = view.observation.group, view.status.desired, view.rollout
    if group is None or known is None or not (bounds.max_surge or rollout.reloads):
        return {}
    goal = str(known.goal)
    tagged = (group.name, DESIRED) in view.observation.saved_settings
    return {} if tagged and view.status.settings.found.get(DESIRED) == goal else {DESIRED: goal}


def _warn_of_other_version(view: View, changes: tuple[Change, ...]) -> Status:
    """Add a warning if someone else has set another template version: it is overwritten and not restored."""
    status, rollout = view.status, view.original
    change = next((change for change in changes if change.name == VERSION), None)
    known = {status.settings.found.get(VERSION), *given(status, VERSION)}
    requested = {str(rollout.template), str(rollout.baseline_template)}
    if change is None or VERSION not in status.settings.found or change.current in known | requested:
        return status
    return add_warnings(
        status,
        f"someone else set the launch template of {change.resource} to {change.current} during the rollout. awsroll "
        f"pinned it to {change.wanted} again. Set {change.current} again after the rollout if you need it",
    )


def _group_changes(view: View, bounds: Bounds, rest: Rest) -> tuple[Change, ...]:
    group, rollout = view.observation.group, view.rollout
    if group is None:
        return ()
    changes = _process_changes(view, group, rest)
    highest = bounds.ceiling if bounds.max_surge else 0
    changes += _room_changes(group, max(highest, _with_standby(view, group)))
    lowest = bounds.desired - bounds.max_unavailable
    if rollout.strategy is Strategy.RELOAD and group.minimum > lowest:
        changes.append(Change(name=MINIMUM, resource=group.name, current=str(group.minimum), wanted=str(lowest)))
    changes += _version_changes(view, group, rest)
    if group.warm_pool is not None and _must_delete_pool(view, group, group.warm_pool):
        changes.append(Change(name=POOL, resource=group.name, current=str(group.warm_pool), wanted=NO_POOL))
    return tuple(changes)


def _version_changes(view: View, group: Group, rest: Rest) -> list[Change]:
    rests_on_baseline = rest is Rest.BEFORE_MORE and view.rollout.template is not None
    version = view.original.baseline_template if rests_on_baseline else view.rollout.template
    if version is None or is_pinned(group, version):
        return []
    return [Change(name=VERSION, resource=group.name, current=version_text(group), wanted=str(version))]


def _process_changes(view: View, group: Group, rest: Rest) -> list[Change]:
    """Return the processes to suspend while servers are in flight, and those to resume at rest."""
    needed = processes_to_suspend(surges=bool(view.rollout.max_surge.value))
    if rest is not Rest.NONE:
        has_surplus = surplus(view) > 0 or bool(view.status.kept)
        needed = (SCALING_PROCESS,) if has_surplus and SCALING_PROCESS in needed else ()
    changes = [
        Change(name=f"{PROCESS}{name}", resource=group.name, current=RUNNING, wanted=SUSPENDED)
        for name in needed
        if name not in group.suspended
    ]
    ours = [name.removeprefix(PROCESS) for name in view.status.settings.set if name.startswith(PROCESS)]
    return changes + [
        Change(name=f"{PROCESS}{name}", resource=group.name, current=SUSPENDED, wanted=RUNNING)
        for name in processes_to_resume(ours, group.suspended)
        if name not in needed and SUSPENDED in given(view.status, f"{PROCESS}{name}")
    ]


def _must_delete_pool(view: View, group: Group, pool: WarmPool) -> bool:
    """Return whether the warm pool holds, or would get, instances of a version that must not stay.

    While outdated members are left, an empty pool must go too: after a stop it would hold instances of the target
    version. A pool that someone else has set since is kept.
    """
    if not view.rollout.purges_warm_pool or view.status.settings.found.get(POOL, str(pool)) != str(pool):
        return False
    return bool(view.outdated) or any(version != str(view.rollout.template) for version in group.warm_versions)


def is_pinned(group: Group, template: TemplateVersion) -> bool:
    """Return whether the group names this version by number, not by an alias such as `$Latest`."""
    return group.template == template and group.version == str(template.number)


def version_text(group: Group) -> str:
    """Return the template version of the group, in the form of the saved settings and of the tag."""
    template_id = "" if group.template is None else group.template.template_id
    return f"{template_id}:{group.version}"


def _target_group_changes(view: View) -> tuple[Change, ...]:
    return tuple(
        Change(name=f"{setting}={group.arn}", resource=group.arn, current=current, wanted=wanted)
        for group in view.observation.target_groups
        for setting, wanted in values_in_rollout(group, view.rollout).items()
        if (current := value_in(group, setting)) != wanted
    )
