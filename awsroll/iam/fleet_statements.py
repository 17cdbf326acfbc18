"""The permissions for a fleet: reading it, its target groups, its Auto Scaling group, the tags on its servers."""

from awsroll.core.tags import FLEET_TAG, GROUP_TAG, REPLACEMENT, ROLE_TAG, fleet_tag_value
from awsroll.iam.policy_request import RELOAD, PolicyRequest, Rollouts
from awsroll.iam.statement import Condition, Statement, allow, carries, only_own_tags

_ELB, _GROUP, _EC2 = "elasticloadbalancing", "autoscaling", "ec2"
_SETTINGS = ("ResumeProcesses", "SuspendProcesses", "UpdateAutoScalingGroup")
_TERMINATE = "TerminateInstanceInAutoScalingGroup"
_BY_STAGES = {
    "replace": (_TERMINATE,),
    "double-half": (*_SETTINGS, _TERMINATE, "SetDesiredCapacity"),
    RELOAD: (*_SETTINGS, "EnterStandby", "ExitStandby"),
}


def reading(request: PolicyRequest) -> list[Statement]:
    """Return the permissions to read.

    AWS supports resources for few of these calls. Two of them, ListTargets and GetServiceQuota, are permitted for all
    resources nevertheless: statements of their own would make the largest policy longer than a managed policy may be.
    """
    whole = not request.rollouts.stages
    actions = [
        f"{_EC2}:DescribeInstances",
        *([f"{_EC2}:DescribeInstanceStatus"] if whole else []),
        *(
            f"{_ELB}:Describe{resource}"
            for resource in ("LoadBalancers", "Tags", "TargetGroupAttributes", "TargetGroups", "TargetHealth")
        ),
        "vpc-lattice:ListTargetGroups",
        "vpc-lattice:ListTargets",
    ]
    if whole and request.fleets.network_load_balancers:
        actions.append(f"{_ELB}:DescribeLoadBalancerAttributes")
    if request.grouped:
        resources = ("AutoScalingGroups", "InstanceRefreshes", "ScalingActivities", "WarmPool")
        actions += [f"{_GROUP}:Describe{resource}" for resource in resources]
        actions += [f"{_GROUP}:DescribeLifecycleHooks", f"{_EC2}:DescribeSubnets"] if whole else []
    else:
        actions.append(f"{_GROUP}:DescribeAutoScalingInstances")
        actions += [f"{_EC2}:DescribeSubnets"] if whole and not request.rollouts.reloads else []
    if not request.rollouts.reloads or (request.grouped and whole):
        actions.append(f"{_EC2}:DescribeLaunchTemplateVersions")
    if request.rollouts.alarms:
        actions.append("cloudwatch:DescribeAlarms")  # a narrower resource would hide composite alarms
    if request.rollouts.reads_metrics:
        actions.append("cloudwatch:GetMetricData")  # supports no resources
    if whole and not request.rollouts.reloads:
        actions.append("servicequotas:GetServiceQuota")
    statements = [allow("Read", actions)]
    statements += read_calendars(request)
    if not request.grouped and not request.rollouts.reloads:
        protection = f"{_EC2}:DescribeInstanceAttribute"
        statements.append(allow("ReadTerminationProtection", [protection], [_instances(request)]))
    return statements


def read_calendars(request: PolicyRequest) -> list[Statement]:
    """Return the permission to read the change calendars of windows and freezes."""
    documents = [
        name if name.startswith("arn:") else request.place.arn("ssm", f"document/{name}")
        for name in request.rollouts.calendars
    ]
    return [allow("ReadCalendars", ["ssm:GetCalendarState"], documents)] if documents else []


def target_groups(request: PolicyRequest) -> list[Statement]:
    """Return the permissions for target groups. A group registers and drains its members by itself."""
    fleets = request.fleets
    by_hand = fleets.extra_target_groups if request.grouped else fleets.target_groups
    everything = {*fleets.target_groups, *fleets.extra_target_groups}
    statements = []
    if by_hand:
        statements.append(allow("MoveTraffic", [f"{_ELB}:RegisterTargets", f"{_ELB}:DeregisterTargets"], by_hand))
    changes = _target_group_changes(request.rollouts)
    if changes:
        statements.append(
            allow(f"Set{'And'.join(changes)}", [f"{_ELB}:{action}" for action in changes.values()], everything)
        )
    holds = not request.grouped or bool(changes)
    if everything and holds and not request.rollouts.stages:
        labels = [f"{_ELB}:AddTags", f"{_ELB}:RemoveTags"]
        statements.append(allow("LabelTargetGroups", labels, everything, only_own_tags()))
    return statements


