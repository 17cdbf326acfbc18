"""Restores the settings that a rollout changed, at any end.

Each setting gets its saved old value, but never so that AWS terminates instances by it: the maximum is never set below,
nor the minimum above, the desired capacity. A value set by someone else is kept. The template version becomes the
number of the version that the fleet runs at the end, never an alias.
"""

from datetime import timedelta

from awsroll.core.classify.instance_facts import LAG_SECONDS
from awsroll.core.classify.view import View
from awsroll.core.decide.group_sizes import restored_maximum, restored_minimum
from awsroll.core.decide.health_marks import clear_before_care
from awsroll.core.decide.setting_calls import writes
from awsroll.core.decide.settings import given, is_pinned, value_of, version_text
from awsroll.core.decide.suspended_processes import processes_to_resume
from awsroll.core.model import actions as act
from awsroll.core.model.actions import Action
from awsroll.core.model.observation import Group
from awsroll.core.model.reasons import Reason
from awsroll.core.model.replacing import replace
from awsroll.core.model.setting_names import MAXIMUM, MINIMUM, POOL, PROCESS, RUNNING, VERSION, target_group_of
from awsroll.core.model.status import Mode, Status
from awsroll.core.model.warm_pool import NO_POOL
from awsroll.core.observe.abandoned import given_up, is_abandoned, servers_given_up


def restore(view: View) -> tuple[Status, tuple[Action, ...]]:
    """Return the next writes that restore settings; none if all are restored."""
    status = view.status
    if not status.settings.found:
        return status, ()
    refused = given_up(status)
    goals = {name: value for name, value in _goals(view).items() if value is not None}
    values = {name: value for name, value in goals.items() if name not in refused}
    if f"{PROCESS}ReplaceUnhealthy" in values and (marks := clear_before_care(view)):
        return status, marks
    if values:
        is_shown = all(value_of(view, name) == given(status, name)[-1] for name in status.settings.set)
        changed_at = None if is_shown else status.settings.changed_at
        status = replace(status, settings=replace(status.settings, changed_at=changed_at))
        return status, writes(view, values, Reason.RESTORING)
    if is_in_doubt(view) or goals or _is_left_open(view):  # the tags stay until a repair can restore what was refused
        return status, ()
    deletions = _delete_tags(view)
    if deletions:
        return replace(status, settings=replace(status.settings, changed_at=None)), deletions
    return replace(status, settings=replace(status.settings, found={}, set={}, changed_at=None)), ()


def _is_left_open(view: View) -> bool:
    """Return whether a repair has work left: AWS refused to end a server of the surplus, or a member's standby."""
    status, group = view.status, view.observation.group
    if group is None:
        return False
    raised = MAXIMUM in status.settings.found and group.desired > int(status.settings.found[MAXIMUM])
    return (raised and bool(servers_given_up(status))) or is_abandoned(status, act.ExitStandby)


def is_in_doubt(view: View) -> bool:
    """Return whether the observation may be older than the last change of settings.

    The doubt ends when an observation shows every setting as it was set, or after `LAG_SECONDS`.
    """
    since = view.status.settings.changed_at
    return since is not None and view.observation.at - since < timedelta(seconds=LAG_SECONDS)


def _delete_tags(view: View) -> tuple[Action, ...]:
    by_resource: dict[str, list[str]] = {}
    for resource, setting in sorted(view.observation.saved_settings):
        if not _must_wait(view, setting):
            by_resource.setdefault(resource, []).append(setting)
    return tuple(
        act.ForgetSavedSettings(resource=resource, settings=tuple(settings))
        for resource, settings in by_resource.items()
    )


def _must_wait(view: View, setting: str) -> bool:
    """Return whether the tag of the minimum must stay for the repair that runs once the members have left standby."""
    in_standby = any(view.is_in_standby(instance) and instance.role for instance in view.observation.instances)
    return setting == MINIMUM and MINIMUM not in view.status.settings.found and in_standby


def _goals(view: View) -> dict[str, str | None]:
    """Return the value to write now for each setting; None if it is right or set by someone else.

    The warm pool comes after the version, because the group builds its instances from that version. The suspended
    processes come last.
    """
    goals, refused = _first_goals(view, view.observation.group), given_up(view.status)
    for later in (_pool_goals(view), _process_goals(view)):
        if any(value for name, value in goals.items() if name not in refused):
            return goals
        goals |= later
    return goals


def all_goals(view: View) -> dict[str, str | None]:
    """Return the values of all settings at once: what restoring writes by the end."""
    return _first_goals(view, view.observation.group) | _pool_goals(view) | _process_goals(view)


def _pool_goals(view: View) -> dict[str, str | None]:
    group = view.observation.group
    return {POOL: _pool_goal(view, group)} if group is not None and POOL in view.status.settings.found else {}


def _process_goals(view: View) -> dict[str, str | None]:
    group = view.observation.group
    if group is None:
        return {}
    names = [name.removeprefix(PROCESS) for name in view.status.settings.found if name.startswith(PROCESS)]
    resumed = processes_to_resume(names, group.suspended)
    return {f"{PROCESS}{name}": RUNNING if name in resumed else None for name in names}


def _first_goals(view: View, group: Group | None) -> dict[str, str | None]:
    goals: dict[str, str | None] = {}
    for name, old in view.status.settings.found.items():
        applied = given(view.status, name)
        if target_group_of(name):
            goals[name] = _target_group_goal(view, name, old, applied)
        elif group is None:
            continue
        elif name == MAXIMUM:
            goals[name] = _text(
                restored_maximum(now=group.maximum, saved=int(old), desired=group.desired, ours=_sizes(applied))
            )
        elif name == MINIMUM:
            goals[name] = _text(
                restored_minimum(now=group.minimum, saved=int(old), desired=group.desired, ours=_sizes(applied))
            )
        elif name == VERSION:
            goals[name] = _version_goal(view, group, old, applied)
    return goals


def _target_group_goal(view: View, name: str, old: str, applied: tuple[str, ...]) -> str | None:
    value = float(value_of(view, name))
    return old if value in map(float, filter(None, applied)) and value != float(old) else None


def _pool_goal(view: View, group: Group) -> str | None:
    deleted = group.warm_pool is None and view.status.settings.set.get(POOL) == NO_POOL
    return view.status.settings.found[POOL] if deleted else None


def _sizes(applied: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(int(value) for value in applied if value)


def _text(size: int | None) -> str | None:
    return None if size is None else str(size)


def _version_goal(view: View, group: Group, old: str, applied: tuple[str, ...]) -> str | None:
    """Return the version that the group should launch: the target after success, otherwise the baseline."""
    rollout = view.rollout
    winner = rollout.template if view.status.mode is Mode.COMPLETING else rollout.baseline_template
    if version_text(group) not in applied:
        return None  # someone else has set another version
    if winner is None:
        return old
    return None if is_pinned(group, winner) else str(winner)
