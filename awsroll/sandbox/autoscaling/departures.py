"""The departure of a member: deregister, drain, lifecycle hooks, then terminate, move to standby or detach.

AWS drains in full before it terminates, whatever the cause. Callers select the members and any replacements.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from awsroll.sandbox.api_errors import ApiError
from awsroll.sandbox.autoscaling.group_state import Departure, Lifecycle

if TYPE_CHECKING:
    from collections.abc import Callable

    from awsroll.sandbox.autoscaling.group_state import Activity, Group, Member
    from awsroll.sandbox.autoscaling.lifecycle_hooks import HookWaits
    from awsroll.sandbox.autoscaling.registry import Registry
    from awsroll.sandbox.autoscaling.target_attachments import GroupTargets

WORDS = {
    Departure.TERMINATE: (Lifecycle.TERMINATING, "Terminating EC2 instance: "),
    Departure.STANDBY: (Lifecycle.ENTERING_STANDBY, "Moving EC2 instance to Standby: "),
    Departure.DETACH: (Lifecycle.DETACHING, "Detaching EC2 instance: "),
}


class Departures:
    """Takes members out of service.

    Args:
        registry: the groups.
        targets: the groups' target groups.
        hooks: the lifecycle hooks.
    """

    def __init__(self, registry: Registry, targets: GroupTargets, hooks: HookWaits) -> None:
        self._registry = registry
        self._targets = targets
        self._hooks = hooks
        self.left: Callable[[Group], None] = lambda _group: None

    def begin(self, group: Group, member: Member, departure: Departure, cause: str) -> Activity:
        """Start the departure of a member and return its activity.

        For an instance that no longer runs, the departure does not wait for the drain.
        """
        self._hooks.cancel(member)
        self._registry.log.close(member.activity, "Cancelled", message="The instance was taken out of the group.")
        member.state, words = WORDS[departure]
        member.departure, member.drained = departure, False
        details = {"Subnet ID": member.subnet_id, "Availability Zone": member.zone}
        member.activity = self._registry.log.open(group, words + member.instance_id, cause, details=details)
        member.activity.progress = 50
        activity = member.activity
        self._targets.deregister(group, member)
        self.progress(group, member)
        return activity

    def progress(self, group: Group, member: Member) -> None:
        """Take the next step of a departure, as far as the drain and EC2 allow."""
        if member.departure is None or member.instance_id not in group.members:
            return
        if member.departure is Departure.TERMINATE and self._registry.has_ended(member):
            self._ended(group, member)
        elif not member.drained:
            self._drain(group, member)

    def proceed(self, group: Group, member: Member) -> None:
        """Continue a termination after its lifecycle hooks, whatever their result, unless the group retains it."""
        if member.abandoned and group.retains:
            self._retain(group, member)
            return
        member.state = Lifecycle.TERMINATING_PROCEED
        self._terminate(group, member)

    def _retain(self, group: Group, member: Member) -> None:
        """Keep an instance whose termination hook was abandoned: it runs on, and no longer counts."""
        member.state = Lifecycle.TERMINATING_RETAINED
        message = "Lifecycle Action Completed with ABANDON Result: the instance is retained"
        self._registry.log.close(member.activity, "Cancelled", message=message)
        self.left(group)

    def force(self, group: Group, member: Member) -> None:
        """Terminate a member at once, without drain and hooks, because its group is deleted by force."""
        self._hooks.cancel(member)
        member.terminate_hooks_apply = False
        if member.departure is not Departure.TERMINATE:
            self.begin(group, member, Departure.TERMINATE, "The Auto Scaling group was deleted by force.")
        if member.instance_id in group.members and not member.drained:
            member.drained = True
            self._terminate(group, member)

    def _drain(self, group: Group, member: Member) -> None:
        waits = self._targets.draining(group, member)
        if waits and (self._registry.is_running(member) or member.departure is not Departure.TERMINATE):
            if member.activity is not None:
                member.activity.status = "WaitingForELBConnectionDraining"
            return
        member.drained = True
        match member.departure:
            case Departure.STANDBY:
                member.state, member.departure = Lifecycle.STANDBY, None
                self._registry.log.close(member.activity, "Successful")
                self.left(group)
            case Departure.DETACH:
                self._remove(group, member)
            case _:
                self._before_termination(group, member)

    def _before_termination(self, group: Group, member: Member) -> None:
        if self._hooks.begin(group, member, launching=False):
            member.state = Lifecycle.TERMINATING_WAIT
            if member.activity is not None:
                member.activity.status = "MidLifecycleAction"
        else:
            self._terminate(group, member)

    def _terminate(self, group: Group, member: Member) -> None:
        if member.activity is not None:
            member.activity.status = "InProgress"
        try:
            self._registry.context.ec2.terminate(member.instance_id)
        except ApiError:
            self._remove(group, member)

    def _ended(self, group: Group, member: Member) -> None:
        """Remove a member whose instance has terminated; while the instance shuts down, the member stays listed."""
        self._hooks.cancel(member)
        instance = self._registry.instance(member)
        if instance is None or instance.state == "terminated":
            self._remove(group, member)

    def _remove(self, group: Group, member: Member) -> None:
        del group.members[member.instance_id]
        if member.departure is Departure.DETACH:
            self._registry.catalog.untag_instance(member.instance_id, "aws:autoscaling:groupName")
        self._registry.log.close(member.activity, "Successful")
        member.departure = None
        self.left(group)
