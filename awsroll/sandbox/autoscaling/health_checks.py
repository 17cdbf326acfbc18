"""Health checks of a group, and which unhealthy members it replaces now.

EC2 checks are always on (anything but running is unhealthy at once, grace period or not); target health counts only
with the check type ELB, after the grace period, and once a target group's attachment is in service. Nothing leaves
service here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from awsroll.sandbox.api_errors import ApiError
from awsroll.sandbox.autoscaling.group_state import TERMINATING, Lifecycle, Process

if TYPE_CHECKING:
    from awsroll.sandbox.autoscaling.group_state import Group, Member
    from awsroll.sandbox.autoscaling.registry import Registry
    from awsroll.sandbox.autoscaling.target_attachments import GroupTargets

NOT_RUNNING = "an EC2 health check indicating it has been terminated or stopped"
NOT_SERVING = "an ELB system health check failure"
SAID_SO = "a user health-check"


class HealthChecks:
    """Marks members and picks those to replace.

    Args:
        registry: the groups and the world.
        targets: the groups' target groups.
    """

    def __init__(self, registry: Registry, targets: GroupTargets) -> None:
        self._registry = registry
        self._targets = targets

    def check(self, group: Group) -> None:
        """Mark the suspects in service that fail a check; HealthCheck suspended means that nobody is marked."""
        if not group.runs(Process.HEALTH_CHECK):
            return
        suspects, group.suspects = sorted(group.suspects), set()
        for instance_id in suspects:
            member = group.members.get(instance_id)
            if member is None or member.state is not Lifecycle.IN_SERVICE:
                continue
            if not self._registry.is_running(member):
                self.mark(member, NOT_RUNNING)
            elif group.checks_load_balancer and member.registered and self._fails_target_checks(group, member):
                self._after_grace(group, member)

    def suspect_all(self, group: Group) -> None:
        """Have every member checked at the next look: the rules of the checks have changed."""
        group.suspects.update(group.members)

    def mark(self, member: Member, because: str) -> None:
        """Set a member Unhealthy; the first cause is kept."""
        if member.health == "Healthy":
            member.health, member.unhealthy_because = "Unhealthy", because

    def grace_left_seconds(self, group: Group, member: Member) -> float:
        """Answer how much of the member's health check grace period is left, in simulated seconds."""
        if member.in_service_since is None:
            return 0.0
        return max(0.0, group.grace_seconds - self._registry.elapsed_seconds(member.in_service_since))

    def to_replace(self, group: Group) -> tuple[Member, ...]:
        """Answer the unhealthy members to terminate now.

        Those that do not run go at once. Of the others at most 10 % of the desired capacity (at least one) is in the
        works at a time. In the works is what is being terminated for its health, or what is missing from service: 20
        wanted, 19 in service and 2 draining leave no room for a third. While Launch is suspended, what is missing does
        not hold the rest back.
        """
        if not (group.runs(Process.REPLACE_UNHEALTHY) and group.runs(Process.TERMINATE)):
            return ()
        members = tuple(group.members.values())
        marked = [each for each in members if each.state is Lifecycle.IN_SERVICE and each.health == "Unhealthy"]
        gone = tuple(each for each in marked if not self._registry.is_running(each))
        leaving = sum(each.state in TERMINATING and each.health == "Unhealthy" for each in members)
        in_service = sum(each.state is Lifecycle.IN_SERVICE for each in members) - len(gone)
        missing = group.desired - in_service if group.runs(Process.LAUNCH) else 0
        allowance = max(1, group.desired // 10) - max(leaving, missing)
        serving_badly = [each for each in marked if each not in gone]
        return gone + tuple(serving_badly[: max(0, allowance)])

    def _fails_target_checks(self, group: Group, member: Member) -> bool:
        return any(
            self._fails(attachment.arn, member)
            for attachment in tuple(group.attachments.values())
            if attachment.state == "InService"
        )

    def _fails(self, arn: str, member: Member) -> bool:
        target = self._targets.target(arn, member)
        if target is not None and target.state != "draining":
            return target.state == "unhealthy"
        match self._registry.options.member_deregistered_by_hand:
            case "killed":
                return True
            case "reregistered":
                self._register_again(arn, member)
                return False
            case _:
                return False

    def _register_again(self, arn: str, member: Member) -> None:
        try:
            self._registry.context.elb.register(arn, member.instance_id, None)
        except ApiError:
            return  # the load balancer refuses it: it stays out, as it was

    def _after_grace(self, group: Group, member: Member) -> None:
        left = self.grace_left_seconds(group, member)
        if left > 0:
            group.suspects.add(member.instance_id)
            self._registry.wake(group, left)
        else:
            self.mark(member, NOT_SERVING)
