"""Clears the Unhealthy marks of members that are healthy in all their target groups.

Auto Scaling marks a member `Unhealthy` that fails a health check after its grace period. The mark never recovers by
itself: only SetInstanceHealth clears it. While `ReplaceUnhealthy` is suspended nothing follows from the mark. As soon
as the process runs again, the group replaces every marked member, however healthy it is by then (Amazon EC2 Auto
Scaling User Guide, "Health checks for instances in an Auto Scaling group").

So a marked member does not serve. There are two occasions to clear a mark:

- a member on the target version has been healthy everywhere for `min_healthy_time`: otherwise it could never serve;
- awsroll is about to resume `ReplaceUnhealthy`, and the member is healthy everywhere now.

A mark is cleared once for each server. The group marks a server again only for a new failed check, and then it is
right to replace it.
"""

from collections.abc import Iterable

from awsroll.core.classify.view import View
from awsroll.core.decide.settings import given
from awsroll.core.model import actions as act
from awsroll.core.model.actions import Action
from awsroll.core.model.observation import Instance, Lifecycle
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.plan import add_warnings
from awsroll.core.model.reasons import Reason
from awsroll.core.model.setting_names import PROCESS, SUSPENDED
from awsroll.core.model.status import Status
from awsroll.core.observe.abandoned import is_abandoned
from awsroll.core.observe.clocks import is_steady


def clear_for_serving(view: View) -> tuple[Action, ...]:
    """Return the call that clears the marks of target-version members that would serve without the mark."""
    if view.observation.group is None:
        return ()
    return _clear(view, (instance for instance in view.current if _is_kept_from_serving(view, instance)))


def clear_before_care(view: View) -> tuple[Action, ...]:
    """Return the call that clears the marks of healthy members, before awsroll resumes `ReplaceUnhealthy`."""
    group, name = view.observation.group, "ReplaceUnhealthy"
    is_ours = SUSPENDED in given(view.status, f"{PROCESS}{name}")
    is_due = group is not None and name in group.suspended and is_ours
    if not is_due or is_abandoned(view.status, act.ClearUnhealthyMarks):
        return ()
    return _clear(view, (instance for instance in view.live if _is_unharmed(view, instance)))


def warn_of_marks(view: View) -> Status:
    """Add a warning with the cause of the marks, and how to prevent them."""
    group = view.observation.group
    if group is None:
        return view.status
    return add_warnings(
        view.status,
        f"group {group.name} marked new servers unhealthy although they are healthy in all their target groups now; "
        f"awsroll cleared the marks. If new servers need longer than the health check grace period of "
        f"{group.grace_seconds:g} s to become healthy, raise it: otherwise the group replaces each server that it "
        "launches by itself",
    )


def _clear(view: View, instances: Iterable[Instance]) -> tuple[Action, ...]:
    group, names = view.observation.group, tuple(sorted(instance.instance_id for instance in instances))
    if group is None or not names:
        return ()
    return (act.ClearUnhealthyMarks(group=group.name, instance_ids=names, reason=Reason.HEALTHY_DESPITE_MARK),)


def _is_kept_from_serving(view: View, instance: Instance) -> bool:
    if not instance.marked_unhealthy:
        return False
    server = view.status.in_flight(instance.instance_id)
    verifying = view.phase(instance) is ServerPhase.VERIFYING and not view.has_failed(instance)
    return verifying and is_steady(view, server) and _is_unharmed(view, instance)


def _is_unharmed(view: View, instance: Instance) -> bool:
    """Return whether the member is in service and healthy but for its mark, and stays."""
    server = view.status.servers.get(instance.instance_id)
    leaves = server is not None and (server.failed or server.phase.is_way_out)
    again = server is not None and server.mark_cleared
    if not instance.marked_unhealthy or leaves or again:
        return False
    return instance.lifecycle is Lifecycle.IN_SERVICE and view.is_healthy(instance)
