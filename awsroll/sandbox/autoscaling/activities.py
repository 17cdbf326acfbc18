"""The record of scaling activities, as DescribeScalingActivities shows it.

Opens and closes activities and orders them; what an activity means for a member is the business of its callers.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from awsroll.sandbox.autoscaling.group_state import Activity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from awsroll.sandbox.autoscaling.group_state import Group
    from awsroll.sandbox.interfaces import ServiceContext

KEPT_FOR = timedelta(weeks=6)
MESSAGE_LIMIT = 255


def at(instant: datetime) -> str:
    """Write an instant the way causes and suspension reasons do."""
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


class ActivityLog:
    """All scaling activities of the account, oldest first.

    Args:
        context: the time.
        new_id: makes the activities' ids.
    """

    def __init__(self, context: ServiceContext, new_id: Callable[[], str]) -> None:
        self._context = context
        self._new_id = new_id
        self._activities: list[Activity] = []

    def open(self, group: Group, description: str, cause: str, *, details: dict[str, str] | None = None) -> Activity:
        """Start an activity that is in progress."""
        activity = Activity(
            activity_id=self._new_id(),
            group_name=group.name,
            description=description,
            cause=cause[:1023],
            started_at=self._context.now(),
            status="InProgress",
            details=dict(details or {}),
            number=len(self._activities),
        )
        self._activities.append(activity)
        return activity

    def fail_launch(self, group: Group, cause: str, message: str, details: dict[str, str]) -> Activity:
        """Record a launch that EC2 refused: it never had an instance id."""
        reason = f"{message} Launching EC2 instance failed."
        description = f"Launching a new EC2 instance.  Status Reason: {reason}"
        activity = self.open(group, description, cause, details=details)
        self.close(activity, "Failed", message=reason)
        return activity

    def close(self, activity: Activity | None, status: str, *, message: str | None = None) -> None:
        """End an activity as Successful, Failed or Cancelled; one that is over already stays as it is."""
        if activity is None or activity.ended_at is not None:
            return
        activity.status = status
        activity.progress = 100
        activity.ended_at = self._context.now()
        if message is not None:
            activity.status_message = message[:MESSAGE_LIMIT]

    def group_names(self) -> list[str]:
        """Answer the names of all groups that ever had an activity."""
        return sorted({activity.group_name for activity in self._activities})

    def select(
        self, groups: Iterable[str], ids: Iterable[str] = (), *, filters: dict[str, list[str]] | None = None
    ) -> list[Activity]:
        """Answer activities in AWS's order: those in progress first, then the latest start first.

        Args:
            groups: names of the groups to look at.
            ids: only these activities, when any are given.
            filters: `StartTimeLowerBound`, `StartTimeUpperBound` (datetimes) and `Status`.
        """
        names, wanted, filters = set(groups), set(ids), filters or {}
        oldest = self._context.now() - KEPT_FOR
        found = [
            activity
            for activity in self._activities
            if activity.group_name in names
            and (not wanted or activity.activity_id in wanted)
            and activity.started_at >= oldest
            and _matches(activity, filters)
        ]
        return sorted(found, key=lambda each: (each.ended_at is not None, -each.started_at.timestamp(), -each.number))


def describe(activity: Activity, *, group_arn: str | None = None) -> dict[str, Any]:
    """Answer one activity in the shape of the API."""
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
