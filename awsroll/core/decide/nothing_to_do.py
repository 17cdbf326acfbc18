"""Recognises a fleet on which a rollout has nothing to do, so that it changes nothing.

A pipeline that deploys every night mostly finds the version that runs already. Such a rollout makes no mutating call:
no label, no setting, no hook.
"""

from awsroll.core.classify.capacity import Capacity
from awsroll.core.classify.view import View
from awsroll.core.lifecycle import note
from awsroll.core.model.replacing import replace
from awsroll.core.model.rollout_events import Event, EventName
from awsroll.core.model.status import Mode, Status
from awsroll.core.model.status_parts import Counters


def has_nothing_to_do(view: View, capacity: Capacity) -> bool:
    """Return whether every server runs the target version and serves, the group launches it, and nothing was begun."""
    status = view.status
    begun = status.rolling_back or status.settings.found or status.calls or status.launches or status.failures
    started = replace(status.counters, lowest_serving=None, highest_live=0, highest_running=0, skipped=0) != Counters()
    if begun or started or status.pausing or status.user_requests.abort or view.outdated or view.leaving:
        return False
    return capacity.current_serving == capacity.goal_current and is_on_target(view, capacity)


def is_on_target(view: View, capacity: Capacity) -> bool:
    """Return whether the whole fleet is in service on the target version, and its group launches that version."""
    complete = len(view.live) == capacity.limits.desired and not capacity.inbound
    current = all(view.is_current(instance) and view.is_in_service(instance) for instance in view.live)
    return complete and current and _launches_target(view)


def complete_at_once(view: View) -> Status:
    """Complete a rollout that has nothing to do."""
    reason = f"already on version {view.rollout.to_name}: nothing to do"
    completing = replace(view.status, mode=Mode.COMPLETING, reason=reason)
    fields: dict[str, str | int] = {"outcome": str(completing.outcome), "reason": reason}
    return note(completing, Event(name=EventName.COMPLETING, fields=fields))


def _launches_target(view: View) -> bool:
    """Return whether the group's own launches bring the target version too."""
    group, template = view.observation.group, view.rollout.template
    if group is None or template is None:
        return True
    pooled = view.rollout.purges_warm_pool and any(version != str(template.number) for version in group.warm_versions)
    return group.template == template and not pooled
