"""Describe the leftovers of a dead rollout, and what a repair would do about each, without changing anything.

The rollout's record comes from a store, or it was reconstructed from tags (`reconstruct`). The rules are the planner's.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from awsroll.core.classify.view import View
from awsroll.core.decide.finish import release_for_stop
from awsroll.core.decide.register import missing_targets
from awsroll.core.decide.restore import all_goals
from awsroll.core.decide.settings import value_of
from awsroll.core.model.observation import FleetKind, Instance, InstanceState
from awsroll.core.model.reasons import Reason
from awsroll.core.model.replacing import replace
from awsroll.core.model.setting_names import DESIRED, PROCESS, VERSION
from awsroll.core.tags import RELOADING, REPLACEMENT, REPLACES_TAG, RETIRING

KEPT_FAILED = "kept-failed"
"""A failed server that a rollout has kept for inspection: no damage, so a repair without another finding is clean."""

_ROLES = (RETIRING, RELOADING, REPLACEMENT)
_LIVING = (InstanceState.PENDING, InstanceState.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """One difference from the state before the rollout.

    Attributes:
        what: `setting`, `desired`, `surplus`, `orphan`, `out-of-traffic`, `half-registered`, `standby`, `retired`,
            `vacancy`, `label`, `record`, `rollout` or `kept-failed`.
        about: the id of an instance or rollout, the name of a group, or the ARN of a target group.
        found: what was observed.
        remedy: what a repair does about it; if it does nothing, the command for a person.
        acts: whether a repair does something about it.
        confirm_by_id: whether only tags on the instance show it. Anyone with `ec2:CreateTags` can set these tags, so a
            repair acts only if a person confirms this id.
    """

    what: str
    about: str
    found: str
    remedy: str
    acts: bool = True
    confirm_by_id: bool = False

    def __str__(self) -> str:
        return f"{self.found}: {self.remedy}"


def leftovers(view: View, *, labels: Mapping[str, str]) -> tuple[Leftover, ...]:
    """Return the leftovers of a rollout.

    Args:
        view: an observation, with a status in `Mode.STOPPING` or `COMPLETING`.
        labels: by group or target group, the rollout in its tag `awsroll:held-by`, if no process drives that rollout.
    """
    return (*_instances(view), *_desired(view), *_settings(view), *_labels(view, labels))


def _labels(view: View, labels: Mapping[str, str]) -> list[Leftover]:
    return [
        Leftover(
            what="label",
            about=resource,
            found=f"{_resource_words(view, resource)} is tagged as held by rollout {name}, but no process drives it",
            remedy="the tag is removed",
        )
        for resource, name in sorted(labels.items())
    ]


# --- settings -----------------------------------------------------------------------------------------------------


def _desired(view: View) -> list[Leftover]:
    group, known = view.observation.group, view.status.desired
    if group is None or known is None or group.desired <= known.goal:
        return []
    found = f"desired capacity of group {group.name} is {group.desired}, it was {known.goal}"
    remedy = f"set to {known.goal} when the group has at most {known.goal} members"
    return [Leftover(what="desired", about=group.name, found=found, remedy=remedy)]


def _settings(view: View) -> list[Leftover]:
    """Compare each saved setting with the value that it gets after desired capacity is restored."""
    ahead = _with_desired_restored(view)
    goals, reported = all_goals(ahead), {DESIRED} if _desired(view) else set[str]()
    names = sorted(view.status.settings.found.keys() - reported)
    return [_setting(ahead, name, goals.get(name)) for name in names]


def _with_desired_restored(view: View) -> View:
    group, known = view.observation.group, view.status.desired
    if group is None or known is None:
        return view
    settled = replace(group, desired=min(group.desired, known.goal))
    return View(view.original, replace(view.observation, group=settled), view.status)


def _setting(view: View, name: str, goal: str | None) -> Leftover:
    resource, old, now = (
        name.partition("=")[2] or view.rollout.group,
        view.status.settings.found[name],
        value_of(view, name),
    )
    subject = f"{_setting_words(name)} of {_resource_words(view, resource)}"
    found = f"{subject} is {now}, as before" if now == old else f"{subject} is {now}, it was {old}"
    remedy = "not changed, its tag is removed" if goal is None else f"set to {goal}"
    return Leftover(what="setting", about=resource, found=found, remedy=remedy)


def _setting_words(name: str) -> str:
    if name.startswith(PROCESS):
        return f"process {name.removeprefix(PROCESS)}"
    plain = name.partition("=")[0]
    return {VERSION: "launch template", DESIRED: "desired capacity"}.get(plain, plain.replace("-", " "))


def _resource_words(view: View, resource: str) -> str:
    names = (f"target group {group.name}" for group in view.observation.target_groups if group.arn == resource)
    return next(names, f"group {resource}")


# --- instances ----------------------------------------------------------------------------------------------------


def _instances(view: View) -> list[Leftover]:
    status = release_for_stop(view)
    ahead = View(view.original, view.observation, status)
    leaving = {name for name in status.retiring if name in view.by_id and not view.is_ending(view.by_id[name])}
    found = [_leaving(view, view.by_id[name]) for name in sorted(leaving)]
    found += [_returning(ahead, view.by_id[name]) for name in status.returning if name in view.by_id]
    reported = leaving | set(status.returning)
    for instance in view.observation.instances:
        if instance.instance_id in reported or view.is_ending(instance):
            continue
        undecided = _undecided(view, instance)
        if undecided is not None:
            found.append(undecided)
        elif _lacks_registrations(view, instance):
            found.append(_returning(view, instance))
    return found + _vacancies(view)


def _lacks_registrations(view: View, instance: Instance) -> bool:
    current = view.is_live(instance) and view.is_current(instance)
    return current and not view.is_in_standby(instance) and bool(missing_targets(view, instance))


def _leaving(view: View, instance: Instance) -> Leftover:
    name = instance.instance_id
    if view.rollout.kind is FleetKind.AUTO_SCALING:
        found = f"{_named(instance)} exceeds the size of group {view.rollout.group}"
        return Leftover(what="surplus", about=name, found=found, remedy="the group retires it, by its id")
    where = "still registered" if instance.targets else "not registered"
    found = f"{_named(instance)} was launched by rollout {instance.rollout or view.rollout.rollout_id} and is {where}"
    return Leftover(what="orphan", about=name, found=found, remedy=f"terminated ({Reason.SURPLUS})")


def _returning(view: View, instance: Instance) -> Leftover:
    name, missing = instance.instance_id, missing_targets(view, instance)
    ports = ", ".join(f"{_resource_words(view, key.target_group)} port {key.port}" for key in missing)
    if view.is_in_standby(instance):
        found = f"{_named(instance)} was put in standby by the rollout"
        return Leftover(what="out-of-traffic", about=name, found=found, remedy="returned to service")
    taken_out = instance.role in (RETIRING, RELOADING)
    what = "half-registered" if any(target.key not in missing for target in instance.targets) else "out-of-traffic"
    state = "was taken out of traffic" if taken_out else "is not registered everywhere"
    remedy = f"registered on {ports}" if ports else "returned to traffic"
    return Leftover(what=what, about=name, found=f"{_named(instance)} {state}", remedy=remedy)


def _undecided(view: View, instance: Instance) -> Leftover | None:
    """Return the leftover that a person must decide about, because nothing shows the purpose of the instance."""
    if view.is_in_standby(instance) and instance.role in (RETIRING, RELOADING):
        return _in_standby(view, instance)
    if view.rollout.kind is not FleetKind.STANDALONE or instance.state not in _LIVING or instance.role not in _ROLES:
        return None
    if not view.is_member(instance):
        return None if instance.targets else _retired(view, instance)
    replaced = (view.by_id[value] for key, value in instance.tags if key == REPLACES_TAG and value in view.by_id)
    old = next(replaced, None)
    return None if old is None or not (old.targets and instance.targets) else _both_serving(instance, old)


def _in_standby(view: View, instance: Instance) -> Leftover:
    name = instance.instance_id
    remedy = (
        "not changed; return it to service with `aws autoscaling exit-standby --auto-scaling-group-name "
        f"{view.rollout.group} --instance-ids {name}`, or terminate it with `aws autoscaling "
        f"terminate-instance-in-auto-scaling-group --instance-id {name} --no-should-decrement-desired-capacity`, then "
        "repair again: a min size that counts it is restored only then"
    )
    found = f"{_named(instance)} was put in standby by rollout {instance.rollout}"
    return Leftover(what="standby", about=name, found=found, remedy=remedy, acts=False)


def _retired(view: View, instance: Instance) -> Leftover:
    name = instance.instance_id
    successor = next((other for other in view.observation.instances if (REPLACES_TAG, name) in other.tags), None)
    by = f", and {successor.instance_id} replaces it" if successor is not None else ""
    remedy = f"not changed; terminate it with `aws ec2 terminate-instances --instance-ids {name}`"
    found = f"{_named(instance)} was taken out of traffic by rollout {instance.rollout}{by}"
    return Leftover(what="retired", about=name, found=found, remedy=remedy, acts=False)


def _both_serving(new: Instance, old: Instance) -> Leftover:
    name = new.instance_id
    ports = "; ".join(
        f"`aws elbv2 deregister-targets --target-group-arn {target.key.target_group} "
        f"--targets Id={name},Port={target.key.port}`"
        for target in new.targets
    )
    remedy = (
        "both stay in traffic, one server too many; to remove the new one, run "
        f"{ports}, and after its drain `aws ec2 terminate-instances --instance-ids {name}`"
    )
    found = f"{_named(new)} was launched to replace {_named(old)}, and both serve"
    return Leftover(what="surplus", about=name, found=found, remedy=remedy, acts=False)


def _vacancies(view: View) -> list[Leftover]:
    """Return the slots whose server a rollout terminated before it launched another: no instance of the slot lives.

    EC2 shows a terminated instance for about an hour. After that, the vacancy is not visible.
    """
    if view.rollout.kind is not FleetKind.STANDALONE:
        return []
    holders: dict[str, set[str]] = {}
    for instance in view.observation.instances:
        names = {instance.instance_id, *(value for key, value in instance.tags if key == REPLACES_TAG)}
        together = names.union(*(holders.get(name, set()) for name in names))
        holders |= dict.fromkeys(together, together)
    alive = {instance.instance_id for instance in view.observation.instances if instance.state in _LIVING}
    retired = [instance for instance in view.observation.instances if instance.role == RETIRING]
    return [_vacancy(instance) for instance in retired if not holders[instance.instance_id] & alive]


def _vacancy(instance: Instance) -> Leftover:
    found = f"{_named(instance)} was terminated by rollout {instance.rollout}, and no replacement was launched"
    remedy = f"not changed, one server is missing; launch one from {_version(instance)} and register it"
    return Leftover(what="vacancy", about=instance.instance_id, found=found, remedy=remedy, acts=False)


def _named(instance: Instance) -> str:
    return f"{instance.instance_id} ({_version(instance)})"


def _version(instance: Instance) -> str:
    return str(instance.template) if instance.template is not None else "version unknown"
