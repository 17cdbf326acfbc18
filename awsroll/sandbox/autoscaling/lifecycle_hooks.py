"""Lifecycle hooks: waiting members, tokens, heartbeats, timeouts.

A wait ends when every hook of its transition is completed with CONTINUE, or at once with ABANDON. The callback
`finished` then moves the member; this file changes no lifecycle state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from awsroll.sandbox.autoscaling.group_state import Hook, HookWait
from awsroll.sandbox.handler_parts import refuse
from awsroll.sandbox.service_limits import HEARTBEAT_SECONDS, HOOKS_PER_GROUP

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from awsroll.sandbox.autoscaling.group_state import Group, Member
    from awsroll.sandbox.autoscaling.registry import Registry
    from awsroll.sandbox.timeline import Timer

TRANSITIONS = {"autoscaling:EC2_INSTANCE_LAUNCHING": True, "autoscaling:EC2_INSTANCE_TERMINATING": False}
RESULTS = frozenset({"CONTINUE", "ABANDON"})


class HookWaits:
    """Holds members at hooks.

    Args:
        registry: the groups.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.finished: Callable[[Group, Member], None] = lambda _group, _member: None

    def begin(self, group: Group, member: Member, *, launching: bool) -> bool:
        """Make a member wait at the group's hooks of a transition, and return whether there is a hook to wait for."""
        if not (member.launch_hooks_apply if launching else member.terminate_hooks_apply):
            return False
        for hook in group.hooks.values():
            if hook.launching == launching:
                context = self._registry.context
                deadline = context.now() + context.scaled(hook.global_seconds)
                timer = self._arm(group, member, hook, float(hook.heartbeat_seconds))
                member.waits[hook.name] = HookWait(
                    hook=hook, token=self._registry.new_id(), deadline=deadline, timer=timer
                )
        return bool(member.waits)

    def complete(self, group: Group, member: Member, hook_name: str, result: str) -> None:
        """End one wait with CONTINUE or ABANDON. ABANDON ends all other waits of the member."""
        wait = member.waits.pop(hook_name)
        wait.timer.cancel()
        member.abandoned = member.abandoned or result == "ABANDON"
        if member.abandoned:
            self.cancel(member)
        if not member.waits:
            self.finished(group, member)

    def heartbeat(self, group: Group, member: Member, hook_name: str) -> None:
        """Restart the heartbeat timeout, within the longest total wait of the hook."""
        wait = member.waits[hook_name]
        wait.timer.cancel()
        context = self._registry.context
        remaining = wait.deadline - context.now()
        seconds = min(float(wait.hook.heartbeat_seconds), remaining.total_seconds() * context.options.speed)
        wait.timer = self._arm(group, member, wait.hook, max(0.0, seconds))

    def cancel(self, member: Member) -> None:
        """Cancel every wait of a member without calling `finished`."""
        for wait in member.waits.values():
            wait.timer.cancel()
        member.waits.clear()

    def find(self, group: Group, hook_name: str, *, token: str | None, instance_id: str | None) -> Member:
        """Return the member that waits at a hook, by token or instance id.

        Raises:
            ApiError: no member waits there.
        """
        for member in group.members.values():
            wait = member.waits.get(hook_name)
            if wait is not None and (wait.token == token or (token is None and member.instance_id == instance_id)):
                return member
        which = f"token {token}" if token else f"instance ID {instance_id}"
        return refuse(f"No active Lifecycle Action found with {which}")

    def _arm(self, group: Group, member: Member, hook: Hook, seconds: float) -> Timer:
        def time_out() -> None:
            if hook.name in member.waits:
                self.complete(group, member, hook.name, hook.default_result)

        return self._registry.context.after(seconds, time_out)


def put_hook(group: Group, request: Mapping[str, Any]) -> None:
    """Create a lifecycle hook, or change the parameters that the request names.

    Raises:
        ApiError: AWS refuses a value.
    """
    name = str(request["LifecycleHookName"])
    existing = group.hooks.get(name)
    if existing is None and len(group.hooks) >= HOOKS_PER_GROUP:
        refuse(f"At most {HOOKS_PER_GROUP} lifecycle hooks are allowed per Auto Scaling group.", code="LimitExceeded")
    launching = TRANSITIONS.get(str(request.get("LifecycleTransition"))) if "LifecycleTransition" in request else None
    if existing is not None and launching is None:
        launching = existing.launching
    if launching is None:
        refuse(f"The lifecycle transition must be one of {', '.join(TRANSITIONS)}.")
    heartbeat = int(request.get("HeartbeatTimeout") or (existing.heartbeat_seconds if existing else 3600))
    least, most = HEARTBEAT_SECONDS
    if not least <= heartbeat <= most:
        refuse(f"Heartbeat timeout must be between {least} and {most} seconds, not {heartbeat}.")
    result = str(request.get("DefaultResult") or (existing.default_result if existing else "ABANDON"))
    if result not in RESULTS:
        refuse(f"The default result must be CONTINUE or ABANDON, not {result}.")
    extra = {
        key: str(request[key])
        for key in ("RoleARN", "NotificationTargetARN", "NotificationMetadata")
        if request.get(key)
    }
    extra = (existing.extra if existing else {}) | extra
    group.hooks[name] = Hook(
        name=name, launching=launching, heartbeat_seconds=heartbeat, default_result=result, extra=extra
    )
