"""The calls that set the settings of a group and its target groups."""

from awsroll.core.classify.view import View
from awsroll.core.model import actions as act
from awsroll.core.model.actions import Action
from awsroll.core.model.observation import Group, TemplateVersion
from awsroll.core.model.reasons import Reason
from awsroll.core.model.setting_names import (
    DELAY,
    INTERVAL,
    MAXIMUM,
    MINIMUM,
    POOL,
    PROCESS,
    RUNNING,
    SUSPENDED,
    THRESHOLD,
    VERSION,
    target_group_of,
)
from awsroll.core.model.warm_pool import WarmPool
from awsroll.core.observe.abandoned import abandoned_name, given_up


def writes(view: View, values: dict[str, str], reason: Reason) -> tuple[Action, ...]:
    """Return the calls that set these values: calls of one kind. Values that AWS has refused are left out.

    Processes are suspended first, and resumed after the group has its version, so that it launches the right one.
    """
    group, refused = view.observation.group, given_up(view.status)
    values = {name: value for name, value in values.items() if name not in refused}
    if group is not None:
        if names := _processes(values, SUSPENDED):
            return (act.SuspendProcesses(group=group.name, processes=names, reason=reason),)
        update = _update(group, values, reason)
        if update is not None and abandoned_name(update) in view.status.settings.abandoned:
            update = _update(group, {name: values[name] for name in values if name != VERSION}, reason)
        if update is not None:
            return (update,)
        if POOL in values and reason is Reason.RESTORING:
            return (act.PutWarmPool(group=group.name, pool=WarmPool.parse(values[POOL]), reason=reason),)
        if POOL in values and group.warm_pool is not None:
            return (act.DeleteWarmPool(group=group.name, pool=group.warm_pool, reason=reason),)
        if names := _processes(values, RUNNING):
            return (act.ResumeProcesses(group=group.name, processes=names, reason=reason),)
    arns = sorted({target_group_of(name) for name in values} - {""})
    delays = tuple(
        act.SetDeregistrationDelay(target_group=arn, seconds=round(float(values[name])), reason=reason)
        for arn in arns
        if (name := f"{DELAY}={arn}") in values
    )
    return delays or tuple(
        act.SetHealthChecks(
            target_group=arn,
            interval_seconds=_whole(values.get(f"{INTERVAL}={arn}")),
            healthy_threshold=_whole(values.get(f"{THRESHOLD}={arn}")),
            reason=reason,
        )
        for arn in arns
    )


def _whole(value: str | None) -> int | None:
    return None if value is None else round(float(value))


def _processes(values: dict[str, str], wanted: str) -> tuple[str, ...]:
    return tuple(
        sorted(name.removeprefix(PROCESS) for name in values if name.startswith(PROCESS) and values[name] == wanted)
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
