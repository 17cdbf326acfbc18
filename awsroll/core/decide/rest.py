"""Restores the group's own care whenever a rollout is at rest.

At a closed gate, during the bake time and in a pause nothing may be touched, perhaps until the next morning. So the
group replaces unhealthy members, balances its zones and, without a surplus, scales again. What the group launches then
comes from the version that is trusted: the baseline, and in the bake time the new version.

`settings.prepare` suspends the processes again when the rollout continues.
"""

from dataclasses import replace
from datetime import timedelta

from awsroll.core.classify.capacity import Capacity
from awsroll.core.classify.view import View
from awsroll.core.decide.health_marks import clear_before_care
from awsroll.core.decide.settings import Rest, give_care
from awsroll.core.model.actions import Reason
from awsroll.core.model.plan import Hold, Plan, add_warnings
from awsroll.core.observe.abandoned import abandoned_name

_PATIENCE = timedelta(minutes=5)
_RETRY_SECONDS = 2.0


def rest_of(view: View, capacity: Capacity) -> Rest:
    """Return whether nothing may be touched now and nothing is in flight, and which version is trusted then."""
    if view.status.gate.baking_since is not None:
        return Rest.IN_BAKE
    moving = capacity.in_flight or view.leaving or view.returning
    if view.status.gate.closed_since is not None or (bool(view.status.pausing) and not moving):
        return Rest.BEFORE_MORE
    return Rest.NONE


def rest_in_pause(view: View) -> Plan:
    """Return the next step of a paused rollout that has yet to restore the group's own care.

    Refused calls are not repeated. If AWS does not answer for five minutes, the rollout stays paused as it is.
    """
    marks = clear_before_care(view)
    status, writes = (view.status, marks) if marks else give_care(view)
    writes = tuple(write for write in writes if abandoned_name(write) not in status.settings.abandoned)
    if not writes:
        return Plan(actions=(), status=replace(status, must_rest=False))
    since = status.observed_at
    if since is not None and view.observation.at - since >= _PATIENCE:
        group = view.rollout.group
        warning = (
            f"the suspended processes of group {group} could not be resumed; `awsroll repair --asg {group}` does it"
        )
        return Plan(actions=(), status=add_warnings(replace(status, must_rest=False), warning))
    return Plan(actions=writes, status=status, holds=(Hold(reason=Reason.RESTORING),), requeue_seconds=_RETRY_SECONDS)
