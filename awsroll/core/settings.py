"""Settings of others that a rollout changes, and how each is put back.

While rolling, each setting is as the rollout needs it; its old value is in the ledger and stands as a tag on the group
(or target group) before it is changed. At any end it is put back, but never so that AWS would kill instances by it: the
maximum is never set below, nor the minimum above, what the group has now. A value that somebody else set meanwhile is
left alone. The template version follows its own rule: the number that won, never an alias.
"""

from dataclasses import dataclass, replace

from awsroll.core import actions as act
from awsroll.core.actions import Action, Reason
from awsroll.core.capacity import Bounds
from awsroll.core.desired import surplus
from awsroll.core.fleet import Group, TemplateVersion
from awsroll.core.rollout import Rollout, Strategy
from awsroll.core.status import Mode, Status
from awsroll.core.view import View
from awsroll.core.warm_pool import NO_POOL, WarmPool

MINIMUM, MAXIMUM, VERSION = "min-size", "max-size", "version"
PROCESS, DELAY, POOL = "process:", "deregistration-delay", "warm-pool"
RUNNING, SUSPENDED = "running", "suspended"
_NEVER_HELPFUL = ("AZRebalance", "ReplaceUnhealthy")  # both terminate instances of their own choice
_WHILE_SURPLUS = "AlarmNotification"  # an alarm would see the surplus as idle capacity


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One setting that is not as the rollout needs it.

    Attributes:
        name: the ledger's key.
        resource: what carries the tag: the group's name or a target group's ARN.
        found: the value as it is now.
        wanted: the value it gets.
    """

    name: str
    resource: str
    found: str
    wanted: str

    @property
    def tag(self) -> str:
        """Return the setting's name on its resource."""
        return self.name.partition("=")[0]


def _delay_name(arn: str) -> str:
    return f"{DELAY}={arn}"


def prepare(view: View, bounds: Bounds, *, at_rest: bool = False) -> tuple[Status, tuple[Action, ...]]:
    """Return the next writes that bring settings to what the rollout needs; none when all are.

    Args:
        view: the look.
        bounds: how far the surge may go.
        at_rest: a gate is closed, or a pause is near, and nothing is in flight: what the group launches by itself then
            must not be the new version, and alarms may scale it again unless a surplus is out.
    """
    changes = (*_group_changes(view, bounds, at_rest=at_rest), *_delay_changes(view))
    if not changes:
        return view.status, ()
    status = view.status
    ledger = {change.name: status.ledger.get(change.name, change.found) for change in changes}
    applied = {change.name: change.wanted for change in changes}
    status = replace(status, ledger=status.ledger | ledger, applied=status.applied | applied)
    untold = [one for one in changes if (one.resource, one.tag) not in view.observation.remembered]
    if untold:
        by_resource: dict[str, list[tuple[str, str]]] = {}
        for one in untold:
            by_resource.setdefault(one.resource, []).append((one.tag, status.ledger[one.name]))
        told = tuple(
            act.RememberSettings(resource=resource, settings=tuple(settings))
            for resource, settings in sorted(by_resource.items())
        )
        return status, told
    return status, _writes(view, {change.name: change.wanted for change in changes}, Reason.PREPARING)


def _group_changes(view: View, bounds: Bounds, *, at_rest: bool) -> tuple[Change, ...]:
    group, rollout = view.observation.group, view.rollout
    if group is None:
        return ()
    found = _process_changes(view, group, at_rest=at_rest)
    highest = bounds.ceiling
    if bounds.max_surge and group.maximum < highest:
        found.append(Change(name=MAXIMUM, resource=group.name, found=str(group.maximum), wanted=str(highest)))
    lowest = bounds.desired - bounds.max_unavailable
    if rollout.strategy is Strategy.RELOAD and group.minimum > lowest:
        found.append(Change(name=MINIMUM, resource=group.name, found=str(group.minimum), wanted=str(lowest)))
    version = view.forward.baseline_template if at_rest and rollout.template is not None else rollout.template
    if version is not None and not _is_pinned(group, version):
        found.append(Change(name=VERSION, resource=group.name, found=_version_text(group), wanted=str(version)))
    if group.warm_pool is not None and _is_in_the_way(view, group, group.warm_pool):
        found.append(Change(name=POOL, resource=group.name, found=str(group.warm_pool), wanted=NO_POOL))
    return tuple(found)


