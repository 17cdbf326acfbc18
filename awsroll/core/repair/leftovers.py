"""What a dead rollout has left, in words, and what putting it back would do: the same rules, looked at, not acted on.

It is told of any record that settles: one that a store has kept, or one that was made again from tags (`repairing`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from awsroll.core.classify.view import View
from awsroll.core.decide.finish import release_for_stop
from awsroll.core.decide.register import missing_targets
from awsroll.core.decide.restore import all_goals
from awsroll.core.decide.settings import DESIRED, PROCESS, VERSION, value_of
from awsroll.core.model.actions import Reason
from awsroll.core.model.observation import FleetKind, Instance, InstanceState
from awsroll.core.tags import RELOADING, REPLACEMENT, REPLACES_TAG, RETIRING

_ROLES = (RETIRING, RELOADING, REPLACEMENT)
_LIVING = (InstanceState.PENDING, InstanceState.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """One thing that is not as it was before the rollout.

    Attributes:
        what: `setting`, `desired`, `surplus`, `orphan`, `out-of-traffic`, `half-registered`, `standby`, `retired`,
            `vacancy`, `label` or `rollout`.
        about: the id of an instance or rollout, the name of a group, or the ARN of a target group.
        found: what was seen.
        remedy: what a repair does about it; where it does nothing, the command for a person.
        acts: a repair does something about it.
    """

    what: str
    about: str
    found: str
    remedy: str
    acts: bool = True

    def __str__(self) -> str:
        return f"{self.found}: {self.remedy}"


def leftovers(view: View, *, labels: Mapping[str, str]) -> tuple[Leftover, ...]:
    """Return everything that a rollout has left.

    Args:
        view: a look, with a status that settles (`Mode.STOPPING` or `COMPLETING`).
        labels: by group or target group, the rollout whose label it carries although nobody rolls it.
    """
    return (*_instances(view), *_desired(view), *_settings(view), *_labels(view, labels))


def _labels(view: View, labels: Mapping[str, str]) -> list[Leftover]:
    found = []
    for resource, name in sorted(labels.items()):
        said = f"{_resource_words(view, resource)} carries the label of rollout {name}, which nobody drives"
        found.append(Leftover(what="label", about=resource, found=said, remedy="removed"))
    return found


# --- settings -----------------------------------------------------------------------------------------------------


def _desired(view: View) -> list[Leftover]:
    group, known = view.observation.group, view.status.desired
    if group is None or known is None or group.desired <= known.goal:
        return []
    found = f"desired capacity of group {group.name} is {group.desired}, it was {known.goal}"
    remedy = f"{known.goal} again, once no more members are there than that"
    return [Leftover(what="desired", about=group.name, found=found, remedy=remedy)]


def _settings(view: View) -> list[Leftover]:
    """Compare each setting of the ledger with what it gets once desired capacity is back."""
    ahead = _with_desired_back(view)
    goals, told = all_goals(ahead), {DESIRED} if _desired(view) else set[str]()
    return [_setting(ahead, name, goals.get(name)) for name in sorted(view.status.settings.found) if name not in told]


def _with_desired_back(view: View) -> View:
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
    subject = f"{_words(name)} of {_resource_words(view, resource)}"
    found = f"{subject} is {now}, as it was" if now == old else f"{subject} is {now}, it was {old}"
    remedy = "left so, its tag is removed" if goal is None else f"set to {goal}"
    return Leftover(what="setting", about=resource, found=found, remedy=remedy)


def _words(name: str) -> str:
    if name.startswith(PROCESS):
        return f"process {name.removeprefix(PROCESS)}"
    plain = name.partition("=")[0]
    return {VERSION: "launch template", DESIRED: "desired capacity"}.get(plain, plain.replace("-", " "))


def _resource_words(view: View, resource: str) -> str:
    names = (f"target group {one.name}" for one in view.observation.target_groups if one.arn == resource)
    return next(names, f"group {resource}")


# --- instances ----------------------------------------------------------------------------------------------------


def _instances(view: View) -> list[Leftover]:
    status = release_for_stop(view)
    ahead = View(view.original, view.observation, status)
    going = {name for name in status.retiring if name in view.by_id and not view.is_ending(view.by_id[name])}
    found = [_going(view, view.by_id[name]) for name in sorted(going)]
    found += [_returning(ahead, view.by_id[name]) for name in status.returning if name in view.by_id]
    told = going | set(status.returning)
    for one in view.observation.instances:
        if one.instance_id in told or view.is_ending(one):
            continue
        left = _left(view, one)
        if left is not None:
            found.append(left)
        elif view.is_live(one) and view.is_current(one) and not view.is_in_standby(one) and missing_targets(view, one):
            found.append(_returning(view, one))
    return found + _vacancies(view)


def _going(view: View, one: Instance) -> Leftover:
    name = one.instance_id
    if view.rollout.kind is FleetKind.AUTO_SCALING:
        found = f"{name} ({_version(one)}) is more than group {view.rollout.group} should have"
        return Leftover(what="surplus", about=name, found=found, remedy="the group retires it, by its id")
    where = "still registered" if one.targets else "registered nowhere"
    found = f"{name} ({_version(one)}) was launched by rollout {one.rollout or view.rollout.rollout_id} and is {where}"
    return Leftover(what="orphan", about=name, found=found, remedy=f"terminated ({Reason.SURPLUS})")


def _returning(view: View, one: Instance) -> Leftover:
    name, missing = one.instance_id, missing_targets(view, one)
    on = ", ".join(f"{_resource_words(view, key.target_group)} port {key.port}" for key in missing)
    if view.is_in_standby(one):
        found = f"{name} ({_version(one)}) is in standby by the rollout"
        return Leftover(what="out-of-traffic", about=name, found=found, remedy="put back in service")
    taken_out = one.role in (RETIRING, RELOADING)
    what = "half-registered" if any(target.key not in missing for target in one.targets) else "out-of-traffic"
    state = "was taken out of traffic" if taken_out else "is not registered everywhere"
    remedy = f"registered on {on}" if on else "let back in"
    return Leftover(what=what, about=name, found=f"{name} ({_version(one)}) {state}", remedy=remedy)


def _left(view: View, one: Instance) -> Leftover | None:
    """Tell of what a person must decide: nothing shows any more what it is there for."""
    if view.is_in_standby(one) and one.role in (RETIRING, RELOADING):
        return _in_standby(view, one)
    if view.rollout.kind is not FleetKind.STANDALONE or one.state not in _LIVING or one.role not in _ROLES:
        return None
    if not view.is_member(one):
        return None if one.targets else _retired(view, one)
    before = next((view.by_id[value] for key, value in one.tags if key == REPLACES_TAG and value in view.by_id), None)
    return None if before is None or not (before.targets and one.targets) else _beside(one, before)


def _in_standby(view: View, one: Instance) -> Leftover:
    name = one.instance_id
    remedy = (
        "left; put it back with `aws autoscaling exit-standby --auto-scaling-group-name "
        f"{view.rollout.group} --instance-ids {name}`, or end it with `aws autoscaling "
        f"terminate-instance-in-auto-scaling-group --instance-id {name} --no-should-decrement-desired-capacity`, and "
        "repair again: a minimum that counts it waits for that"
    )
    found = f"{name} ({_version(one)}) is in standby, put there by rollout {one.rollout}"
    return Leftover(what="standby", about=name, found=found, remedy=remedy, acts=False)


def _retired(view: View, one: Instance) -> Leftover:
    name = one.instance_id
    successor = next((other for other in view.observation.instances if (REPLACES_TAG, name) in other.tags), None)
    by = f", and {successor.instance_id} serves in its place" if successor is not None else ""
    remedy = f"left; end it with `aws ec2 terminate-instances --instance-ids {name}`"
    found = f"{name} ({_version(one)}) was taken out of traffic by rollout {one.rollout}{by}"
    return Leftover(what="retired", about=name, found=found, remedy=remedy, acts=False)


def _beside(one: Instance, before: Instance) -> Leftover:
    name = one.instance_id
    found = f"{name} ({_version(one)}) serves beside {before.instance_id} ({_version(before)}), which it was to replace"
    ports = "; ".join(
        f"`aws elbv2 deregister-targets --target-group-arn {target.key.target_group} "
        f"--targets Id={name},Port={target.key.port}`"
        for target in one.targets
    )
    remedy = (
        "both left in traffic, one more than there were; to have the new one go: "
        f"{ports}, and once it has drained `aws ec2 terminate-instances --instance-ids {name}`"
    )
    return Leftover(what="surplus", about=name, found=found, remedy=remedy, acts=False)


def _vacancies(view: View) -> list[Leftover]:
    """Find places whose server was ended by a rollout before another came: of all that held one, none lives.

    EC2 shows an ended instance for about an hour; after that nothing tells of it any more.
    """
    if view.rollout.kind is not FleetKind.STANDALONE:
        return []
    holders: dict[str, set[str]] = {}
    for one in view.observation.instances:
        names = {one.instance_id, *(value for key, value in one.tags if key == REPLACES_TAG)}
        together = names.union(*(holders.get(name, set()) for name in names))
        holders |= dict.fromkeys(together, together)
    alive = {one.instance_id for one in view.observation.instances if one.state in _LIVING}
    ended = [one for one in view.observation.instances if one.role == RETIRING and one.instance_id not in alive]
    return [_vacancy(one) for one in ended if not holders[one.instance_id] & alive]


def _vacancy(one: Instance) -> Leftover:
    found = f"{one.instance_id} ({_version(one)}) was ended by rollout {one.rollout}, none was launched in its place"
    remedy = f"left, one server fewer; launch one from {_version(one)} and register it"
    return Leftover(what="vacancy", about=one.instance_id, found=found, remedy=remedy, acts=False)


def _version(one: Instance) -> str:
    return str(one.template) if one.template is not None else "version unknown"
