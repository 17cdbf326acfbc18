"""The registration of instances that run: where each belongs as far as no group registers it, and what comes before."""

from collections.abc import Iterable

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


def register(view: View, ids: Iterable[str], reason: Reason = Reason.NEW_INSTANCE_RUNNING) -> Proposals:
    """Propose registrations for instances that run and miss some that they should have and we must make."""
    proposals = Proposals()
    for name in ids:
        one = view.by_id.get(name)
        if one is None or view.is_ending(one):
            continue
        missing = missing_targets(view, one)
        if one.state is not InstanceState.RUNNING or one.lifecycle not in (None, Lifecycle.IN_SERVICE):
            proposals.wait(Reason.LAUNCHING, name)
        elif is_new(view, one) and awaits(view, proposals, HookPoint.AFTER_LAUNCH, name):
            continue
        elif missing and not awaits(view, proposals, HookPoint.BEFORE_REGISTER, name):
            proposals.writes.append(act.RegisterTargets(instance_id=name, targets=missing, reason=reason))
        elif not missing and not awaits_healthy(view, one, proposals):
            proposals.wait(Reason.VERIFYING, name)
    return proposals


def awaits_healthy(view: View, one: Instance, proposals: Proposals) -> bool:
    """Tell whether a new server is healthy for long enough and waits for its hooks before it may serve."""
    steady = is_steady(view, view.status.in_flight(one.instance_id)) and is_new(view, one)
    if not steady or view.status.mode is not Mode.ROLLING:
        return False
    return awaits(view, proposals, HookPoint.AFTER_HEALTHY, one.instance_id)


def missing_targets(view: View, one: Instance) -> tuple[TargetKey, ...]:
    """Return the registrations that the instance should have, has not, and that no group makes for it."""
    return unregistered(one, (key for key in view.required(one) if key not in view.managed_keys))
