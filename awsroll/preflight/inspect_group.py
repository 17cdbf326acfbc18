"""The facts about the fleet of an Auto Scaling group: its members, their registrations, and its settings."""

from awsroll.aws.caller import Reply
from awsroll.aws.connection import Connection
from awsroll.aws.group_traffic import attached_target_groups
from awsroll.aws.parse_answers import (
    missing_instance,
    read_instance,
    read_targets,
    template_setting,
)
from awsroll.core.model.observation import FleetKind, Instance, Target, TargetKey
from awsroll.core.model.rollout import Strategy
from awsroll.core.request.spec import RolloutSpec
from awsroll.preflight.findings import Findings, shortened
from awsroll.preflight.fleet_facts import FleetFacts, GroupFacts, TemplateSetting
from awsroll.preflight.group_checks import check_group, check_traffic_sources
from awsroll.preflight.image_checks import check_root_volumes
from awsroll.preflight.lookups import find_group, find_target_groups
from awsroll.preflight.owner_checks import check_server_owners
from awsroll.preflight.target_group_checks import attributes_of, check_balance, check_target_groups, read_target_groups

_MOST_SEARCHED = 50
_LAUNCHING, _TERMINATING = "autoscaling:EC2_INSTANCE_LAUNCHING", "autoscaling:EC2_INSTANCE_TERMINATING"
_DEFAULT_HEARTBEAT_SECONDS = 3600


def inspect_group(aws: Connection, spec: RolloutSpec, findings: Findings) -> FleetFacts | None:
    """Return the facts about the fleet; None if the group does not exist."""
    described = find_group(aws, spec.asg, findings)
    if described is None:
        find_target_groups(aws, spec.target_group, findings)  # reports unknown target groups too
        return None
    check_group(aws, described, spec, findings)
    members = {instance["InstanceId"]: instance for instance in described.get("Instances", [])}
    attached = attached_target_groups(described)
    target_groups = {group["TargetGroupArn"]: group for group in aws.elbv2.target_groups(sorted(attached))}
    target_groups |= find_target_groups(aws, spec.target_group, findings)
    registered = _registered(aws, target_groups)
    for arn, group in _others(aws, target_groups, findings).items():
        targets = read_targets(arn, aws.elbv2.target_health(arn))
        if targets.keys() & members.keys():
            target_groups[arn], registered[arn] = group, targets
    check_target_groups(target_groups, findings)
    _check_strangers(registered, target_groups, set(members), spec, findings)
    running = {instance["InstanceId"]: instance for instance in aws.ec2.instances(members)}
    check_server_owners(running.values(), findings, in_group=True)
    if spec.strategy is not Strategy.RELOAD:
        check_root_volumes(described, running, findings)
    instances = _instances(running, members, registered)
    attributes = attributes_of(aws, target_groups)
    check_balance(aws, target_groups, attributes, instances, findings)
    check_traffic_sources(described, findings, has_target_group=bool(target_groups))
    return FleetFacts(
        kind=FleetKind.AUTO_SCALING,
        name=described["AutoScalingGroupName"],
        target_groups=read_target_groups(target_groups, attributes, managed=attached),
        instances=instances,
        group=_facts(aws, described, instances, _managed_keys(target_groups, attached)),
    )


def _registered(aws: Connection, target_groups: dict[str, Reply]) -> dict[str, dict[str, list[Target]]]:
    return {arn: read_targets(arn, aws.elbv2.target_health(arn)) for arn in target_groups}


def _others(aws: Connection, searched: dict[str, Reply], findings: Findings) -> dict[str, Reply]:
    """Return further target groups in which members may be registered by hand.

    If the region has few target groups, return all of them, else those behind the same load balancers.
    """
    balancers = {arn for group in searched.values() for arn in group.get("LoadBalancerArns", [])}
    others = {
        group["TargetGroupArn"]: group
        for group in aws.elbv2.all_target_groups()
        if group["TargetGroupArn"] not in searched
        and group.get("TargetType", "instance") == "instance"
        and group.get("LoadBalancerArns")
    }
    if len(others) <= _MOST_SEARCHED:
        return others
    findings.warn(
        f"this region has {len(others)} other target groups: awsroll searched only those of the same load balancers "
        "for members registered by hand. Name others with --target-group"
    )
    return {arn: group for arn, group in others.items() if balancers & set(group["LoadBalancerArns"])}