def _process_changes(view: View, group: Group, *, at_rest: bool) -> list[Change]:
    scaling_rests = not at_rest or surplus(view) > 0 or bool(view.status.kept)
    wanted = [name for name in _processes(view.rollout) if name != _WHILE_SURPLUS or scaling_rests]
    changes = [
        Change(name=f"{PROCESS}{name}", resource=group.name, found=RUNNING, wanted=SUSPENDED)
        for name in wanted
        if name not in group.suspended
    ]
    ours = view.status.applied.get(f"{PROCESS}{_WHILE_SURPLUS}") == SUSPENDED
    if not scaling_rests and ours and _WHILE_SURPLUS in group.suspended:
        changes.append(Change(name=f"{PROCESS}{_WHILE_SURPLUS}", resource=group.name, found=SUSPENDED, wanted=RUNNING))
    return changes


def _is_in_the_way(view: View, group: Group, pool: WarmPool) -> bool:
    """Tell whether a warm pool would bring in, or take back, what is not to stay; one that somebody set since is his.

    While outdated members are left, an empty pool is too: after a stop it would hold what was built for the goal.
    """
    if not view.rollout.purges_warm_pool or view.status.ledger.get(POOL, str(pool)) != str(pool):
        return False
    return bool(view.outdated) or any(held != str(view.rollout.template) for held in group.warm_versions)


def _processes(rollout: Rollout) -> tuple[str, ...]:
    return (*_NEVER_HELPFUL, _WHILE_SURPLUS) if rollout.max_surge.value else _NEVER_HELPFUL


def _is_pinned(group: Group, template: TemplateVersion) -> bool:
    return group.template == template and group.version == str(template.number)


def _version_text(group: Group) -> str:
    template_id = "" if group.template is None else group.template.template_id
    return f"{template_id}:{group.version}"


def _delay_changes(view: View) -> tuple[Change, ...]:
    wanted = view.rollout.deregistration_delay_seconds
    if wanted is None:
        return ()
    return tuple(
        Change(
            name=_delay_name(group.arn),
            resource=group.arn,
            found=f"{group.deregistration_delay_seconds:g}",
            wanted=str(wanted),
        )
        for group in view.observation.target_groups
        if group.deregistration_delay_seconds != wanted
    )


def _writes(view: View, values: dict[str, str], reason: Reason) -> tuple[Action, ...]:
    """Turn settings into calls: one kind of them, the group's processes first."""
    group = view.observation.group
    if group is not None:
        for wanted, call in ((SUSPENDED, act.SuspendProcesses), (RUNNING, act.ResumeProcesses)):
            names = tuple(
                sorted(
                    name.removeprefix(PROCESS) for name in values if name.startswith(PROCESS) and values[name] == wanted
                )
            )
            if names:
                return (call(group=group.name, processes=names, reason=reason),)
        update = _update(group, values, reason)
        if update is not None:
            return (update,)
        if POOL in values and reason is Reason.RESTORING:
            return (act.PutWarmPool(group=group.name, pool=WarmPool.parse(values[POOL]), reason=reason),)
        if POOL in values and group.warm_pool is not None:
            return (act.DeleteWarmPool(group=group.name, pool=group.warm_pool, reason=reason),)
    return tuple(
        act.SetDeregistrationDelay(target_group=key.partition("=")[2], seconds=round(float(value)), reason=reason)
        for key, value in sorted(values.items())
        if key.startswith(DELAY)
    )


