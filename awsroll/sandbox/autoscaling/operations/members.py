"""Operations on members: describe, standby, attach, detach, protection and health.

Each request is checked as a whole first: one bad id changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from awsroll.sandbox.api_errors import ApiError
from awsroll.sandbox.autoscaling.activities import at, describe as describe_activity
from awsroll.sandbox.autoscaling.group_state import TERMINATING, Departure, Lifecycle, Member
from awsroll.sandbox.autoscaling.health_checks import BY_USER
from awsroll.sandbox.autoscaling.launches import refuse_if_suspended
from awsroll.sandbox.autoscaling.views import describe_member
from awsroll.sandbox.handler_parts import ids_of, page, refuse, with_token
from awsroll.sandbox.service_limits import DESCRIBED_MEMBERS, MEMBER_PAGES, MOVED_MEMBERS, PROTECTED_MEMBERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from awsroll.sandbox.autoscaling.group_controller import Controller
    from awsroll.sandbox.autoscaling.group_state import Group
    from awsroll.sandbox.autoscaling.registry import Registry
    from awsroll.sandbox.handler_parts import Answer, Handler, Parameters


class MemberOperations:
    """Handlers of the operations that move members.

    Args:
        registry: the groups.
        controller: moves the members.
    """

    def __init__(self, registry: Registry, controller: Controller) -> None:
        self._registry = registry
        self._controller = controller

    def operations(self) -> dict[str, Handler]:
        """Return the handlers by operation name."""
        return {
            "DescribeAutoScalingInstances": self.describe,
            "EnterStandby": self.enter_standby,
            "ExitStandby": self.exit_standby,
            "DetachInstances": self.detach,
            "AttachInstances": self.attach,
            "SetInstanceProtection": self.protect,
            "SetInstanceHealth": self.set_health,
        }

    def describe(self, parameters: Parameters) -> Answer:
        """Return members of all groups. Ids of other instances are absent."""
        ids = parameters.get("InstanceIds") or []
        if len(ids) > DESCRIBED_MEMBERS:
            refuse(f"The number of instances must not exceed {DESCRIBED_MEMBERS}; {len(ids)} were given.")
        pairs = [
            (group, member)
            for group in self._registry.groups.values()
            for member in (*group.members.values(), *group.pool.values())
        ]
        selected = [(group, member) for group, member in pairs if not ids or member.instance_id in ids]
        shown, token = page(selected, parameters, MEMBER_PAGES)
        catalog = self._registry.catalog
        rows = [describe_member(member, catalog) | {"AutoScalingGroupName": group.name} for group, member in shown]
        return with_token({"AutoScalingInstances": rows}, token)

    def enter_standby(self, parameters: Parameters) -> Answer:
        """Move members in service to standby, where they keep running."""
        group, members = self._members(parameters, Lifecycle.IN_SERVICE)
        return self._take_out(group, members, Departure.STANDBY, parameters)

    def detach(self, parameters: Parameters) -> Answer:
        """Detach members from the group; they keep running."""
        group, members = self._members(parameters, Lifecycle.IN_SERVICE, Lifecycle.STANDBY)
        return self._take_out(group, members, Departure.DETACH, parameters)

    def exit_standby(self, parameters: Parameters) -> Answer:
        """Return members from standby to service and raise the desired capacity."""
        group, members = self._members(parameters, Lifecycle.STANDBY)
        always = self._registry.options.exit_standby_raises_desired == "always"
        raising = [member.instance_id for member in members if always or member.lowered_desired]
        self._check_growth(group, len(raising))
        activities = []
        for member in members:
            before = group.desired
            group.desired += member.instance_id in raising
            cause = (
                f"At {self._now()} instance {member.instance_id} was moved out of standby in response to a user "
                f"request, increasing the capacity from {before} to {group.desired}."
            )
            description = f"Moving EC2 instance out of Standby: {member.instance_id}"
            self._controller.launches.bring_back(group, member, description, cause)
            activities.append(member.activity)
        self._registry.wake(group)
        return {
            "Activities": [
                describe_activity(activity, group_arn=group.arn) for activity in activities if activity is not None
            ]
        }

    def attach(self, parameters: Parameters) -> Answer:
        """Attach running instances and raise the desired capacity by their number."""
        group = self._group(parameters)
        ids = ids_of(parameters, limit=MOVED_MEMBERS)
        self._check_growth(group, len(ids))
        newcomers = [self._newcomer(group, instance_id) for instance_id in ids]
        for member in newcomers:
            before = group.desired
            group.desired += 1
            group.members[member.instance_id] = member
            self._registry.catalog.tag_instance(member.instance_id, {"aws:autoscaling:groupName": group.name})
            cause = (
                f"At {self._now()} an instance was attached in response to a user request, increasing the capacity "
                f"from {before} to {group.desired}."
            )
            description = f"Attaching an existing EC2 instance: {member.instance_id}"
            self._controller.launches.bring_back(group, member, description, cause)
        return {}

    def protect(self, parameters: Parameters) -> Answer:
        """Set or remove the scale-in protection of members."""
        group = self._group(parameters)
        ids = ids_of(parameters, limit=PROTECTED_MEMBERS)
        members = [self._registry.member(group, instance_id) for instance_id in ids]
        for member in members:
            if member.state in TERMINATING:
                refuse(f"The instance {member.instance_id} is not in InService or EnteringStandby or Standby.")
        for member in members:
            member.protected = bool(parameters["ProtectedFromScaleIn"])
        self._registry.wake(group)
        return {}

    def set_health(self, parameters: Parameters) -> Answer:
        """Set the health of a member, by default only after its grace period."""
        group, member = self._registry.owned(str(parameters["InstanceId"]))
        status = str(parameters["HealthStatus"])
        if status not in {"Healthy", "Unhealthy"}:
            refuse(f"Valid instance health states are: [Healthy, Unhealthy], not {status}.")
        if member.state in TERMINATING:
            refuse(f"Instance {member.instance_id} is already being terminated.")
        respects_grace = parameters.get("ShouldRespectGracePeriod", True) is not False
        if respects_grace and self._controller.health.grace_left_seconds(group, member) > 0:
            return {}
        if status == "Healthy":
            member.health, member.unhealthy_because = "Healthy", ""
        else:
            self._controller.health.mark(member, BY_USER)
        self._registry.wake(group)
        return {}

    def _take_out(
        self, group: Group, members: Sequence[Member], departure: Departure, parameters: Parameters
    ) -> Answer:
        decrement = bool(parameters["ShouldDecrementDesiredCapacity"])
        counted = sum(member.counted for member in members) if departure is Departure.DETACH else len(members)
        if decrement and group.desired - counted < group.min_size:
            refuse(
                f"{_sizes(group)} To take {counted} more instance(s) out of service, please lower "
                f"min-size or set ShouldDecrementDesiredCapacity to false."
            )
        activities = []
        done = "moved to standby" if departure is Departure.STANDBY else "detached"
        for member in members:
            before = group.desired
            member.lowered_desired = decrement and member.counted
            group.desired -= member.lowered_desired
            cause = f"At {self._now()} instance {member.instance_id} was {done} in response to a user request"
            cause += f", shrinking the capacity from {before} to {group.desired}." if decrement else "."
            activities.append(self._controller.departures.begin(group, member, departure, cause))
        self._registry.wake(group)
        return {"Activities": [describe_activity(activity, group_arn=group.arn) for activity in activities]}

    def _newcomer(self, group: Group, instance_id: str) -> Member:
        if self._registry.owner(instance_id) is not None:
            refuse(f"Instance {instance_id} is already part of an Auto Scaling group.")
        try:
            instance = self._registry.context.ec2.instance(instance_id)
        except ApiError:
            refuse(f"Invalid Instance ID(s): [{instance_id}] specified")
        if instance.state != "running":
            refuse(f"Instance {instance_id} is not in correct state, it is {instance.state}.")
        if instance.zone not in group.zones:
            refuse(f"The availability zone {instance.zone} of {instance_id} is not in the Auto Scaling group.")
        return Member(
            instance_id=instance_id,
            zone=instance.zone,
            subnet_id=instance.subnet_id,
            launched_at=instance.launched_at,
            template=None,
            template_version=0,
            instance_type=str(getattr(instance.record, "instance_type", "")),
        )

    def _check_growth(self, group: Group, count: int) -> None:
        refuse_if_suspended(group)
        if group.desired + count > group.max_size:
            refuse(
                f"{_sizes(group)} To place {count} more instance(s) into service, please update the "
                f"AutoScalingGroup sizes appropriately."
            )

    def _members(self, parameters: Parameters, *states: Lifecycle) -> tuple[Group, list[Member]]:
        group = self._group(parameters)
        members = [self._registry.member(group, instance_id) for instance_id in ids_of(parameters, limit=MOVED_MEMBERS)]
        for member in members:
            if member.state not in states:
                refuse(f"The instance {member.instance_id} is not in {' or '.join(states)}.")
        return group, members

    def _group(self, parameters: Parameters) -> Group:
        return self._registry.group(str(parameters["AutoScalingGroupName"]))

    def _now(self) -> str:
        return at(self._registry.context.now())


def _sizes(group: Group) -> str:
    return (
        f"AutoScalingGroup {group.name} has min-size={group.min_size}, max-size={group.max_size}, and "
        f"desired-size={group.desired}."
    )