def _check_strangers(
    registered: dict[str, dict[str, list[Target]]],
    target_groups: dict[str, Reply],
    members: set[str],
    spec: RolloutSpec,
    findings: Findings,
) -> None:
    for arn, targets in registered.items():
        strangers = sorted(targets.keys() - members)
        if strangers:
            name = target_groups[arn]["TargetGroupName"]
            problem = f"target group {name} also holds instances that are not of the group: {shortened(strangers)}"
            if spec.strict:
                findings.refuse(f"{problem}: deregister them, or leave --strict out so that the rollout ignores them")
            else:
                findings.warn(f"{problem}; the rollout ignores them")


def _instances(
    described: dict[str, Reply], members: dict[str, Reply], registered: dict[str, dict[str, list[Target]]]
) -> tuple[Instance, ...]:
    instances = []
    for name, member in sorted(members.items()):
        targets = [target for targets in registered.values() for target in targets.get(name, [])]
        if name in described:
            instances.append(read_instance(described[name], targets=targets, member=member))
        else:
            instances.append(missing_instance(name, targets=targets, member=member))
    return tuple(instances)


def _managed_keys(target_groups: dict[str, Reply], attached: frozenset[str]) -> frozenset[TargetKey]:
    return frozenset(
        TargetKey(target_group=arn, port=int(group.get("Port", 0)))
        for arn, group in target_groups.items()
        if arn in attached
    )


def _facts(
    aws: Connection, described: Reply, instances: tuple[Instance, ...], managed: frozenset[TargetKey]
) -> GroupFacts:
    hooks = aws.autoscaling.hooks(described["AutoScalingGroupName"])
    return GroupFacts(
        name=described["AutoScalingGroupName"],
        minimum=int(described["MinSize"]),
        maximum=int(described["MaxSize"]),
        desired=int(described["DesiredCapacity"]),
        setting=setting_of(described),
        launch_hook_seconds=_hook_seconds(hooks, _LAUNCHING),
        terminate_hook_seconds=_hook_seconds(hooks, _TERMINATING),
        grace_seconds=float(described.get("HealthCheckGracePeriod") or 0),
        extra_targets=_extra_targets(instances, managed),
        zones=_zones_of(described),
    )


def setting_of(described: Reply) -> TemplateSetting | None:
    """Return the launch template of a group's settings; None if it has none."""
    setting = template_setting(described)
    if setting is None:
        return None
    return TemplateSetting(template_id=setting["LaunchTemplateId"], version=str(setting.get("Version") or "$Default"))


def _zones_of(described: Reply) -> tuple[str, ...]:
    subnets = described.get("VPCZoneIdentifier", "").replace(" ", "").split(",")
    return tuple(sorted({*described.get("AvailabilityZones", []), *subnets} - {""}))


def _hook_seconds(hooks: list[Reply], transition: str) -> float:
    return float(
        sum(
            hook.get("HeartbeatTimeout", _DEFAULT_HEARTBEAT_SECONDS)
            for hook in hooks
            if hook.get("LifecycleTransition") == transition
        )
    )


def _extra_targets(instances: tuple[Instance, ...], managed: frozenset[TargetKey]) -> tuple[TargetKey, ...]:
    """Return the further registrations that at least half of the members have, besides those that the group makes."""
    counts: dict[TargetKey, int] = {}
    for instance in instances:
        for target in instance.targets:
            counts[target.key] = counts.get(target.key, 0) + 1
    return tuple(sorted(key for key, count in counts.items() if key not in managed and 2 * count >= len(instances)))
