"""Registers running instances in the target groups that no Auto Scaling group registers them in, after their hooks."""

from collections.abc import Hashable, Iterable, Sequence

from awsroll.core.classify.launch_tags import missing_tags
from awsroll.core.classify.replacement import owner_tags
from awsroll.core.classify.serving import unregistered
from awsroll.core.classify.view import View
from awsroll.core.model import actions as act
from awsroll.core.model.calls import Launch
from awsroll.core.model.hooks import HookPoint
from awsroll.core.model.observation import Instance, InstanceState, Lifecycle, TargetKey
from awsroll.core.model.proposals import Proposals
from awsroll.core.model.reasons import Reason
from awsroll.core.model.status import Mode
from awsroll.core.observe.clocks import is_steady
from awsroll.core.observe.hook_runs import awaits, is_new
from awsroll.core.tags import REPLACED_TOGETHER, REPLACEMENT, REPLACES_TAG, replaced_together


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
    """Propose the tags that launched servers still lack, with the owner's tags, which a policy may ask for.

    Servers of one call that lack the same, apart from what they replace, are tagged with one call.
    """
    alike: dict[Hashable, list[Launch]] = {}
    for launch in view.status.launches:
        if missing := missing_tags(view, launch):
            shared = tuple(tag for tag in missing if tag[0] != REPLACES_TAG)
            says_replaced = len(shared) < len(missing)
            key = (launch.token, launch.index // REPLACED_TOGETHER, shared, says_replaced)
            alike.setdefault(key, []).append(launch)
    return [_tags_of(view, launches) for launches in alike.values()]


def _tags_of(view: View, launches: Sequence[Launch]) -> act.TagInstances:
    """Return the action that tags servers of one call, which lack the same."""
    missing = dict(missing_tags(view, launches[0]))
    if len(launches) > 1 and missing.pop(REPLACES_TAG, ""):
        key, value = replaced_together({launch.index: launch.replaces for launch in launches})
        missing[key] = value
    return act.TagInstances(
        instance_ids=tuple(name for launch in launches for name in launch.instance_ids),
        tags=tuple(dict((*owner_tags(view.rollout, REPLACEMENT), *missing.items())).items()),
        reason=Reason.NEW_INSTANCE_RUNNING,
    )


def awaits_healthy(view: View, instance: Instance, proposals: Proposals) -> bool:
    """Return whether a new server has been healthy for long enough and waits for its hooks before it may serve."""
    steady = is_steady(view, view.status.in_flight(instance.instance_id)) and is_new(view, instance)
    if not steady or view.status.mode is not Mode.ROLLING:
        return False
    return awaits(view, proposals, HookPoint.AFTER_HEALTHY, instance.instance_id)


def missing_targets(view: View, instance: Instance) -> tuple[TargetKey, ...]:
    """Return the registrations that the instance lacks and that no group makes for it."""
    return unregistered(instance, (key for key in view.required(instance) if key not in view.managed_keys))
