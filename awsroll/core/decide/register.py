"""Registers running instances in the target groups that no Auto Scaling group registers them in, after their hooks."""

from collections.abc import Iterable

from awsroll.core.classify.launch_tags import missing_tags
from awsroll.core.classify.replacement import owner_tags
from awsroll.core.classify.serving import unregistered
from awsroll.core.classify.view import View
from awsroll.core.model import actions as act
from awsroll.core.model.actions import Reason
from awsroll.core.model.hooks import HookPoint
from awsroll.core.model.observation import Instance, InstanceState, Lifecycle, TargetKey
from awsroll.core.model.proposals import Proposals
from awsroll.core.model.status import Mode
from awsroll.core.observe.clocks import is_steady
from awsroll.core.observe.hook_runs import awaits, is_new
from awsroll.core.tags import REPLACEMENT


def register(view: View, ids: Iterable[str], reason: Reason = Reason.NEW_INSTANCE_RUNNING) -> Proposals:
    """Propose the registrations that running instances lack and that no group makes."""
    proposals = Proposals()
    for name in ids:
        instance = view.by_id.get(name)
        if instance is None or view.is_ending(instance):
            continue
        missing = missing_targets(view, instance)
        if instance.state is not InstanceState.RUNNING or instance.lifecycle not in (None, Lifecycle.IN_SERVICE):
            proposals.wait(Reason.LAUNCHING, name)
        elif is_new(view, instance) and awaits(view, proposals, HookPoint.AFTER_LAUNCH, name):
            continue
        elif missing and not awaits(view, proposals, HookPoint.BEFORE_REGISTER, name):
            proposals.writes.append(act.RegisterTargets(instance_id=name, targets=missing, reason=reason))
        elif not missing and not awaits_healthy(view, instance, proposals):
            proposals.wait(Reason.VERIFYING, name)
    return proposals


def tag_launched(view: View) -> list[act.Action]:
    """Propose the tags that launched servers still lack, with the owner's tags, which a policy may ask for."""
    writes = list[act.Action]()
    for launch in view.status.launches:
        if missing := missing_tags(view, launch):
            tags = dict((*owner_tags(view.rollout, REPLACEMENT), *missing))
            action = act.TagInstances(
                instance_ids=launch.instance_ids, tags=tuple(tags.items()), reason=Reason.NEW_INSTANCE_RUNNING
            )
            writes.append(action)
    return writes


def awaits_healthy(view: View, instance: Instance, proposals: Proposals) -> bool:
    """Return whether a new server has been healthy for long enough and waits for its hooks before it may serve."""
    steady = is_steady(view, view.status.in_flight(instance.instance_id)) and is_new(view, instance)
    if not steady or view.status.mode is not Mode.ROLLING:
        return False
    return awaits(view, proposals, HookPoint.AFTER_HEALTHY, instance.instance_id)


def missing_targets(view: View, instance: Instance) -> tuple[TargetKey, ...]:
    """Return the registrations that the instance lacks and that no group makes for it."""
    return unregistered(instance, (key for key in view.required(instance) if key not in view.managed_keys))
