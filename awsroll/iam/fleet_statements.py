"""What steering a fleet takes: reading it, its target groups, its Auto Scaling group, the marks on its servers."""

from awsroll.core.tags import FLEET_TAG, GROUP_TAG
from awsroll.iam.policy_request import RELOAD, Asked, Rollouts
from awsroll.iam.statement import Condition, Statement, allow, carries, only_own_tags

_ELB, _GROUP, _EC2 = "elasticloadbalancing", "autoscaling", "ec2"
_SETTINGS = ("ResumeProcesses", "SuspendProcesses", "UpdateAutoScalingGroup")
_TERMINATE = "TerminateInstanceInAutoScalingGroup"
_BY_STAGES = {
    "replace": (_TERMINATE,),
    "double-half": (*_SETTINGS, _TERMINATE, "SetDesiredCapacity"),
    RELOAD: (*_SETTINGS, "EnterStandby", "ExitStandby"),
}


def reading(asked: Asked) -> list[Statement]:
    """Return what the checks and the looks read; AWS limits none of it to a resource, but for one call."""
    whole = not asked.rollouts.stages
    actions = [
        f"{_EC2}:DescribeInstances",
        *(f"{_ELB}:Describe{one}" for one in ("Tags", "TargetGroupAttributes", "TargetGroups", "TargetHealth")),
    ]
    if whole:
        actions.append(f"{_ELB}:DescribeLoadBalancers")
    if asked.grouped:
        seen = ("AutoScalingGroups", "InstanceRefreshes", "ScalingActivities", "WarmPool")
        actions += [f"{_GROUP}:Describe{one}" for one in seen]
        actions += [f"{_GROUP}:DescribeLifecycleHooks", f"{_EC2}:DescribeSubnets"] if whole else []
    else:
        actions.append(f"{_GROUP}:DescribeAutoScalingInstances")
    if not asked.rollouts.reloads or (asked.grouped and whole):
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
    if everything and not asked.rollouts.stages:
        labels = [f"{_ELB}:AddTags", f"{_ELB}:RemoveTags"]
        found.append(allow("LabelTargetGroups", labels, everything, only_own_tags()))
    return found


def groups(asked: Asked) -> list[Statement]:
    """Return what is done to Auto Scaling groups and their members."""
    if not asked.grouped:
        return []
    rollouts = asked.rollouts
    actions = _BY_STAGES[rollouts.strategy] if rollouts.stages else _by_rollouts(rollouts)
    arns = [
        asked.place.arn("autoscaling", f"autoScalingGroup:*:autoScalingGroupName/{name}")
        for name in asked.fleets.groups
    ]
    labels = [f"{_GROUP}:CreateOrUpdateTags", f"{_GROUP}:DeleteTags"]
    found = [allow("SteerGroup", [f"{_GROUP}:{one}" for one in actions], arns)]
    if set(_SETTINGS) <= set(actions):  # a setting is noted as a tag before it changes
        found.append(allow("LabelGroup", labels, arns, only_own_tags()))
    return found


def _by_rollouts(rollouts: Rollouts) -> tuple[str, ...]:
    found = list(_SETTINGS)
    if not rollouts.reloads:
        found.append(_TERMINATE)
    if rollouts.may_surge:
        found += ["LaunchInstances", "SetDesiredCapacity"]
    if rollouts.reloads or rollouts.keep_old:
        found += ["EnterStandby", "ExitStandby", "SetDesiredCapacity"]
    if rollouts.purges_warm_pool:
        found += ["DeleteWarmPool", "PutWarmPool"]
    return tuple(found)


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
