"""The API shapes of groups, members and tags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from awsroll.sandbox.autoscaling.other_sources import CLASSIC, TARGET_GROUP

if TYPE_CHECKING:
    from awsroll.sandbox.autoscaling.catalog import Catalog
    from awsroll.sandbox.autoscaling.group_state import Group, Member

STORED = (
    "AvailabilityZoneDistribution",
    "AvailabilityZoneImpairmentPolicy",
    "CapacityReservationSpecification",
    "Context",
    "DefaultInstanceWarmup",
    "DeletionProtection",
    "DesiredCapacityType",
    "InstanceLifecyclePolicy",
    "InstanceMaintenancePolicy",
    "MaxInstanceLifetime",
    "Operator",
    "PlacementGroup",
)
"""Settings that the sandbox stores and shows. Only DeletionProtection and InstanceLifecyclePolicy have an effect."""
BEHAVIOUR = {
    "CapacityRebalance": False,
    "DefaultCooldown": 300,
    "HealthCheckGracePeriod": 0,
    "HealthCheckType": "EC2",
    "NewInstancesProtectedFromScaleIn": False,
    "TerminationPolicies": ["Default"],
}
"""Settings with an effect, and their defaults in the API."""


def describe_member(member: Member, catalog: Catalog) -> dict[str, Any]:
    """Return a member as an element of `Instances`."""
    answer: dict[str, Any] = {
        "InstanceId": member.instance_id,
        "InstanceType": member.instance_type,
        "AvailabilityZone": member.zone,
        "LifecycleState": str(member.state),
        "HealthStatus": member.health,
        "ProtectedFromScaleIn": member.protected,
    }
    if zone_id := catalog.zone_id(member.zone):
        answer["AvailabilityZoneId"] = zone_id
    if member.image_id:
        answer["ImageId"] = member.image_id
    if member.template is not None:
        answer["LaunchTemplate"] = member.template.to_api()
    return answer


def describe_tags(group: Group) -> list[dict[str, Any]]:
    """Return the group's tags, sorted by key."""
    return [
        {
            "ResourceId": group.name,
            "ResourceType": "auto-scaling-group",
            "Key": key,
            "Value": tag.value,
            "PropagateAtLaunch": tag.propagate,
        }
        for key, tag in sorted(group.tags.items())
    ]


def describe_group(group: Group, catalog: Catalog, *, with_instances: bool) -> dict[str, Any]:
    """Return a group as an element of `AutoScalingGroups`."""
    attached = [arn for arn, attachment in group.attachments.items() if attachment.state != "Removing"]
    answer: dict[str, Any] = {
        "AutoScalingGroupName": group.name,
        "AutoScalingGroupARN": group.arn,
        "MinSize": group.min_size,
        "MaxSize": group.max_size,
        "DesiredCapacity": group.desired,
        "AvailabilityZones": list(group.zones),
        "AvailabilityZoneIds": [zone_id for zone in group.zones if (zone_id := catalog.zone_id(zone))],
        "VPCZoneIdentifier": ",".join(group.subnets),
        "LoadBalancerNames": [name for name, kind in group.other_sources.items() if kind == CLASSIC],
        "TargetGroupARNs": attached,
        "TrafficSources": [
            *({"Identifier": arn, "Type": TARGET_GROUP} for arn in attached),
            *({"Identifier": name, "Type": kind} for name, kind in group.other_sources.items()),
        ],
        "CreatedTime": group.created_at,
        "SuspendedProcesses": [
            {"ProcessName": name, "SuspensionReason": reason} for name, reason in sorted(group.suspended.items())
        ],
        "EnabledMetrics": [],
        "Tags": describe_tags(group),
        "ServiceLinkedRoleARN": _role(group),
        "Instances": [],
    }
    answer |= {name: group.setting(name, default=default) for name, default in BEHAVIOUR.items()}
    answer |= {name: group.settings[name] for name in STORED if group.settings.get(name) is not None}
    if with_instances:
        answer["Instances"] = [describe_member(member, catalog) for member in group.members.values()]
    if group.deleting:
        answer["Status"] = "Delete in progress"
    if group.warm_pool is not None:
        answer |= {"WarmPoolConfiguration": group.warm_pool, "WarmPoolSize": len(group.pool)}
    return answer | describe_template(group)


def describe_template(group: Group) -> dict[str, Any]:
    """Return the launch source of a group: one of three keys."""
    if group.mixed_policy is not None:
        return {"MixedInstancesPolicy": group.mixed_policy}
    if group.template is not None:
        return {"LaunchTemplate": group.template.to_api()}
    return {"LaunchConfigurationName": group.launch_configuration}


def _role(group: Group) -> str:
    account = group.arn.split(":")[4]
    role = "aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
    return str(group.settings.get("ServiceLinkedRoleARN") or f"arn:aws:iam::{account}:role/{role}")
