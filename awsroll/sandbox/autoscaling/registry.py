"""The groups of the account and what every part of the controller shares: lookups, the activity log, waking a group.

A group looks at itself only when woken: by an event, by an API call, or by a timer that an earlier look asked for.
What it does then is not decided here.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING
from uuid import UUID

from awsroll.sandbox.api_errors import ApiError
from awsroll.sandbox.autoscaling.activities import ActivityLog
from awsroll.sandbox.autoscaling.catalog import Catalog
from awsroll.sandbox.handling import refuse

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
        self.look: Callable[[Group], None] = lambda _group: None

    def new_id(self) -> str:
        """Make an id in the form of a UUID, the same in every run of the same calls."""
        return str(UUID(int=self._random.getrandbits(128), version=4))

    @property
    def options(self) -> SandboxOptions:
        """The switches as they are now."""
        return self.context.options

    def group(self, name: str) -> Group:
        """Answer the group of that name.

        Raises:
            ApiError: there is none.
        """
        found = self.groups.get(name)
        if found is None:
            message = f"AutoScalingGroup name not found - AutoScalingGroup {name} not found"
            refuse(message)
        return found

    def owner(self, instance_id: str) -> tuple[Group, Member] | None:
        """Answer the group that an instance belongs to, with its membership; None for a standalone instance."""
        for group in self.groups.values():
            if instance_id in group.members:
                return group, group.members[instance_id]
        return None

    def member(self, group: Group, instance_id: str) -> Member:
        """Answer a member of the group.

        Raises:
            ApiError: the instance is not a member of it.
        """
        found = group.members.get(instance_id)
        if found is None:
            message = f"The instance {instance_id} is not part of Auto Scaling group {group.name}."
            refuse(message)
        return found

    def attached_to(self, arn: str) -> Iterator[Group]:
        """Answer the groups that a target group is attached to."""
        return (group for group in tuple(self.groups.values()) if arn in group.attachments)

    def instance(self, member: Member) -> SimInstance | None:
        """Answer EC2's view of a member, None once EC2 has forgotten it."""
        try:
            return self.context.ec2.instance(member.instance_id)
        except ApiError:
            return None

    def is_running(self, member: Member) -> bool:
        """Whether EC2 runs the member's instance."""
        instance = self.instance(member)
        return instance is not None and instance.state == "running"

    def has_ended(self, member: Member) -> bool:
        """Whether the member's instance is ending or gone."""
        instance = self.instance(member)
        return instance is None or instance.state in ENDED

    def elapsed_seconds(self, since: datetime) -> float:
        """Answer the simulated seconds that have passed since an instant."""
        return (self.context.now() - since).total_seconds() * self.options.speed

    def seconds_until(self, instant: datetime) -> float:
        """Return the simulated seconds from now to an instant; negative if it has passed."""
        return -self.elapsed_seconds(instant)

    def wake(self, group: Group, after_seconds: float = 0) -> None:
        """Have the group look at itself in `after_seconds` simulated seconds, or earlier if it will anyway."""
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
            self.look(group)
