"""The target groups of a group: register and deregister members, and track the state of each attachment.

A group registers its members on the target group's own port only. It ignores targets that someone else registered on
other ports.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from awsroll.sandbox.api_errors import ApiError
from awsroll.sandbox.autoscaling import other_sources
from awsroll.sandbox.autoscaling.group_state import Attachment, Lifecycle, Process
from awsroll.sandbox.handler_parts import refuse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from awsroll.sandbox.autoscaling.group_state import Group, Member
    from awsroll.sandbox.autoscaling.registry import Registry
    from awsroll.sandbox.target import SimTarget

MISSING = "One or more target groups not found. Validating load balancer configuration failed."


class GroupTargets:
    """Registers and deregisters members.

    Args:
        registry: the groups.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._elb = registry.context.elb

    def validate(self, arns: Iterable[str]) -> None:
        """Check that target groups exist.

        Raises:
            ApiError: a target group does not exist; the message is that of a failed activity.
        """
        for arn in arns:
            if not self._exists(arn):
                refuse(MISSING)

    def register(self, group: Group, member: Member) -> None:
        """Register a member in the attached target groups, unless AddToLoadBalancer is suspended.

        Raises:
            ApiError: the load balancer refuses the target.
        """
        if not group.runs(Process.ADD_TO_LOAD_BALANCER):
            return
        member.registered = True
        other_sources.register(self._registry.context, group, member.instance_id)
        for attachment in tuple(group.attachments.values()):
            if attachment.state != "Removing" and self._exists(attachment.arn):
                self._elb.register(attachment.arn, member.instance_id, None)
                self._added(attachment)

    def _exists(self, arn: str) -> bool:
        """Return whether the target group was not deleted. The group stays attached to one that was."""
        try:
            self._elb.target_group(arn)
        except ApiError:
            return False
        return True

    def deregister(self, group: Group, member: Member) -> None:
        """Deregister a member from the attached target groups; an unregistered member is no error."""
        member.registered = False
        other_sources.deregister(self._registry.context, group, member.instance_id)
        for arn in tuple(group.attachments):
            self._deregister(arn, member)

    def draining(self, group: Group, member: Member) -> bool:
        """Return whether a deregistered member is still listed as draining in an attached target group."""
        targets = (self.target(arn, member) for arn in tuple(group.attachments))
        return any(target is not None and target.state == "draining" for target in targets)

    def target(self, arn: str, member: Member) -> SimTarget | None:
        """Return the member's target on the target group's own port, or None if it is not listed."""
        try:
            return self._elb.target(arn, member.instance_id, None)
        except ApiError:
            return None  # the target group was deleted

    def attach(self, group: Group, arns: Iterable[str]) -> None:
        """Attach target groups and register the members that are in service.

        Raises:
            ApiError: a target group does not exist; nothing was attached.
        """
        new_arns = tuple(arns)
        self.validate(new_arns)
        for arn in new_arns:
            group.attachments[arn] = Attachment(arn=arn)
        for member in tuple(group.members.values()):
            if member.state is Lifecycle.IN_SERVICE:
                self.register(group, member)
        for arn in new_arns:
            self._added(group.attachments[arn])
            targets = (self.target(arn, member) for member in group.members.values())
            if any(target is not None and target.state == "healthy" for target in targets):
                group.attachments[arn].state = "InService"  # someone else registered the member before

    def detach(self, group: Group, arns: Iterable[str]) -> None:
        """Deregister all members from target groups, and detach the target groups after the drain."""
        for arn in arns:
            if arn in group.attachments:
                group.attachments[arn].state = "Removing"
                for member in tuple(group.members.values()):
                    self._deregister(arn, member)
                if arn in group.attachments:  # unless the drain took no time
                    self._remove_if_drained(group, group.attachments[arn])

    def settle(self, group: Group, arn: str, changed: SimTarget) -> bool:
        """Update the state of an attachment after a target of the group changed.

        Return whether the attachment is newly in service. Target health starts to count with the first healthy member.
        """
        attachment = group.attachments[arn]
        if attachment.state == "Removing":
            self._remove_if_drained(group, attachment)
        elif changed.state == "healthy" and attachment.state != "InService":
            attachment.state = "InService"
            return True
        return False

    def _remove_if_drained(self, group: Group, attachment: Attachment) -> None:
        targets = (self.target(attachment.arn, member) for member in group.members.values())
        if not any(target is not None and target.state == "draining" for target in targets):
            del group.attachments[attachment.arn]

    def _deregister(self, arn: str, member: Member) -> None:
        if self.target(arn, member) is not None:
            self._elb.deregister(arn, member.instance_id, None)

    @staticmethod
    def _added(attachment: Attachment) -> None:
        if attachment.state == "Adding":
            attachment.state = "Added"
