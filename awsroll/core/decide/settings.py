"""Settings of others that a rollout changes: as it needs them while rolling. `restoring` puts each back.

The old value of a setting is in the ledger and stands as a tag on the group (or target group) before it is changed.

Desired capacity is moved elsewhere; what it should be again stands here as a tag, so that it is known without a record.
"""

from dataclasses import dataclass, replace

from awsroll.core.classify.capacity import Bounds
from awsroll.core.classify.desired import in_our_standby, surplus
from awsroll.core.classify.view import View
from awsroll.core.decide.suspended_processes import SCALING_PROCESS, processes_to_suspend
from awsroll.core.model import actions as act
from awsroll.core.model.actions import Action, Reason
from awsroll.core.model.observation import Group, TemplateVersion
from awsroll.core.model.plan import add_warnings
from awsroll.core.model.rollout import Strategy
from awsroll.core.model.status import Status
from awsroll.core.model.warm_pool import NO_POOL, WarmPool

MINIMUM, MAXIMUM, VERSION, DESIRED = "min-size", "max-size", "version", "desired-capacity"
PROCESS, DELAY, POOL = "process:", "deregistration-delay", "warm-pool"
RUNNING, SUSPENDED = "running", "suspended"


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
    status, writes = _change(view, changes, _untold_goal(view, bounds))
    if writes:
        return status, writes
    given_now = {name: _shown(view, status, name) for name in status.settings.set}
    return replace(status, settings=replace(status.settings, set=given_now, changed_at=None)), ()


def _shown(view: View, status: Status, name: str) -> str:
    """Return which of the values that we gave a setting stands: an earlier one, where the last was never set.

    This look may be older than the call that set the last, though: then both are kept.
    """
    values, now = given(status, name), value_of(view, name)
    return _and(values, now) if now in values[:-1] else values[-1]


def given(status: Status, name: str) -> tuple[str, ...]:
    """Return the values that we gave a setting since a look has shown one; the last is what it should have now."""
    return tuple(status.settings.set.get(name, "").split(" "))


def make_room(view: View) -> tuple[Status, tuple[Action, ...]]:
    """Return the next writes that raise the maximum so that our members can leave standby; none when they can."""
    group = view.observation.group
    return (view.status, ()) if group is None else _change(view, _room_changes(group, _with_standby(view, group)), {})


def _with_standby(view: View, group: Group) -> int:
    """Return the capacity once ours have left standby: more than found, if somebody has raised desired meanwhile."""
    return group.desired + len(in_our_standby(view))


def _room_changes(group: Group, highest: int) -> tuple[Change, ...]:
    if group.maximum >= highest:
        return ()
    return (Change(name=MAXIMUM, resource=group.name, found=str(group.maximum), wanted=str(highest)),)


def _change(view: View, changes: tuple[Change, ...], goal: dict[str, str]) -> tuple[Status, tuple[Action, ...]]:
    """Announce changes in the ledger and as tags, then make them."""
    if not changes and not goal:
        return view.status, ()
    status = _warn_of_others(view, changes)
    saved = status.settings
    found = saved.found | {change.name: saved.found.get(change.name, change.found) for change in changes} | goal
    given_now = saved.set | {change.name: _and(given(status, change.name), change.wanted) for change in changes}
    settings = replace(saved, found=found, set=given_now, changed_at=view.observation.at)
    status = replace(status, settings=settings)
    untold = [one for one in changes if (one.resource, one.tag) not in view.observation.saved_settings]
    if untold or goal:
        by_resource: dict[str, list[tuple[str, str]]] = {view.rollout.group: list(goal.items())} if goal else {}
        for one in untold:
            by_resource.setdefault(one.resource, []).append((one.tag, status.settings.found[one.name]))
        told = tuple(
            act.SaveSettings(resource=resource, settings=tuple(settings))
            for resource, settings in sorted(by_resource.items())
        )
        return status, told
    return status, writes(view, {change.name: change.wanted for change in changes}, Reason.PREPARING)


def value_of(view: View, name: str) -> str:
    """Return what a setting is now, as it stands in the ledger."""
    group = view.observation.group
    if name.startswith(DELAY):
        return f"{view.observation.target_group(name.partition('=')[2]).deregistration_delay_seconds:g}"
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