def _target_group_changes(rollouts: Rollouts) -> dict[str, str]:
    """Return the settings of target groups that change, each with its call."""
    delay = {"DeregistrationDelay": "ModifyTargetGroupAttributes"} if rollouts.changes_deregistration_delay else {}
    return delay | ({"HealthChecks": "ModifyTargetGroup"} if rollouts.changes_health_checks else {})


def groups(request: PolicyRequest) -> list[Statement]:
    """Return the permissions for Auto Scaling groups and their members."""
    if not request.grouped:
        return []
    rollouts = request.rollouts
    actions = _BY_STAGES[rollouts.strategy] if rollouts.stages else _by_rollouts(rollouts)
    arns = [
        request.place.arn("autoscaling", f"autoScalingGroup:*:autoScalingGroupName/{name}")
        for name in request.fleets.groups
    ]
    labels = [f"{_GROUP}:CreateOrUpdateTags", f"{_GROUP}:DeleteTags"]
    statements = [allow("SteerGroup", [f"{_GROUP}:{action}" for action in actions], arns)]
    if set(_SETTINGS) <= set(actions):  # a tag holds a setting before the setting changes
        statements.append(allow("LabelGroup", labels, arns, only_own_tags()))
    return statements


def _by_rollouts(rollouts: Rollouts) -> tuple[str, ...]:
    actions = [*_SETTINGS, "SetInstanceHealth", _TERMINATE]  # a reload replaces members that end in standby
    if rollouts.may_surge:
        actions += ["LaunchInstances", "SetDesiredCapacity"]
    if rollouts.reloads or rollouts.keep_old:
        actions += ["EnterStandby", "ExitStandby", "SetDesiredCapacity"]
    if rollouts.keeps_failed:
        actions.append("DetachInstances")
    if rollouts.purges_warm_pool:
        actions += ["DeleteWarmPool", "PutWarmPool"]
    return tuple(actions)


def server_tags(request: PolicyRequest) -> list[Statement]:
    """Return the permissions for the tags on servers, which are set before other changes and after a reload.

    A standalone server carries no tag of its fleet at first, so its first tags must name the fleet. A server that
    awsroll launched in a batch gets the user's tags of the server that it replaces after the launch.
    """
    sets, instances = [f"{_EC2}:CreateTags"], [_instances(request)]
    if request.grouped:
        condition = {**only_own_tags(), **carries(GROUP_TAG, request.fleets.groups)}
        return [allow("TagServers", sets, instances, condition)] if request.tags_members else []
    names = _tag_values(request)
    says = {"StringEquals": {f"aws:RequestTag/{FLEET_TAG}": names}} if names else {}
    statements = [allow("TagServers", sets, instances, {**only_own_tags(), **says})]
    if request.rollouts.reloads and names:
        statements.append(
            allow("TagReloadedServers", sets, instances, {**only_own_tags(), **fleet_tag_condition(request)})
        )
    if request.rollouts.launches_batches and not request.rollouts.reloads:
        fleet, role = fleet_tag_condition(request), carries(ROLE_TAG, [REPLACEMENT])
        condition = {**fleet, "StringEquals": {**fleet.get("StringEquals", {}), **role["StringEquals"]}}
        statements.append(allow("TagReplacements", sets, instances, condition))
    return statements


def fleet_tag_condition(request: PolicyRequest) -> Condition:
    """Return the condition that a standalone server carries the fleet tag, which is set before other changes."""
    if request.fleets.names:
        return carries(FLEET_TAG, _tag_values(request))
    return {"Null": {f"aws:ResourceTag/{FLEET_TAG}": "false"}}


def _instances(request: PolicyRequest) -> str:
    return request.place.arn("ec2", "instance/*")


def _tag_values(request: PolicyRequest) -> list[str]:
    return sorted(fleet_tag_value(name) for name in request.fleets.names)
