"""The health checks of a group, and the selection of unhealthy members to replace.

EC2 checks always count: an instance that does not run is unhealthy at once, even in its grace period. Impaired status
checks count after the grace period, if they last, those of EBS volumes only with the check type EBS. The health of
targets counts only with the check type ELB, after the grace period, and once the attachment of the target group is in
service. A mark stays until SetInstanceHealth clears it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from awsroll.sandbox.api_errors import ApiError
from awsroll.sandbox.autoscaling.group_state import TERMINATING, Lifecycle, Process
from awsroll.sandbox.instance import Impaired

if TYPE_CHECKING:
    from awsroll.sandbox.autoscaling.group_state import Group, Member
    from awsroll.sandbox.autoscaling.registry import Registry
    from awsroll.sandbox.autoscaling.target_attachments import GroupTargets

NOT_RUNNING = "an EC2 health check indicating it has been terminated or stopped"
IMPAIRED = "an EC2 instance status checks failure"
NOT_SERVING = "an ELB system health check failure"
BY_USER = "a user health-check"


def _fails(group: Group, impaired: Impaired | None) -> bool:
    return impaired is not None and (impaired is not Impaired.VOLUMES or group.checks_volumes)


class HealthChecks:
    """Marks members unhealthy, and selects members to replace.

    Args:
        registry: the groups.
        targets: the groups' target groups.
    """

    def __init__(self, registry: Registry, targets: GroupTargets) -> None:
        self._registry = registry
        self._targets = targets

    def check(self, group: Group) -> None:
        """Mark suspects in service that fail a check, unless HealthCheck is suspended."""
        if not group.runs(Process.HEALTH_CHECK):
            return
        suspects, group.suspects = sorted(group.suspects), set()
        for instance_id in suspects:
            member = group.members.get(instance_id)
            if member is None or member.state is not Lifecycle.IN_SERVICE:
                continue
            if not self._registry.is_running(member):
                self.mark(member, NOT_RUNNING)
            elif self._is_impaired(group, member):
                self._after_grace(group, member, IMPAIRED)
            elif group.checks_load_balancer and member.registered and self._fails_target_checks(group, member):
                self._after_grace(group, member, NOT_SERVING)

    def suspect_all(self, group: Group) -> None:
        """Check every member in the next run, because the rules of the checks have changed."""
        group.suspects.update(group.members)

    def mark(self, member: Member, because: str) -> None:
        """Set a member Unhealthy, and keep the first cause."""
        if member.health == "Healthy":
            member.health, member.unhealthy_because = "Unhealthy", because

    def grace_left_seconds(self, group: Group, member: Member) -> float:
        """Return the simulated seconds that remain of a member's health check grace period."""
        if member.in_service_since is None:
            return 0.0
        return max(0.0, group.grace_seconds - self._registry.elapsed_seconds(member.in_service_since))

    def to_replace(self, group: Group) -> tuple[Member, ...]:
        """Return the unhealthy members to terminate now.

        Members that do not run are replaced at once. Of the others, at most 10 % of the desired capacity (at least 1)
        are replaced at a time. Members that are being terminated for their health, or missing from service, use up
        this allowance: with 20 desired, 19 in service and 2 draining, no further member is replaced. While Launch is
        suspended, missing members do not count.
        """
        if not (group.runs(Process.REPLACE_UNHEALTHY) and group.runs(Process.TERMINATE)):
            return ()
        members = tuple(group.members.values())
        marked = [member for member in members if member.state is Lifecycle.IN_SERVICE and member.health == "Unhealthy"]
        gone = tuple(member for member in marked if not self._registry.is_running(member))
        leaving = sum(member.state in TERMINATING and member.health == "Unhealthy" for member in members)
        in_service = sum(member.state is Lifecycle.IN_SERVICE for member in members) - len(gone)
        missing = group.desired - in_service if group.runs(Process.LAUNCH) else 0
        allowance = max(1, group.desired // 10) - max(leaving, missing)
        unhealthy = [member for member in marked if member not in gone]
        return gone + tuple(unhealthy[: max(0, allowance)])

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
            return  # the load balancer refuses the target, which stays unregistered

    def _is_impaired(self, group: Group, member: Member) -> bool:
        """Return whether the status checks have failed for long enough, and else check again when they have."""
        instance, options = self._registry.instance(member), self._registry.options
        if instance is None or instance.running_since is None or not _fails(group, instance.impaired):
            member.impaired_since = None
            return False
        known_at = instance.running_since + self._registry.context.scaled(options.status_check_seconds)
        member.impaired_since = member.impaired_since or max(known_at, self._registry.context.now())
        left = options.impaired_seconds - self._registry.elapsed_seconds(member.impaired_since)
        if left > 0:
            group.suspects.add(member.instance_id)
            self._registry.wake(group, left)
        return left <= 0

    def _after_grace(self, group: Group, member: Member, because: str) -> None:
        seconds = self.grace_left_seconds(group, member)
        if seconds > 0:
            group.suspects.add(member.instance_id)
            self._registry.wake(group, seconds)
        else:
            self.mark(member, because)