def _and(before: tuple[str, ...], value: str) -> str:
    return " ".join((*(one for one in before if one not in ("", value)), value))


def _untold_goal(view: View, bounds: Bounds) -> dict[str, str]:
    """Return the desired capacity to remember, if the rollout moves it and its tag does not say so yet."""
    group, known, rollout = view.observation.group, view.status.desired, view.rollout
    if group is None or known is None or not (bounds.max_surge or rollout.reloads):
        return {}
    goal = str(known.goal)
    is_told = (group.name, DESIRED) in view.observation.saved_settings and view.status.settings.found.get(
        DESIRED
    ) == goal
    return {} if is_told else {DESIRED: goal}


def _warn_of_others(view: View, changes: tuple[Change, ...]) -> Status:
    """Tell, once, of a template version that somebody set meanwhile: it is pinned again, and his is not put back."""
    status, rollout = view.status, view.original
    change = next((one for one in changes if one.name == VERSION), None)
    known = {status.settings.found.get(VERSION), *given(status, VERSION)}
    ours = {str(rollout.template), str(rollout.baseline_template)}
    if change is None or VERSION not in status.settings.found or change.found in known | ours:
        return status
    return add_warnings(
        status,
        f"somebody set the launch template of {change.resource} to {change.found} during the rollout; it was pinned to "
        f"{change.wanted} again: set it anew afterwards if it is wanted",
    )


def _group_changes(view: View, bounds: Bounds, *, at_rest: bool) -> tuple[Change, ...]:
    group, rollout = view.observation.group, view.rollout
    if group is None:
        return ()
    found = _process_changes(view, group, at_rest=at_rest)
    highest = bounds.ceiling if bounds.max_surge else 0
    found += _room_changes(group, max(highest, _with_standby(view, group)))
    lowest = bounds.desired - bounds.max_unavailable
    if rollout.strategy is Strategy.RELOAD and group.minimum > lowest:
        found.append(Change(name=MINIMUM, resource=group.name, found=str(group.minimum), wanted=str(lowest)))
    version = view.original.baseline_template if at_rest and rollout.template is not None else rollout.template
    if version is not None and not is_pinned(group, version):
        found.append(Change(name=VERSION, resource=group.name, found=version_text(group), wanted=str(version)))
    if group.warm_pool is not None and _is_in_the_way(view, group, group.warm_pool):
        found.append(Change(name=POOL, resource=group.name, found=str(group.warm_pool), wanted=NO_POOL))
    return tuple(found)


def _process_changes(view: View, group: Group, *, at_rest: bool) -> list[Change]:
    scaling_rests = not at_rest or surplus(view) > 0 or bool(view.status.kept)
    surges = bool(view.rollout.max_surge.value)
    wanted = [name for name in processes_to_suspend(surges=surges) if name != SCALING_PROCESS or scaling_rests]
    changes = [
        Change(name=f"{PROCESS}{name}", resource=group.name, found=RUNNING, wanted=SUSPENDED)
        for name in wanted
        if name not in group.suspended
    ]
    ours = given(view.status, f"{PROCESS}{SCALING_PROCESS}")[-1] == SUSPENDED
    if not scaling_rests and ours and SCALING_PROCESS in group.suspended:
        changes.append(Change(name=f"{PROCESS}{SCALING_PROCESS}", resource=group.name, found=SUSPENDED, wanted=RUNNING))
    return changes


def _is_in_the_way(view: View, group: Group, pool: WarmPool) -> bool:
    """Tell whether a warm pool would bring in, or take back, what is not to stay; one that somebody set since is his.

    While outdated members are left, an empty pool is too: after a stop it would hold what was built for the goal.
    """
    if not view.rollout.purges_warm_pool or view.status.settings.found.get(POOL, str(pool)) != str(pool):
        return False
    return bool(view.outdated) or any(held != str(view.rollout.template) for held in group.warm_versions)


def is_pinned(group: Group, template: TemplateVersion) -> bool:
    """Tell whether the group says this very number, not an alias that happens to mean it."""
    return group.template == template and group.version == str(template.number)


def version_text(group: Group) -> str:
    """Return what the group launches from, as its old value stands in the ledger and in the tag."""
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


def writes(view: View, values: dict[str, str], reason: Reason) -> tuple[Action, ...]:
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
