"""The log of scaling activities that DescribeScalingActivities shows: open, close, select and describe them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from awsroll.sandbox.autoscaling.group_state import Activity
from awsroll.sandbox.service_limits import ACTIVITY_CAUSE_LENGTH, ACTIVITY_MESSAGE_LENGTH, ACTIVITY_RETENTION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from awsroll.sandbox.autoscaling.group_state import Group
    from awsroll.sandbox.interfaces import ServiceContext


def at(instant: datetime) -> str:
    """Return an instant in the format of causes and suspension reasons."""
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


class ActivityLog:
    """All scaling activities of the account, oldest first.

    Args:
        context: the time.
        new_id: creates the id of an activity.
    """

    def __init__(self, context: ServiceContext, new_id: Callable[[], str]) -> None:
        self._context = context
        self._new_id = new_id
        self._activities: list[Activity] = []

    def open(self, group: Group, description: str, cause: str, *, details: dict[str, str] | None = None) -> Activity:
        """Open an activity in progress."""
        activity = Activity(
            activity_id=self._new_id(),
            group_name=group.name,
            description=description,
            cause=cause[:ACTIVITY_CAUSE_LENGTH],
            started_at=self._context.now(),
            status="InProgress",
            details=dict(details or {}),
            number=len(self._activities),
        )
        self._activities.append(activity)
        return activity

    def fail_launch(self, group: Group, cause: str, message: str, details: dict[str, str]) -> Activity:
        """Record a launch that EC2 refused, which has no instance id."""
        reason = f"{message} Launching EC2 instance failed."
        description = f"Launching a new EC2 instance.  Status Reason: {reason}"
        activity = self.open(group, description, cause, details=details)
        self.close(activity, "Failed", message=reason)
        return activity

    def close(self, activity: Activity | None, status: str, *, message: str | None = None) -> None:
        """Close an activity as Successful, Failed or Cancelled; a closed activity does not change."""
        if activity is None or activity.ended_at is not None:
            return
        activity.status = status
        activity.progress = 100
        activity.ended_at = self._context.now()
        if message is not None:
            activity.status_message = message[:ACTIVITY_MESSAGE_LENGTH]

    def group_names(self) -> list[str]:
        """Return the names of all groups that ever had an activity."""
        return sorted({activity.group_name for activity in self._activities})

    def select(
        self, groups: Iterable[str], ids: Iterable[str] = (), *, filters: dict[str, list[str]] | None = None
    ) -> list[Activity]:
        """Return activities in AWS's order: in progress first, then by descending start.

        Args:
            groups: the names of the groups.
            ids: the ids to select; empty for all.
            filters: `StartTimeLowerBound`, `StartTimeUpperBound` (datetimes) and `Status`.
        """
        names, activity_ids, filters = set(groups), set(ids), filters or {}
        oldest = self._context.now() - ACTIVITY_RETENTION
        selected = [
            activity
            for activity in self._activities
            if activity.group_name in names
            and (not activity_ids or activity.activity_id in activity_ids)
            and activity.started_at >= oldest
            and _matches(activity, filters)
        ]
        return sorted(
            selected,
            key=lambda activity: (activity.ended_at is not None, -activity.started_at.timestamp(), -activity.number),
        )


def describe(activity: Activity, *, group_arn: str | None = None) -> dict[str, Any]:
    """Return an activity in the shape of the API."""
    answer: dict[str, Any] = {
        "ActivityId": activity.activity_id,
        "AutoScalingGroupName": activity.group_name,
        "Description": activity.description,
        "Cause": activity.cause,
        "StartTime": activity.started_at,
        "StatusCode": activity.status,
        "Progress": activity.progress,
        "Details": json.dumps(activity.details),
    }
    if activity.ended_at is not None:
        answer["EndTime"] = activity.ended_at
    if activity.status_message is not None:
        answer["StatusMessage"] = activity.status_message
    if group_arn is not None:
        answer["AutoScalingGroupARN"] = group_arn
    else:
        answer["AutoScalingGroupState"] = "Deleted"
    return answer


def _matches(activity: Activity, filters: dict[str, list[Any]]) -> bool:
    start = activity.started_at
    return (
        all(start >= bound for bound in filters.get("StartTimeLowerBound", []))
        and all(start <= bound for bound in filters.get("StartTimeUpperBound", []))
        and ("Status" not in filters or activity.status in filters["Status"])
    )
