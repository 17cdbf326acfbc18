"""TerminateInstanceInAutoScalingGroup, with 1 to 100 ids.

It ignores scale-in protection, has no idempotency token, and returns an activity in progress.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from awsroll.sandbox.autoscaling.activities import at, describe
from awsroll.sandbox.autoscaling.group_state import TERMINATING, Departure, Lifecycle
from awsroll.sandbox.handler_parts import ids_of, refuse
from awsroll.sandbox.service_limits import TERMINATED_MEMBERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from awsroll.sandbox.autoscaling.group_controller import Controller
    from awsroll.sandbox.autoscaling.group_state import Activity, Group, Member
    from awsroll.sandbox.autoscaling.registry import Registry
    from awsroll.sandbox.handler_parts import Answer, Handler, Parameters


class TerminateOperation:
    """Handler of TerminateInstanceInAutoScalingGroup.

    Args:
        registry: the groups.
        controller: moves the members.
    """

    def __init__(self, registry: Registry, controller: Controller) -> None:
        self._registry = registry
        self._controller = controller

    def operations(self) -> dict[str, Handler]:
        """Return the handler by operation name."""
        return {"TerminateInstanceInAutoScalingGroup": self.terminate}

    def terminate(self, parameters: Parameters) -> Answer:
        """Terminate members, and either lower the desired capacity or have the members replaced at once."""
        group, members = self._selected(parameters)
        decrement = bool(parameters["ShouldDecrementDesiredCapacity"])
        self._check(group, members, decrement=decrement)
        activities = [self._terminate(group, member, decrement=decrement) for member in members]
        self._registry.wake(group)
        shown = [describe(activity, group_arn=group.arn) for activity in activities]
        return {"Activity": shown[0]} if parameters.get("InstanceId") else {"Activities": shown}

    def _selected(self, parameters: Parameters) -> tuple[Group, list[Member]]:
        single = parameters.get("InstanceId")
        if not self._registry.options.launch_instances_available or not parameters.get("InstanceIds"):
            if not single:
                refuse("1 validation error detected: InstanceId must not be null")
            group, member = self._registry.owned(str(single))
            return group, [member]
        if single:
            refuse("Either InstanceId or InstanceIds can be given, not both.")
        ids = ids_of(parameters, limit=TERMINATED_MEMBERS)
        if not parameters.get("AutoScalingGroupName"):
            refuse("AutoScalingGroupName is required with InstanceIds.")
        group = self._registry.group(str(parameters["AutoScalingGroupName"]))
        return group, [self._registry.member(group, instance_id) for instance_id in ids]

    def _check(self, group: Group, members: Sequence[Member], *, decrement: bool) -> None:
        for member in members:
            if decrement and member.state is Lifecycle.TERMINATING_RETAINED:
                refuse(f"The instance {member.instance_id} is retained: it does not count towards desired.")
            if member.state in TERMINATING and self._registry.options.second_terminate == "refused":
                refuse(f"The instance {member.instance_id} is not in InService or Standby or Pending.")
        if decrement and group.desired - sum(self._lowers(member) for member in members) < group.min_size:
            refuse(
                f"Currently, desiredSize equals minSize ({group.min_size}). Terminating instance without replacement "
                "will violate group's min size constraint. Either set shouldDecrementDesiredCapacity flag to false or "
                "lower group's min size."
            )

    def _lowers(self, member: Member) -> bool:
        """Return whether terminating a member with decrement lowers the desired capacity."""
        ignored = self._registry.options.standby_terminate_decrement == "ignored"
        return not (ignored and member.state is Lifecycle.STANDBY and member.lowered_desired)

    def _terminate(self, group: Group, member: Member, *, decrement: bool) -> Activity:
        before = group.desired
        decrement = decrement and self._lowers(member)
        group.desired -= decrement
        if member.state in TERMINATING and member.activity is not None:
            return member.activity
        if member.state is Lifecycle.TERMINATING_RETAINED:
            member.abandoned, member.terminate_hooks_apply = False, False
        now = at(self._registry.context.now())
        cause = f"At {now} instance {member.instance_id} was taken out of service in response to a user request"
        cause += f", shrinking the capacity from {before} to {group.desired}." if decrement else "."
        return self._controller.departures.begin(group, member, Departure.TERMINATE, cause)
