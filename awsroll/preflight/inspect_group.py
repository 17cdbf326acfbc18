"""The facts about the fleet of an Auto Scaling group: its members, their registrations, and its settings."""

from dataclasses import replace

from awsroll.aws.caller import Reply
from awsroll.aws.connection import Connection
from awsroll.aws.group_traffic import attached_target_groups
from awsroll.aws.parse_answers import (
    is_mixed,
    missing_instance,
    read_instance,
    tags_of,
    template_setting,
)
from awsroll.core.model.finding import Check
from awsroll.core.model.observation import FleetKind, Instance, Target, TargetKey
from awsroll.core.request.spec import RolloutSpec
from awsroll.preflight.findings import Findings, shortened
from awsroll.preflight.fleet_facts import FleetFacts, GroupFacts, TemplateSetting, size_of
from awsroll.preflight.group_checks import check_group
from awsroll.preflight.image_checks import replaced_root_volumes
from awsroll.preflight.lookups import find_group, find_target_groups
from awsroll.preflight.network_checks import check_network_target_groups
from awsroll.preflight.owner_checks import check_server_owners
from awsroll.preflight.read_inventory import lifecycle_hooks, sources_of_group
from awsroll.preflight.routing_facts import read_routing
from awsroll.preflight.subnet_facts import read_subnets
from awsroll.preflight.take_inventory import Known, group_inventory, uneven_ports
from awsroll.preflight.target_group_checks import (
    attributes_of,
    check_health_checks,
    check_target_groups,
    has_instances,
    read_target_groups,
    targets_in,
)

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
    servers = {server["InstanceId"]: server for server in aws.ec2.instances(members)}
    attached = attached_target_groups(described)
    target_groups = {group["TargetGroupArn"]: group for group in aws.elbv2.existing_target_groups(sorted(attached))}
    for arn in sorted(attached - target_groups.keys()):
        findings.refuse(f"the attached target group {arn} does not exist, so the group cannot launch: detach it")
    target_groups |= find_target_groups(aws, spec.target_group, findings)
    with findings.checking(Check.TARGET_GROUPS):
        check_target_groups(target_groups, findings, attached=attached)
    known = Known(servers=servers, target_groups=dict(target_groups), group=described)
    target_groups = {arn: group for arn, group in target_groups.items() if has_instances(group)}
    registered = targets_in(aws, target_groups)
    with findings.checking(Check.INVENTORY):
        inventory = group_inventory(aws, spec, known, findings)
    for other in inventory.rolled:
        target_groups[other.arn], registered[other.arn] = other.described, dict(other.targets)
    if not target_groups and not sources_of_group(described):
        findings.refuse(f"group {spec.asg} is in no target group: attach one, or name it with --target-group")
    with findings.checking(Check.TARGET_GROUPS):
        _check_strangers(registered, target_groups, set(members), spec, findings)
    with findings.checking(Check.OWNERS):
        check_server_owners(servers.values(), findings, in_group=True)
    instances = _instances(servers, members, registered)
    attributes = attributes_of(aws, target_groups)
    others = {
        arn: [target for name, found in targets.items() if name not in members for target in found]
        for arn, targets in registered.items()
    }
    with findings.checking(Check.ADDRESSES):
        subnets = read_subnets(aws, _subnets_of(described), findings)
    hooks = aws.autoscaling.hooks(described["AutoScalingGroupName"])
    facts = _facts(described, hooks, instances, _managed_keys(target_groups, attached))
    uneven = uneven_ports(instances, target_groups, facts.name, facts.extra_targets, attached)
    groups = read_target_groups(target_groups, attributes, managed=attached)
    with findings.checking(Check.TARGET_GROUPS):
        check_network_target_groups(spec, groups, attributes, findings)
        check_health_checks(spec, groups, findings)
    with findings.checking(Check.ZONES):
        routing = read_routing(aws, target_groups, attributes, findings, others)
    return FleetFacts(
        kind=FleetKind.AUTO_SCALING,
        name=described["AutoScalingGroupName"],
        target_groups=groups,
        instances=instances,
        inventory=(*inventory.entries, *uneven, *lifecycle_hooks(hooks, facts.name)),
        group=replace(
            facts,
            subnets=tuple((subnet.subnet_id, subnet.zone) for subnet in subnets),
            replaced_root_volumes=replaced_root_volumes(described, servers),
        ),
        routing=routing,
        free_addresses={subnet.subnet_id: subnet.free_addresses for subnet in subnets},
        sizes={name: size_of(server) for name, server in servers.items()},
        described=servers,
    )


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
    servers: dict[str, Reply], members: dict[str, Reply], registered: dict[str, dict[str, list[Target]]]
) -> tuple[Instance, ...]:
    instances = []
    for name, member in sorted(members.items()):
        targets = [target for targets in registered.values() for target in targets.get(name, [])]
        if name in servers:
            instances.append(read_instance(servers[name], targets=targets, member=member))
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
    described: Reply, hooks: list[Reply], instances: tuple[Instance, ...], managed: frozenset[TargetKey]
) -> GroupFacts:
    return GroupFacts(
        name=described["AutoScalingGroupName"],
        minimum=int(described["MinSize"]),
        maximum=int(described["MaxSize"]),
        desired=int(described["DesiredCapacity"]),
        setting=setting_of(described),
        launch_hook_seconds=_hook_seconds(hooks, _LAUNCHING),
        terminate_hook_seconds=_hook_seconds(hooks, _TERMINATING),
        grace_seconds=float(described.get("HealthCheckGracePeriod") or 0),
        extra_targets=extra_targets_of(instances, managed),
        zones=_zones_of(described),
        launch_zones=tuple(sorted(described.get("AvailabilityZones", []))),
        tags=frozenset(tags_of(described)),
        mixes_purchase_options=is_mixed(described),
    )


def setting_of(described: Reply) -> TemplateSetting | None:
    """Return the launch template of a group's settings; None if it has none."""
    setting = template_setting(described)
    if setting is None:
        return None
    return TemplateSetting(template_id=setting["LaunchTemplateId"], version=str(setting.get("Version") or "$Default"))


def _zones_of(described: Reply) -> tuple[str, ...]:
    return tuple(sorted({*described.get("AvailabilityZones", []), *_subnets_of(described)}))


def _subnets_of(described: Reply) -> list[str]:
    subnets = described.get("VPCZoneIdentifier", "").replace(" ", "").split(",")
    return [subnet for subnet in subnets if subnet]


def _hook_seconds(hooks: list[Reply], transition: str) -> float:
    return float(
        sum(
            hook.get("HeartbeatTimeout", _DEFAULT_HEARTBEAT_SECONDS)
            for hook in hooks
            if hook.get("LifecycleTransition") == transition
        )
    )


def extra_targets_of(instances: tuple[Instance, ...], managed: frozenset[TargetKey]) -> tuple[TargetKey, ...]:
    """Return the further registrations that at least half of the members have, besides those that the group makes."""
    counts: dict[TargetKey, int] = {}
    for instance in instances:
        for target in instance.targets:
            counts[target.key] = counts.get(target.key, 0) + 1
    return tuple(sorted(key for key, count in counts.items() if key not in managed and 2 * count >= len(instances)))