def _update(group: Group, values: dict[str, str], reason: Reason) -> act.UpdateGroup | None:
    if not values.keys() & {MINIMUM, MAXIMUM, VERSION}:
        return None
    template, version = None, ""
    if VERSION in values:
        template_id, _, version = values[VERSION].rpartition(":")
        number = int(version) if version.isdigit() else 0
        template = TemplateVersion(template_id=template_id, number=number)
    return act.UpdateGroup(
        group=group.name,
        minimum=int(values[MINIMUM]) if MINIMUM in values else None,
        maximum=int(values[MAXIMUM]) if MAXIMUM in values else None,
        template=template,
        version=version,
        reason=reason,
    )


# --- and back -----------------------------------------------------------------------------------------------------


def restore(view: View) -> tuple[Status, tuple[Action, ...]]:
    """Return the next writes that put settings back; none when all are as they should be."""
    status = view.status
    if not status.ledger:
        return status, ()
    values = {name: value for name, value in _goals(view).items() if value is not None}
    if values:
        writes = _writes(view, values, Reason.RESTORING)
        return status, writes
    forget = _tags(view)
    if forget:
        return status, forget
    return replace(status, ledger={}, applied={}), ()


def _tags(view: View) -> tuple[Action, ...]:
    by_resource: dict[str, list[str]] = {}
    for resource, setting in sorted(view.observation.remembered):
        by_resource.setdefault(resource, []).append(setting)
    return tuple(
        act.ForgetSettings(resource=resource, settings=tuple(settings)) for resource, settings in by_resource.items()
    )


def _goals(view: View) -> dict[str, str | None]:
    """Return each setting's value to write, or None where it is as it should be (or somebody else's wish).

    The warm pool comes after the version, from which it is built anew. What the group may do by itself comes last.
    """
    group = view.observation.group
    goals = _first_goals(view, group)
    if group is None or any(goals.values()):
        return goals
    if POOL in view.status.ledger:
        goals[POOL] = _pool_goal(view, group)
        if goals[POOL] is not None:
            return goals
    for name in view.status.ledger:
        if name.startswith(PROCESS):
            goals[name] = RUNNING if name.removeprefix(PROCESS) in group.suspended else None
    return goals


def _first_goals(view: View, group: Group | None) -> dict[str, str | None]:
    goals: dict[str, str | None] = {}
    for name, old in view.status.ledger.items():
        applied = view.status.applied.get(name, "")
        if name.startswith(DELAY):
            goals[name] = _delay_goal(view, name, old, applied)
        elif group is None:
            continue
        elif name == MAXIMUM:
            goals[name] = _bound_goal(group.maximum, max(int(old), group.desired), applied)
        elif name == MINIMUM:
            goals[name] = _bound_goal(group.minimum, min(int(old), group.desired), applied)
        elif name == VERSION:
            goals[name] = _version_goal(view, group, old, applied)
    return goals


def _delay_goal(view: View, name: str, old: str, applied: str) -> str | None:
    seconds = view.observation.target_group(name.partition("=")[2]).deregistration_delay_seconds
    return old if seconds == float(applied) and seconds != float(old) else None


def _pool_goal(view: View, group: Group) -> str | None:
    deleted = group.warm_pool is None and view.status.applied.get(POOL) == NO_POOL
    return view.status.ledger[POOL] if deleted else None


def _bound_goal(now: int, goal: int, applied: str) -> str | None:
    return str(goal) if str(now) == applied and now != goal else None


def _version_goal(view: View, group: Group, old: str, applied: str) -> str | None:
    """Return what the group should launch from: the goal after success, else the baseline, as a number."""
    rollout = view.rollout
    winner = rollout.template if view.status.mode is Mode.COMPLETING else rollout.baseline_template
    if _version_text(group) != applied:
        return None  # somebody has set another one since
    if winner is None:
        return old
    return None if _is_pinned(group, winner) else str(winner)
