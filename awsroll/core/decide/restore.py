"""How the settings that a rollout changed are put back, at any end.

Each gets its old value from the ledger, but never so that AWS would kill instances by it: the maximum is never set
below, nor the minimum above, what the group has now. A value that somebody else set meanwhile is left alone. The
template version follows its own rule: the number that won, never an alias.
"""

from dataclasses import replace
from datetime import timedelta

from awsroll.core.classify.view import LAG_SECONDS, View
from awsroll.core.decide.group_sizes import restored_maximum, restored_minimum
from awsroll.core.decide.settings import (
    DELAY,
    MAXIMUM,
    MINIMUM,
    POOL,
    PROCESS,
    RUNNING,
    VERSION,
    given,
    is_pinned,
    value_of,
    version_text,
    writes,
)
from awsroll.core.decide.suspended_processes import processes_to_resume
from awsroll.core.model import actions as act
from awsroll.core.model.actions import Action, Reason
from awsroll.core.model.observation import Group
from awsroll.core.model.status import Mode, Status
from awsroll.core.model.warm_pool import NO_POOL


def restore(view: View) -> tuple[Status, tuple[Action, ...]]:
    """Return the next writes that put settings back; none when all are as they should be."""
    status = view.status
    if not status.settings.found:
        return status, ()
    values = {name: value for name, value in _goals(view).items() if value is not None}
    if values:
        seen = all(value_of(view, name) == given(status, name)[-1] for name in status.settings.set)
        changed_at = None if seen else status.settings.changed_at
        status = replace(status, settings=replace(status.settings, changed_at=changed_at))
        return status, writes(view, values, Reason.RESTORING)
    if is_in_doubt(view):
        return status, ()
    forget = _tags(view)
    if forget:
        return replace(status, settings=replace(status.settings, changed_at=None)), forget
    return replace(status, settings=replace(status.settings, found={}, set={}, changed_at=None)), ()


def is_in_doubt(view: View) -> bool:
    """Tell whether settings seem untouched only because this look is older than what was done to them last.

    One that shows them all as they were set, or their tags once that time is past, is newer; so are those that follow.
    """
    since = view.status.settings.changed_at
    return since is not None and view.observation.at - since < timedelta(seconds=LAG_SECONDS)


def _tags(view: View) -> tuple[Action, ...]:
    by_resource: dict[str, list[str]] = {}
    for resource, setting in sorted(view.observation.saved_settings):
        if not _must_wait(view, setting):
            by_resource.setdefault(resource, []).append(setting)
    return tuple(
        act.ForgetSavedSettings(resource=resource, settings=tuple(settings))
        for resource, settings in by_resource.items()
    )


def _must_wait(view: View, setting: str) -> bool:
    """Tell whether a minimum is left, with its tag, to the repair that comes when its members are out of standby."""
    away = any(view.is_in_standby(one) and one.role for one in view.observation.instances)
    return setting == MINIMUM and MINIMUM not in view.status.settings.found and away


def _goals(view: View) -> dict[str, str | None]:
    """Return each setting's value to write now, or None where it is as it should be (or somebody else's wish).

    The warm pool comes after the version, from which it is built anew. What the group may do by itself comes last.
    """
    goals = _first_goals(view, view.observation.group)
    for later in (_pool_goals(view), _process_goals(view)):
        if any(goals.values()):
            return goals
        goals |= later
    return goals


def all_goals(view: View) -> dict[str, str | None]:
    """Return the same for all settings at once: what restoring writes in the end."""
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
        if name.startswith(DELAY):
            goals[name] = _delay_goal(view, name, old, applied)
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


def _delay_goal(view: View, name: str, old: str, applied: tuple[str, ...]) -> str | None:
    seconds = view.observation.target_group(name.partition("=")[2]).deregistration_delay_seconds
    return old if seconds in map(float, applied) and seconds != float(old) else None


def _pool_goal(view: View, group: Group) -> str | None:
    deleted = group.warm_pool is None and view.status.settings.set.get(POOL) == NO_POOL
    return view.status.settings.found[POOL] if deleted else None


def _sizes(applied: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(int(value) for value in applied if value)


def _text(size: int | None) -> str | None:
    return None if size is None else str(size)


def _version_goal(view: View, group: Group, old: str, applied: tuple[str, ...]) -> str | None:
    """Return what the group should launch from: the goal after success, else the baseline, as a number."""
    rollout = view.rollout
    winner = rollout.template if view.status.mode is Mode.COMPLETING else rollout.baseline_template
    if version_text(group) not in applied:
        return None  # somebody has set another one since
    if winner is None:
        return old
    return None if is_pinned(group, winner) else str(winner)
