"""Operations on suspended processes, scaling activities and scheduled actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from awsroll.sandbox.api_errors import ApiError
from awsroll.sandbox.autoscaling.activities import at, describe
from awsroll.sandbox.autoscaling.group_state import Process, ScheduledAction
from awsroll.sandbox.autoscaling.operations.groups import updated_sizes
from awsroll.sandbox.handler_parts import page, refuse, timestamp, with_token
from awsroll.sandbox.service_limits import ACTIVITY_PAGES, GROUP_PAGES

if TYPE_CHECKING:
    from awsroll.sandbox.autoscaling.group_controller import Controller
    from awsroll.sandbox.autoscaling.group_state import Group
    from awsroll.sandbox.autoscaling.registry import Registry
    from awsroll.sandbox.handler_parts import Answer, Handler, Parameters

SIZES = ("MinSize", "MaxSize", "DesiredCapacity")


class ProcessOperations:
    """Handlers of the operations on processes, activities and scheduled actions.

    Args:
        registry: the groups.
        controller: acts on the stored requests.
    """

    def __init__(self, registry: Registry, controller: Controller) -> None:
        self._registry = registry
        self._controller = controller

    def operations(self) -> dict[str, Handler]:
        """Return the handlers by operation name."""
        return {
            "SuspendProcesses": self.suspend,
            "ResumeProcesses": self.resume,
            "DescribeScalingProcessTypes": self.process_types,
            "DescribeScalingActivities": self.activities,
            "PutScheduledUpdateGroupAction": self.schedule,
            "DescribeScheduledActions": self.scheduled,
            "DeleteScheduledAction": self.unschedule,
        }

    def suspend(self, parameters: Parameters) -> Answer:
        """Suspend the named processes, or all processes if no name is given."""
        group, reason = self._group(parameters), f"User suspended at {at(self._registry.context.now())}"
        for process in _processes(parameters):
            group.suspended.setdefault(process, reason)
        return {}

    def resume(self, parameters: Parameters) -> Answer:
        """Resume processes, and reconcile the group at once."""
        group = self._group(parameters)
        for process in _processes(parameters):
            group.suspended.pop(process, None)
        self._controller.health.suspect_all(group)
        self._registry.wake(group)
        return {}

    def process_types(self, _parameters: Parameters) -> Answer:
        """Return the names of the processes."""
        return {"Processes": [{"ProcessName": str(process)} for process in Process]}

    def activities(self, parameters: Parameters) -> Answer:
        """Return scaling activities in pages of 100: in progress first, then by descending start."""
        name = parameters.get("AutoScalingGroupName")
        log = self._registry.log
        if name and not (parameters.get("IncludeDeletedGroups") and name not in self._registry.groups):
            self._registry.group(str(name))
        names = [str(name)] if name else list(self._registry.groups)
        if parameters.get("IncludeDeletedGroups") and not name:
            names = log.group_names()
        filters = {
            str(activity_filter["Name"]): _filter_values(activity_filter)
            for activity_filter in parameters.get("Filters") or []
        }
        selected = log.select(names, parameters.get("ActivityIds") or (), filters=filters)
        shown, token = page(selected, parameters, ACTIVITY_PAGES)
        rows = []
        for activity in shown:
            group = self._registry.groups.get(activity.group_name)
            rows.append(describe(activity, group_arn=group.arn if group is not None else None))
        return with_token({"Activities": rows}, token)

    def schedule(self, parameters: Parameters) -> Answer:
        """Schedule a change of sizes for an instant. A recurrence is stored and never runs."""
        group = self._group(parameters)
        name = str(parameters["ScheduledActionName"])
        starts_at = parameters.get("StartTime") or parameters.get("Time")
        now = self._registry.context.now()
        if starts_at is None and not parameters.get("Recurrence"):
            refuse("Either StartTime or Recurrence must be given.")
        starts_at = timestamp(starts_at) if starts_at is not None else now
        if starts_at < now:
            refuse("Given start time is in the past")
        if (old := group.scheduled.get(name)) is not None:
            old.timer.cancel()
        seconds = (starts_at - now).total_seconds() * self._registry.options.speed
        timer = self._registry.context.after(seconds, lambda: self._due(group, name))
        sizes = {key: int(parameters[key]) for key in SIZES if parameters.get(key) is not None}
        request = {key: parameters[key] for key in ("Recurrence", "EndTime", "TimeZone") if parameters.get(key)}
        group.scheduled[name] = ScheduledAction(
            name=name, starts_at=starts_at, sizes=sizes, request=request, timer=timer
        )
        return {}

    def scheduled(self, parameters: Parameters) -> Answer:
        """Return the scheduled actions that have not run."""
        name = parameters.get("AutoScalingGroupName")
        groups = [self._registry.group(str(name))] if name else list(self._registry.groups.values())
        action_names = parameters.get("ScheduledActionNames") or []
        pairs = [(group, action) for group in groups for action in group.scheduled.values()]
        selected = [(group, action) for group, action in pairs if not action_names or action.name in action_names]
        shown, token = page(selected, parameters, GROUP_PAGES)
        return with_token({"ScheduledUpdateGroupActions": [_describe(*pair) for pair in shown]}, token)

    def unschedule(self, parameters: Parameters) -> Answer:
        """Delete a scheduled action."""
        group = self._group(parameters)
        action = group.scheduled.pop(str(parameters["ScheduledActionName"]), None)
        if action is None:
            refuse("Scheduled action name not found")
        action.timer.cancel()
        return {}

    def _due(self, group: Group, name: str) -> None:
        """Run a scheduled action. An action that is due while ScheduledActions is suspended is lost."""
        action = group.scheduled.get(name)
        if action is None or action.request.get("Recurrence"):
            return
        del group.scheduled[name]
        if not group.runs(Process.SCHEDULED_ACTIONS):
            return
        try:
            sizes = updated_sizes(group, action.sizes)
        except ApiError:
            return  # AWS shows a failed activity; the group stays as it is
        group.min_size, group.max_size, group.desired = sizes.min_size, sizes.max_size, sizes.desired
        self._registry.wake(group)

    def _group(self, parameters: Parameters) -> Group:
        return self._registry.group(str(parameters["AutoScalingGroupName"]))


def _processes(parameters: Parameters) -> list[str]:
    names = [str(name) for name in parameters.get("ScalingProcesses") or []] or [str(process) for process in Process]
    unknown = set(names) - {str(process) for process in Process}
    if unknown:
        refuse(f"Invalid scaling process(es): {', '.join(sorted(unknown))}")
    return names


def _filter_values(activity_filter: dict[str, Any]) -> list[Any]:
    name, values = str(activity_filter["Name"]), activity_filter.get("Values") or []
    if name in {"StartTimeLowerBound", "StartTimeUpperBound"}:
        return [timestamp(value) for value in values]
    if name != "Status":
        refuse(f"Filter {name} is not valid; use StartTimeLowerBound, StartTimeUpperBound or Status.")
    return [str(value) for value in values]


def _describe(group: Group, action: ScheduledAction) -> dict[str, Any]:
    arn = group.arn.replace(":autoScalingGroup:", ":scheduledUpdateGroupAction:")
    return {
        "AutoScalingGroupName": group.name,
        "ScheduledActionName": action.name,
        "ScheduledActionARN": f"{arn}:scheduledActionName/{action.name}",
        "StartTime": action.starts_at,
        "Time": action.starts_at,
        **action.sizes,
        **action.request,
    }
