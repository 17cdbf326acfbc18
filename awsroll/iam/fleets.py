"""What steering a fleet takes: reading it, its target groups, its Auto Scaling group, the marks on its servers."""

from awsroll.iam.asked import Asked
from awsroll.iam.statement import FLEET_TAG, GROUP_TAG, Condition, Statement, allow, carries, only_own_tags

_ELB, _GROUP, _EC2 = "elasticloadbalancing", "autoscaling", "ec2"


def reading(asked: Asked) -> list[Statement]:
    """Return what the checks and the looks read; AWS limits none of it to a resource, but for one call."""
    actions = [
        f"{_EC2}:DescribeInstances",
        *(f"{_ELB}:Describe{one}" for one in ("LoadBalancers", "Tags", "TargetHealth")),
        *(f"{_ELB}:Describe{one}" for one in ("TargetGroupAttributes", "TargetGroups")),
    ]
    if asked.grouped:
        actions += [
            *(f"{_GROUP}:Describe{one}" for one in ("AutoScalingGroups", "InstanceRefreshes", "LifecycleHooks")),
            *(f"{_GROUP}:Describe{one}" for one in ("ScalingActivities", "WarmPool")),
            f"{_EC2}:DescribeSubnets",
        ]
    else:
        actions.append(f"{_GROUP}:DescribeAutoScalingInstances")
    if asked.grouped or not asked.rollouts.reloads:
        actions.append(f"{_EC2}:DescribeLaunchTemplateVersions")
    if asked.rollouts.alarms:
        actions.append("cloudwatch:DescribeAlarms")  # a narrower resource hides composite alarms
    found = [allow("Read", actions)]
    if not asked.grouped and not asked.rollouts.reloads:
        protection = f"{_EC2}:DescribeInstanceAttribute"
        found.append(allow("ReadTerminationProtection", [protection], [_instances(asked)]))
    return found


def target_groups(asked: Asked) -> list[Statement]:
    """Return what is done to target groups; a group registers and drains its members by itself."""
    fleets = asked.fleets
    by_hand = fleets.extra_target_groups if asked.grouped else fleets.target_groups
    everything = {*fleets.target_groups, *fleets.extra_target_groups}
    found = []
    if by_hand:
        found.append(allow("MoveTraffic", [f"{_ELB}:RegisterTargets", f"{_ELB}:DeregisterTargets"], by_hand))
    if asked.rollouts.changes_deregistration_delay:
        found.append(allow("SetDeregistrationDelay", [f"{_ELB}:ModifyTargetGroupAttributes"], everything))
    if everything:
        labels = [f"{_ELB}:AddTags", f"{_ELB}:RemoveTags"]
        found.append(allow("LabelTargetGroups", labels, everything, only_own_tags()))
    return found


def groups(asked: Asked) -> list[Statement]:
    """Return what is done to Auto Scaling groups and their members."""
    if not asked.grouped:
        return []
    rollouts = asked.rollouts
    actions = ["ResumeProcesses", "SuspendProcesses", "UpdateAutoScalingGroup"]
    if not rollouts.reloads:
        actions.append("TerminateInstanceInAutoScalingGroup")
    if rollouts.may_surge:
        actions += ["LaunchInstances", "SetDesiredCapacity"]
    if rollouts.reloads or rollouts.keep_old:
        actions += ["EnterStandby", "ExitStandby", "SetDesiredCapacity"]
    if rollouts.purges_warm_pool:
        actions += ["DeleteWarmPool", "PutWarmPool"]
    arns = [
        asked.place.arn("autoscaling", f"autoScalingGroup:*:autoScalingGroupName/{name}")
        for name in asked.fleets.groups
    ]
    labels = [f"{_GROUP}:CreateOrUpdateTags", f"{_GROUP}:DeleteTags"]
    return [
        allow("SteerGroup", [f"{_GROUP}:{one}" for one in actions], arns),
        allow("LabelGroup", labels, arns, only_own_tags()),
    ]


def marks(asked: Asked) -> list[Statement]:
    """Return the tags on servers that are set before anything is done to them, and after a reload.

    A server registered by hand carries nothing that tells whose it is: its first mark must name the fleet.
    """
    sets, instances = [f"{_EC2}:CreateTags"], [_instances(asked)]
    if asked.grouped:
        condition = {**only_own_tags(), **carries(GROUP_TAG, asked.fleets.groups)}
        return [allow("MarkServers", sets, instances, condition)] if asked.marks_members else []
    names = sorted(asked.fleets.names)
    says = {"StringEquals": {f"aws:RequestTag/{FLEET_TAG}": names}} if names else {}
    found = [allow("MarkServers", sets, instances, {**only_own_tags(), **says})]
    if asked.rollouts.reloads and names:
        found.append(allow("MarkReloadedServers", sets, instances, {**only_own_tags(), **marked(asked)}))
    return found


def marked(asked: Asked) -> Condition:
    """Return the condition that a server of a standalone fleet carries the mark that was set before."""
    if asked.fleets.names:
        return carries(FLEET_TAG, asked.fleets.names)
    return {"Null": {f"aws:ResourceTag/{FLEET_TAG}": "false"}}


def _instances(asked: Asked) -> str:
    return asked.place.arn("ec2", "instance/*")
