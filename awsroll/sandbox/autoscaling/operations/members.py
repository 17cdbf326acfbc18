"""Operations on single members: terminate, standby, attach, detach, protection, health, and describing them.

Each request is checked as a whole before its first effect: one bad id changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from awsroll.sandbox.api_errors import ApiError
from awsroll.sandbox.autoscaling.activities import at, describe as describe_activity
from awsroll.sandbox.autoscaling.group_state import TERMINATING, Departure, Lifecycle, Member, Process
from awsroll.sandbox.autoscaling.health_checks import SAID_SO
from awsroll.sandbox.autoscaling.views import describe_member
from awsroll.sandbox.handling import PageSize, ids_of, page, refuse, with_token

if TYPE_CHECKING:
    from collections.abc import Sequence

    from awsroll.sandbox.autoscaling.group_controller import Controller
    from awsroll.sandbox.autoscaling.group_state import Group
    from awsroll.sandbox.autoscaling.registry import Registry
    from awsroll.sandbox.handling import Answer, Handler, Parameters


class MemberOperations:
    """Handlers of the operations that move members.

    Args:
        registry: the groups and the world.
        controller: moves the members.
    """

    def __init__(self, registry: Registry, controller: Controller) -> None:
        self._registry = registry
        self._controller = controller

    def operations(self) -> dict[str, Handler]:
        """Answer the handlers by operation name."""
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
        """Answer members of any group; ids that are no members are absent."""
        ids = parameters.get("InstanceIds") or []
        if len(ids) > 50:  # noqa: PLR2004  the limit of the API
            refuse(f"The number of instances must not exceed 50; {len(ids)} were given.")
        pairs = [
            (group, member)
            for group in self._registry.groups.values()
            for member in (*group.members.values(), *group.pool.values())
        ]
        found = [(group, member) for group, member in pairs if not ids or member.instance_id in ids]
        shown, token = page(found, parameters, PageSize(default=50, most=50))
        catalog = self._registry.catalog
        rows = [describe_member(member, catalog) | {"AutoScalingGroupName": group.name} for group, member in shown]
        return with_token({"AutoScalingInstances": rows}, token)

    def enter_standby(self, parameters: Parameters) -> Answer:
        """Take members in service out of traffic; they keep running."""
        group, members = self._members(parameters, Lifecycle.IN_SERVICE)
        return self._take_out(group, members, Departure.STANDBY, parameters)

    def detach(self, parameters: Parameters) -> Answer:
        """Let members leave the group; they keep running."""
        group, members = self._members(parameters, Lifecycle.IN_SERVICE, Lifecycle.STANDBY)
        return self._take_out(group, members, Departure.DETACH, parameters)

    def exit_standby(self, parameters: Parameters) -> Answer:
        """Bring members back from standby and raise the desired capacity."""
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
        return {"Activities": [describe_activity(each, group_arn=group.arn) for each in activities if each is not None]}

    def attach(self, parameters: Parameters) -> Answer:
        """Take running instances into the group and raise the desired capacity by as many."""
        group = self._group(parameters)
        ids = ids_of(parameters, limit=20)
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
        """Set or lift the scale-in protection of members."""
        group = self._group(parameters)
        ids = ids_of(parameters, limit=50)
        members = [self._registry.member(group, instance_id) for instance_id in ids]
        for member in members:
            if member.state in TERMINATING:
                refuse(f"The instance {member.instance_id} is not in InService or EnteringStandby or Standby.")
        for member in members:
            member.protected = bool(parameters["ProtectedFromScaleIn"])
        self._registry.wake(group)
        return {}

    def set_health(self, parameters: Parameters) -> Answer:
        """Mark a member; by default not while its grace period lasts."""
        group, member = self.owned(str(parameters["InstanceId"]))
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
            self._controller.health.mark(member, SAID_SO)
        self._registry.wake(group)
        return {}

    def owned(self, instance_id: str) -> tuple[Group, Member]:
        """Answer the group of an instance and its membership.

        Raises:
            ApiError: it belongs to no group.
        """
        owner = self._registry.owner(instance_id)
        if owner is None:
            refuse(f"Instance Id not found - No managed instance found for instance ID {instance_id}")
        return owner

    def _take_out(
        self, group: Group, members: Sequence[Member], departure: Departure, parameters: Parameters
    ) -> Answer:
        decrement = bool(parameters["ShouldDecrementDesiredCapacity"])
        counted = sum(member.counted for member in members) if departure is Departure.DETACH else len(members)
        if decrement and group.desired - counted < group.min_size:
            refuse(
                f"AutoScalingGroup {group.name} has min-size={group.min_size}, max-size={group.max_size}, and "
                f"desired-size={group.desired}. To take {counted} more instance(s) out of service, please lower "
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
        return {"Activities": [describe_activity(each, group_arn=group.arn) for each in activities]}

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
        if not group.runs(Process.LAUNCH):
            refuse(f"The Launch process of AutoScalingGroup {group.name} is suspended.")
        if group.desired + count > group.max_size:
            refuse(
                f"AutoScalingGroup {group.name} has min-size={group.min_size}, max-size={group.max_size}, and "
                f"desired-size={group.desired}. To place {count} more instance(s) into service, please update the "
                f"AutoScalingGroup sizes appropriately."
            )

    def _members(self, parameters: Parameters, *states: Lifecycle) -> tuple[Group, list[Member]]:
        group = self._group(parameters)
        members = [self._registry.member(group, instance_id) for instance_id in ids_of(parameters, limit=20)]
        for member in members:
            if member.state not in states:
                refuse(f"The instance {member.instance_id} is not in {' or '.join(states)}.")
        return group, members

    def _group(self, parameters: Parameters) -> Group:
        return self._registry.group(str(parameters["AutoScalingGroupName"]))

    def _now(self) -> str:
        return at(self._registry.context.now())
