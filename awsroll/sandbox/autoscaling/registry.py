"""The groups of the account, with the parts that the controller and the API share: lookups, activity log, wake-ups.

The controller reconciles a group only when it wakes: by an event, an API call, or a timer of an earlier run.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING
from uuid import UUID

from awsroll.sandbox.api_errors import ApiError
from awsroll.sandbox.autoscaling.activities import ActivityLog
from awsroll.sandbox.autoscaling.catalog import Catalog
from awsroll.sandbox.handler_parts import refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from awsroll.sandbox.autoscaling.group_state import Group, Member
    from awsroll.sandbox.instance import SimInstance
    from awsroll.sandbox.interfaces import GroupContext
    from awsroll.sandbox.sandbox_options import SandboxOptions

ENDED = frozenset({"shutting-down", "terminated"})


class Registry:
    """Groups by name, and the timers that wake them.

    Args:
        context: the time, the switches, the instances and the targets.
    """

    def __init__(self, context: GroupContext) -> None:
        self.context = context
        self._random = Random(0)  # noqa: S311  repeatable on purpose
        self.catalog = Catalog(context)
        self.log = ActivityLog(context, self.new_id)

        self.groups: dict[str, Group] = {}
        self.reconcile: Callable[[Group], None] = lambda _group: None

    def new_id(self) -> str:
        """Return a new id in the form of a UUID; the same calls get the same ids in every run."""
        return str(UUID(int=self._random.getrandbits(128), version=4))

    @property
    def options(self) -> SandboxOptions:
        """The current switches."""
        return self.context.options

    def group(self, name: str) -> Group:
        """Return the group with a name.

        Raises:
            ApiError: the group does not exist.
        """
        group = self.groups.get(name)
        if group is None:
            message = f"AutoScalingGroup name not found - AutoScalingGroup {name} not found"
            refuse(message)
        return group

    def owner(self, instance_id: str) -> tuple[Group, Member] | None:
        """Return the group of an instance and its member, or None for an instance outside any group."""
        for group in self.groups.values():
            if instance_id in group.members:
                return group, group.members[instance_id]
        return None

    def owned(self, instance_id: str) -> tuple[Group, Member]:
        """Return the group of an instance and its member.

        Raises:
            ApiError: the instance is outside any group.
        """
        owner = self.owner(instance_id)
        if owner is None:
            refuse(f"Instance Id not found - No managed instance found for instance ID {instance_id}")
        return owner

    def member(self, group: Group, instance_id: str) -> Member:
        """Return a member of the group.

        Raises:
            ApiError: the instance is not a member of the group.
        """
        member = group.members.get(instance_id)
        if member is None:
            message = f"The instance {instance_id} is not part of Auto Scaling group {group.name}."
            refuse(message)
        return member

    def attached_to(self, arn: str) -> Iterator[Group]:
        """Return the groups that a target group is attached to."""
        return (group for group in tuple(self.groups.values()) if arn in group.attachments)

    def instance(self, member: Member) -> SimInstance | None:
        """Return the EC2 instance of a member, or None if EC2 no longer knows it."""
        try:
            return self.context.ec2.instance(member.instance_id)
        except ApiError:
            return None

    def is_running(self, member: Member) -> bool:
        """Return whether EC2 runs the member's instance."""
        instance = self.instance(member)
        return instance is not None and instance.state == "running"

    def has_ended(self, member: Member) -> bool:
        """Return whether the member's instance is shutting down, terminated or unknown."""
        instance = self.instance(member)
        return instance is None or instance.state in ENDED

    def elapsed_seconds(self, since: datetime) -> float:
        """Return the simulated seconds since an instant."""
        return (self.context.now() - since).total_seconds() * self.options.speed

    def seconds_until(self, instant: datetime) -> float:
        """Return the simulated seconds from now to an instant; negative if it has passed."""
        return -self.elapsed_seconds(instant)

    def wake(self, group: Group, after_seconds: float = 0) -> None:
        """Reconcile the group in `after_seconds` simulated seconds at the latest."""
        due = self.context.now() + self.context.scaled(after_seconds)
        if group.wake_at is not None and group.wake_at <= due:
            return
        if group.wake_timer is not None:
            group.wake_timer.cancel()
        group.wake_at = due
        group.wake_timer = self.context.after(after_seconds, lambda: self._woken(group))

    def _woken(self, group: Group) -> None:
        group.wake_at = group.wake_timer = None
        if self.groups.get(group.name) is group:
            self.reconcile(group)
