"""Instance refresh operations: a refresh is shown and blocks the operations that AWS blocks.

A refresh replaces no instances in the sandbox, and stays in progress until it is cancelled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from awsroll.sandbox.autoscaling.group_state import Refresh
from awsroll.sandbox.handler_parts import page, refuse, with_token
from awsroll.sandbox.service_limits import GROUP_PAGES

if TYPE_CHECKING:
    from awsroll.sandbox.autoscaling.group_state import Group
    from awsroll.sandbox.autoscaling.registry import Registry
    from awsroll.sandbox.handler_parts import Answer, Handler, Parameters

PREFERENCES = {"MinHealthyPercentage": 90, "SkipMatching": False, "AutoRollback": False}
CANCELLING_SECONDS = 10.0


class RefreshOperations:
    """Handlers of the operations on instance refreshes.

    Args:
        registry: the groups.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def operations(self) -> dict[str, Handler]:
        """Return the handlers by operation name."""
        return {
            "StartInstanceRefresh": self.start,
            "DescribeInstanceRefreshes": self.describe,
            "CancelInstanceRefresh": self.cancel,
        }

    def start(self, parameters: Parameters) -> Answer:
        """Start a refresh, which stays in progress."""
        group = self._group(parameters)
        refuse_during_refresh(group)
        configuration = parameters.get("DesiredConfiguration") or {}
        if configuration.get("LaunchTemplate"):
            self._registry.catalog.spec(configuration["LaunchTemplate"])
        request: dict[str, Any] = {"Preferences": PREFERENCES | dict(parameters.get("Preferences") or {})}
        if configuration:
            request["DesiredConfiguration"] = configuration
        refresh = Refresh(
            refresh_id=self._registry.new_id(),
            status="InProgress",
            started_at=self._registry.context.now(),
            has_desired_configuration=bool(configuration),
            request=request,
        )
        group.refreshes.insert(0, refresh)
        return {"InstanceRefreshId": refresh.refresh_id}

    def describe(self, parameters: Parameters) -> Answer:
        """Return the refreshes of a group, newest first."""
        group = self._group(parameters)
        refresh_ids = parameters.get("InstanceRefreshIds") or []
        selected = [refresh for refresh in group.refreshes if not refresh_ids or refresh.refresh_id in refresh_ids]
        shown, token = page(selected, parameters, GROUP_PAGES)
        return with_token({"InstanceRefreshes": [_describe(group, refresh) for refresh in shown]}, token)

    def cancel(self, parameters: Parameters) -> Answer:
        """Cancel the refresh in progress, which is Cancelling for 10 seconds."""
        group = self._group(parameters)
        refresh = group.active_refresh
        if refresh is None:
            refuse("No in progress or pending Instance Refresh found", code="ActiveInstanceRefreshNotFound")
        refresh.status, refresh.status_reason = "Cancelling", "Cancelled due to user request."
        self._registry.context.after(CANCELLING_SECONDS, lambda: self._cancelled(refresh))
        return {"InstanceRefreshId": refresh.refresh_id}

    def _cancelled(self, refresh: Refresh) -> None:
        refresh.status, refresh.ended_at = "Cancelled", self._registry.context.now()

    def _group(self, parameters: Parameters) -> Group:
        return self._registry.group(str(parameters["AutoScalingGroupName"]))


def refuse_during_refresh(group: Group) -> None:
    """Refuse an operation while an instance refresh is active.

    Raises:
        ApiError: an instance refresh is active.
    """
    if group.active_refresh is not None:
        message = f"An active instance refresh already exists for the Auto Scaling group {group.name}."
        refuse(message, code="InstanceRefreshInProgress")


def _describe(group: Group, refresh: Refresh) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "InstanceRefreshId": refresh.refresh_id,
        "AutoScalingGroupName": group.name,
        "Status": refresh.status,
        "StartTime": refresh.started_at,
        "PercentageComplete": 0,
        "InstancesToUpdate": len(group.counted),
        **refresh.request,
    }
    if refresh.ended_at is not None:
        answer["EndTime"] = refresh.ended_at
    if refresh.status_reason is not None:
        answer["StatusReason"] = refresh.status_reason
    return answer
