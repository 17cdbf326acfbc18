"""EC2 Auto Scaling: groups, their members, activities and settings. Calls only; no decisions.

The calls that terminate members or move them to standby have no client token. They are repeated only after AWS has
refused them. Some endpoints lack the newer forms of two calls: on
`NotImplementedByEndpointError` the caller falls back.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from awsroll.aws.batches import batches
from awsroll.aws.caller import Caller, Reply
from awsroll.core.aws_limits import ACTIVITIES_PER_PAGE, GROUPS_PER_PAGE, MEMBERS_DESCRIBED

_SERVICE = "autoscaling"


class AutoScaling:
    """The Auto Scaling calls awsroll makes."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def group(self, name: str) -> Reply | None:
        """Describe a group with its members; None if no group has this name."""
        for page in self._caller.pages(_SERVICE, "DescribeAutoScalingGroups", {"AutoScalingGroupNames": [name]}):
            for group in page.get("AutoScalingGroups", []):
                existing: Reply = group
                return existing
        return None

    def groups(self, names: Sequence[str]) -> list[Reply]:
        """Describe groups with their members; leave out names that no group has."""
        found: list[Reply] = []
        for batch in batches(list(names), GROUPS_PER_PAGE):
            request: Reply = {"AutoScalingGroupNames": batch, "MaxRecords": GROUPS_PER_PAGE}
            for page in self._caller.pages(_SERVICE, "DescribeAutoScalingGroups", request):
                found += page.get("AutoScalingGroups", [])
        return found

    def group_names(self) -> list[str]:
        """Return the names of all groups in the region."""
        request: Reply = {"MaxRecords": GROUPS_PER_PAGE}
        if self._caller.clients.knows(_SERVICE, "DescribeAutoScalingGroups", "IncludeInstances"):
            request["IncludeInstances"] = False
        pages = self._caller.pages(_SERVICE, "DescribeAutoScalingGroups", request)
        return [group["AutoScalingGroupName"] for page in pages for group in page.get("AutoScalingGroups", [])]

    def memberships(self, instance_ids: Sequence[str]) -> dict[str, str]:
        """Return the group of each instance, by instance id; leave out instances that belong to no group."""
        groups: dict[str, str] = {}
        for batch in batches(instance_ids, MEMBERS_DESCRIBED):
            request = {"InstanceIds": batch}
            for page in self._caller.pages(_SERVICE, "DescribeAutoScalingInstances", request):
                for member in page.get("AutoScalingInstances", []):
                    groups[member["InstanceId"]] = member["AutoScalingGroupName"]
        return groups

    def activities(self, name: str, since: datetime) -> Iterator[list[Reply]]:
        """Yield pages of the group's scaling activities since an instant: those in progress first, then the newest."""
        request: Reply = {"AutoScalingGroupName": name, "MaxRecords": ACTIVITIES_PER_PAGE}
        for page in self._caller.pages(_SERVICE, "DescribeScalingActivities", request):
            activities = page.get("Activities", [])
            yield [activity for activity in activities if activity["StartTime"] >= since]
            if activities and activities[-1]["StartTime"] < since:
                return

    def hooks(self, name: str) -> list[Reply]:
        """Describe the group's lifecycle hooks."""
        answer = self._caller.call(_SERVICE, "DescribeLifecycleHooks", {"AutoScalingGroupName": name})
        hooks: list[Reply] = answer.get("LifecycleHooks", [])
        return hooks

    def instance_refreshes(self, name: str) -> list[Reply]:
        """Describe the group's newest instance refreshes. One page is enough: an active refresh is the newest."""
        answer = self._caller.call(_SERVICE, "DescribeInstanceRefreshes", {"AutoScalingGroupName": name})
        refreshes: list[Reply] = answer.get("InstanceRefreshes", [])
        return refreshes

    def warm_pool(self, name: str) -> Reply:
        """Describe the group's warm pool and all its `Instances`; without a pool, leave out `WarmPoolConfiguration`."""
        pool: Reply = {"Instances": []}
        for page in self._caller.pages(_SERVICE, "DescribeWarmPool", {"AutoScalingGroupName": name}):
            pool["Instances"] += page.get("Instances", [])
            if page.get("WarmPoolConfiguration"):
                pool["WarmPoolConfiguration"] = page["WarmPoolConfiguration"]
        return pool

    def delete_warm_pool(self, name: str) -> None:
        """Delete the group's warm pool and its instances, without waiting until they are terminated."""
        request = {"AutoScalingGroupName": name, "ForceDelete": True}
        self._caller.call(_SERVICE, "DeleteWarmPool", request)

    def put_warm_pool(self, name: str, settings: Reply) -> None:
        """Set the group's warm pool. The values are absolute, so repeating the call is harmless."""
        self._caller.call(_SERVICE, "PutWarmPool", {"AutoScalingGroupName": name, **settings})

    def can_launch_instances(self) -> bool:
        """Return whether the installed SDK has LaunchInstances. The endpoint may still lack it."""
        return self._caller.clients.knows(_SERVICE, "LaunchInstances")

    def launch_instances(self, request: Reply) -> Reply:
        """Launch instances in one zone of a group. `request` must hold a ClientToken."""
        return self._caller.call(_SERVICE, "LaunchInstances", request)

    def terminate_members(self, name: str, instance_ids: Sequence[str], *, decrement: bool) -> None:
        """Have the group terminate up to `MEMBERS_TERMINATED` members in one call.

        Raises:
            NotImplementedByEndpointError: if the SDK or the endpoint takes only one id per call.
        """
        request = {
            "AutoScalingGroupName": name,
            "InstanceIds": list(instance_ids),
            "ShouldDecrementDesiredCapacity": decrement,
        }
        self._caller.call(_SERVICE, "TerminateInstanceInAutoScalingGroup", request, repeatable=False)

    def terminate_member(self, instance_id: str, *, decrement: bool) -> None:
        """Have its group terminate one member. Every endpoint has this form."""
        request = {"InstanceId": instance_id, "ShouldDecrementDesiredCapacity": decrement}
        self._caller.call(_SERVICE, "TerminateInstanceInAutoScalingGroup", request, repeatable=False)

    def detach(self, name: str, instance_ids: Sequence[str]) -> None:
        """Detach up to `STANDBY_MEMBERS` members. Desired stays, so the group launches others in their place."""
        request = {
            "AutoScalingGroupName": name,
            "InstanceIds": list(instance_ids),
            "ShouldDecrementDesiredCapacity": False,
        }
        self._caller.call(_SERVICE, "DetachInstances", request, repeatable=False)

    def enter_standby(self, name: str, instance_ids: Sequence[str]) -> None:
        """Move up to `STANDBY_MEMBERS` members to standby and lower the desired capacity by their number."""
        request = {
            "AutoScalingGroupName": name,
            "InstanceIds": list(instance_ids),
            "ShouldDecrementDesiredCapacity": True,
        }
        self._caller.call(_SERVICE, "EnterStandby", request, repeatable=False)

    def exit_standby(self, name: str, instance_ids: Sequence[str]) -> None:
        """Return up to `STANDBY_MEMBERS` members to service and raise the desired capacity by their number."""
        request = {"AutoScalingGroupName": name, "InstanceIds": list(instance_ids)}
        self._caller.call(_SERVICE, "ExitStandby", request, repeatable=False)

    def set_healthy(self, instance_id: str) -> None:
        """Clear a member's Unhealthy mark. The value is absolute, so repeating the call is harmless."""
        request = {"InstanceId": instance_id, "HealthStatus": "Healthy", "ShouldRespectGracePeriod": False}
        self._caller.call(_SERVICE, "SetInstanceHealth", request)

    def set_desired_capacity(self, name: str, capacity: int) -> None:
        """Set the desired capacity, also during a cooldown. The value is absolute, so repeating is harmless."""
        request = {"AutoScalingGroupName": name, "DesiredCapacity": capacity, "HonorCooldown": False}
        self._caller.call(_SERVICE, "SetDesiredCapacity", request)

    def update_group(self, name: str, settings: Reply) -> None:
        """Set a group's settings. The values are absolute; settings that are left out keep theirs."""
        self._caller.call(_SERVICE, "UpdateAutoScalingGroup", {"AutoScalingGroupName": name, **settings})

    def suspend(self, name: str, processes: Sequence[str]) -> None:
        """Suspend processes. Without processes, send nothing: an empty list means all processes."""
        self._change_processes("SuspendProcesses", name, processes)

    def resume(self, name: str, processes: Sequence[str]) -> None:
        """Resume processes. Without processes, send nothing: an empty list means all processes."""
        self._change_processes("ResumeProcesses", name, processes)

    def _change_processes(self, operation: str, name: str, processes: Sequence[str]) -> None:
        if processes:
            request = {"AutoScalingGroupName": name, "ScalingProcesses": list(processes)}
            self._caller.call(_SERVICE, operation, request)

    def add_tags(self, name: str, tags: Mapping[str, str]) -> None:
        """Set tags on a group, not propagated to its instances."""
        request = {"Tags": [{**_tag(name, key), "Value": value} for key, value in tags.items()]}
        self._caller.call(_SERVICE, "CreateOrUpdateTags", request)

    def remove_tags(self, name: str, keys: Sequence[str]) -> None:
        """Remove tags from a group."""
        self._caller.call(_SERVICE, "DeleteTags", {"Tags": [_tag(name, key) for key in keys]})


def _tag(name: str, key: str) -> Reply:
    return {"ResourceId": name, "ResourceType": "auto-scaling-group", "Key": key, "PropagateAtLaunch": False}
