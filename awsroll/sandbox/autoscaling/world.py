"""EC2 Auto Scaling in the sandbox: its parts, and the table of its API operations.

`group_controller.py` runs the groups on the world's timers; moto's synchronous groups are not used. moto answers
operations outside the table (launch configurations, scaling policies). Operations that need moto's groups are refused.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from awsroll.sandbox.autoscaling.group_controller import Controller
from awsroll.sandbox.autoscaling.operations.group_tags import TagOperations
from awsroll.sandbox.autoscaling.operations.groups import GroupOperations
from awsroll.sandbox.autoscaling.operations.launch_instances import LaunchOperation
from awsroll.sandbox.autoscaling.operations.lifecycle_hook_calls import HookOperations
from awsroll.sandbox.autoscaling.operations.members import MemberOperations
from awsroll.sandbox.autoscaling.operations.processes import ProcessOperations
from awsroll.sandbox.autoscaling.operations.refresh import RefreshOperations
from awsroll.sandbox.autoscaling.operations.terminate import TerminateOperation
from awsroll.sandbox.autoscaling.operations.traffic_sources import TrafficOperations
from awsroll.sandbox.autoscaling.operations.warm_pools import WarmPoolOperations
from awsroll.sandbox.autoscaling.registry import Registry
from awsroll.sandbox.handler_parts import refuse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awsroll.sandbox.autoscaling.group_state import Group
    from awsroll.sandbox.handler_parts import Answer, Handler, Parameters
    from awsroll.sandbox.interfaces import GroupContext

NOT_SIMULATED = (
    "BatchDeleteScheduledAction",
    "BatchPutScheduledUpdateGroupAction",
    "DisableMetricsCollection",
    "EnableMetricsCollection",
    "ExecutePolicy",
    "PutNotificationConfiguration",
    "RollbackInstanceRefresh",
)


class AutoScalingWorld:
    """All Auto Scaling groups of the simulated account.

    Args:
        context: the time, the switches, the instances and the targets.
    """

    def __init__(self, context: GroupContext) -> None:
        self._registry = Registry(context)
        controller = Controller(self._registry)
        self._launch = LaunchOperation(self._registry, controller)
        known: dict[str, Handler] = {name: partial(_refuse, name) for name in NOT_SIMULATED}
        for part in (
            GroupOperations(self._registry, controller),
            MemberOperations(self._registry, controller),
            TerminateOperation(self._registry, controller),
            HookOperations(self._registry, controller),
            ProcessOperations(self._registry, controller),
            TagOperations(self._registry),
            TrafficOperations(self._registry, controller),
            RefreshOperations(self._registry),
            WarmPoolOperations(self._registry, controller),
        ):
            known |= part.operations()
        self._operations = self._for_everybody(known)

    @property
    def operations(self) -> Mapping[str, Handler]:
        """The handlers by operation name, as far as the switches allow them."""
        return self._operations | self._for_everybody(self._launch.operations())

    def _for_everybody(self, handlers: Mapping[str, Handler]) -> dict[str, Handler]:
        """Return the handlers; those of changes refuse a group that only its operator may change."""
        return {
            name: handler if name.startswith("Describe") else self._guarded(handler)
            for name, handler in handlers.items()
        }

    def _guarded(self, handler: Handler) -> Handler:
        def handle(parameters: Parameters) -> Answer:
            if any(group.settings.get("Operator") for group in self._changed_by(parameters)):
                refuse("The Auto Scaling group can be changed only by its operator.", code="AccessDenied")
            return handler(parameters)

        return handle

    def _changed_by(self, parameters: Parameters) -> list[Group]:
        """Return the existing groups that a request names, by name, by a tag's resource or by a member."""
        names = {parameters.get("AutoScalingGroupName"), *(tag.get("ResourceId") for tag in _tags(parameters))}
        members = {parameters.get("InstanceId"), *(parameters.get("InstanceIds") or ())}
        return [
            group for group in self._registry.groups.values() if group.name in names or members & group.members.keys()
        ]

    def groups(self) -> tuple[Group, ...]:
        """Return the groups."""
        return tuple(self._registry.groups.values())


def _tags(parameters: Parameters) -> list[dict[str, Any]]:
    return [tag for tag in parameters.get("Tags") or () if isinstance(tag, dict)]


def _refuse(operation: str, _parameters: Parameters) -> Answer:
    message = f"The sandbox does not simulate {operation}; nothing was changed. docs/sandbox.md lists the operations."
    return refuse(message, code="InvalidAction")
