"""Lifecycle hook operations: put, describe, delete, complete, heartbeat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from awsroll.sandbox.autoscaling.lifecycle_hooks import RESULTS, TRANSITIONS, put_hook
from awsroll.sandbox.handler_parts import refuse

if TYPE_CHECKING:
    from awsroll.sandbox.autoscaling.group_controller import Controller
    from awsroll.sandbox.autoscaling.group_state import Group, Hook, Member
    from awsroll.sandbox.autoscaling.registry import Registry
    from awsroll.sandbox.handler_parts import Answer, Handler, Parameters


class HookOperations:
    """Handlers of the lifecycle hook operations.

    Args:
        registry: the groups.
        controller: holds the waiting members.
    """

    def __init__(self, registry: Registry, controller: Controller) -> None:
        self._registry = registry
        self._waits = controller.hooks

    def operations(self) -> dict[str, Handler]:
        """Return the handlers by operation name."""
        return {
            "PutLifecycleHook": self.put,
            "DescribeLifecycleHooks": self.describe,
            "DescribeLifecycleHookTypes": self.describe_types,
            "DeleteLifecycleHook": self.delete,
            "CompleteLifecycleAction": self.complete,
            "RecordLifecycleActionHeartbeat": self.heartbeat,
        }

    def put(self, parameters: Parameters) -> Answer:
        """Create or change a hook. Members that are already waiting are not affected."""
        put_hook(self._group(parameters), parameters)
        return {}

    def describe(self, parameters: Parameters) -> Answer:
        """Return all hooks or the named hooks of a group."""
        group = self._group(parameters)
        names = parameters.get("LifecycleHookNames") or list(group.hooks)
        return {"LifecycleHooks": [_describe(group, group.hooks[name]) for name in names if name in group.hooks]}

    def describe_types(self, _parameters: Parameters) -> Answer:
        """Return the lifecycle transitions."""
        return {"LifecycleHookTypes": list(TRANSITIONS)}

    def delete(self, parameters: Parameters) -> Answer:
        """Delete a hook, which abandons launches that wait at it and continues terminations."""
        group = self._group(parameters)
        name = str(parameters["LifecycleHookName"])
        hook = group.hooks.pop(name, None)
        if hook is None:
            refuse(f"No Lifecycle Hook found for name {name}")
        for member in tuple(group.members.values()):
            if name in member.waits:
                self._waits.complete(group, member, name, "ABANDON" if hook.launching else "CONTINUE")
        return {}

    def complete(self, parameters: Parameters) -> Answer:
        """End a member's wait."""
        result = str(parameters["LifecycleActionResult"])
        if result not in RESULTS:
            refuse(f"The lifecycle action result must be CONTINUE or ABANDON, not {result}.")
        group, member, name = self._wait(parameters)
        self._waits.complete(group, member, name, result)
        return {}

    def heartbeat(self, parameters: Parameters) -> Answer:
        """Extend a member's wait by the hook's heartbeat timeout."""
        group, member, name = self._wait(parameters)
        self._waits.heartbeat(group, member, name)
        return {}

    def _group(self, parameters: Parameters) -> Group:
        return self._registry.group(str(parameters["AutoScalingGroupName"]))

    def _wait(self, parameters: Parameters) -> tuple[Group, Member, str]:
        group = self._group(parameters)
        name = str(parameters["LifecycleHookName"])
        token, instance_id = parameters.get("LifecycleActionToken"), parameters.get("InstanceId")
        if not token and not instance_id:
            refuse("Either the lifecycle action token or the instance ID must be given.")
        return group, self._waits.find(group, name, token=token, instance_id=instance_id), name


def _describe(group: Group, hook: Hook) -> dict[str, Any]:
    transition = next(name for name, launching in TRANSITIONS.items() if launching == hook.launching)
    return {
        "LifecycleHookName": hook.name,
        "AutoScalingGroupName": group.name,
        "LifecycleTransition": transition,
        "HeartbeatTimeout": hook.heartbeat_seconds,
        "GlobalTimeout": hook.global_seconds,
        "DefaultResult": hook.default_result,
        **hook.extra,
    }
