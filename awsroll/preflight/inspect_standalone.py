"""The facts about a standalone fleet: the running instances in its target groups, and their slots."""

from dataclasses import replace
from functools import partial

from awsroll.aws.caller import Reply
from awsroll.aws.connection import Connection
from awsroll.aws.parse_answers import read_instance, tags_of
from awsroll.core.classify.replacement import slot_of
from awsroll.core.model.finding import Check
from awsroll.core.model.observation import FleetKind, Instance, Target, TargetState
from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.model.server_record import Slots
from awsroll.core.request.rollout_options import ASSUME_NO_PROTECTION
from awsroll.core.request.spec import RolloutSpec
from awsroll.core.tags import GROUP_TAG
from awsroll.errors import AwsRefusedError, NotImplementedByEndpointError
from awsroll.preflight.findings import Findings, shortened
from awsroll.preflight.fleet_facts import FleetFacts, Goal, size_of
from awsroll.preflight.inventory import Entry
from awsroll.preflight.lookups import find_target_groups, unknown_names
from awsroll.preflight.network_checks import check_network_target_groups
from awsroll.preflight.owner_checks import check_server_owners
from awsroll.preflight.routing_facts import read_routing
from awsroll.preflight.subnet_facts import read_subnets
from awsroll.preflight.take_inventory import Known, different_ports, standalone_inventory
from awsroll.preflight.target_group_checks import (
    attributes_of,
    check_health_checks,
    check_target_groups,
    has_instances,
    read_target_groups,
    targets_in,
)

_LIVING = ("pending", "running")
_PROTECTION_NOT_READ = (
    "termination protection is not read (--termination-protection assume-none): a protected server is drained and "
    "replaced like the others, and EC2 then refuses to terminate it. It runs on at your cost, out of the target "
    "groups, and a warning names it"
)


def inspect_standalone(aws: Connection, spec: RolloutSpec, findings: Findings) -> FleetFacts | None:
    """Return the facts about the fleet; None if no target group exists."""
    named = find_target_groups(aws, spec.target_group, findings)
    if len(named) < len(set(spec.target_group)) and not named:
        return None
    with findings.checking(Check.TARGET_GROUPS):
        check_target_groups(named, findings)
    described = {arn: group for arn, group in named.items() if has_instances(group)}
    attributes = attributes_of(aws, described)
    registered = _registered(aws, sorted(described))
    servers = {server["InstanceId"]: server for server in aws.ec2.instances(registered)}
    with findings.checking(Check.OWNERS):
        check_server_owners(servers.values(), findings, in_group=False)
    members = _refuse_members(aws, {name: tags_of(server) for name, server in servers.items()}, findings)
    instances = _instances(registered, servers, findings)
    own = {one.instance_id: servers[one.instance_id] for one in instances if one.instance_id not in members}
    inventory = list[Entry]()
    if not unknown_names(spec.target_group, named):  # a mistyped name is reported alone
        known = Known(servers=own, target_groups=named, group={})
        with findings.checking(Check.INVENTORY):
            inventory = [*standalone_inventory(aws, spec, known, findings), *different_ports(described, instances)]
    groups = read_target_groups(described, attributes)
    with findings.checking(Check.TARGET_GROUPS):
        check_network_target_groups(spec, groups, attributes, findings)
        check_health_checks(spec, groups, findings)
    with findings.checking(Check.ZONES):
        routing = read_routing(aws, described, attributes, findings)
    return FleetFacts(
        kind=FleetKind.STANDALONE,
        name="+".join(sorted(group["TargetGroupName"] for group in described.values())),
        target_groups=groups,
        instances=instances,
        inventory=tuple(inventory),
        routing=routing,
        spot=frozenset(name for name, server in servers.items() if server.get("InstanceLifecycle") == "spot"),
        free_addresses=_free_addresses(aws, instances, findings) if spec.strategy is not Strategy.RELOAD else {},
        sizes={name: size_of(server) for name, server in servers.items()},
        described=own,
    )


def _free_addresses(aws: Connection, instances: tuple[Instance, ...], findings: Findings) -> dict[str, int]:
    subnets = sorted({instance.subnet_id for instance in instances if instance.subnet_id})
    with findings.checking(Check.ADDRESSES):
        return {subnet.subnet_id: subnet.free_addresses for subnet in read_subnets(aws, subnets, findings)}


def _registered(aws: Connection, arns: list[str]) -> dict[str, list[Target]]:
    registered: dict[str, list[Target]] = {}
    for by_name in targets_in(aws, arns).values():
        for name, targets in by_name.items():
            registered.setdefault(name, []).extend(
                target for target in targets if target.state is not TargetState.DRAINING
            )
    return {name: targets for name, targets in registered.items() if targets}


def _instances(
    registered: dict[str, list[Target]], servers: dict[str, Reply], findings: Findings
) -> tuple[Instance, ...]:
    dead = [name for name in registered if servers.get(name, {}).get("State", {}).get("Name") not in _LIVING]
    if dead:
        findings.warn(f"{shortened(dead)}: registered but not running; the rollout ignores them")
    return tuple(
        read_instance(servers[name], targets=sorted(registered[name], key=lambda target: target.key))
        for name in sorted(registered)
        if name not in dead
    )


def _refuse_members(aws: Connection, tags: dict[str, dict[str, str]], findings: Findings) -> frozenset[str]:
    """Refuse servers that are members of a group, and return their ids."""
    groups = {
        name: tags_of_instance[GROUP_TAG] for name, tags_of_instance in tags.items() if tags_of_instance.get(GROUP_TAG)
    }
    groups |= aws.autoscaling.memberships([name for name in tags if name not in groups])
    for group in sorted(set(groups.values())):
        members = [name for name, other in groups.items() if other == group]
        findings.refuse(
            f"{shortened(members)} belong to the Auto Scaling group {group}, which would replace terminated members: "
            f"roll the group with --asg {group}, or deregister these instances first"
        )
    return frozenset(groups)


def slots_of(instances: tuple[Instance, ...]) -> tuple[Slots, ...]:
    """Return the slots: the instances grouped by zone, subnet, registrations and the version for a rollback."""
    slots: dict[Slots, list[str]] = {}
    for instance in instances:
        shape = slot_of(instance, (target.key for target in instance.targets))
        slots.setdefault(shape, []).append(instance.instance_id)
    ordered = sorted(slots.items(), key=lambda item: (item[0].zone, item[0].subnet_id, item[0].targets, item[1]))
    return tuple(replace(shape, instance_ids=tuple(ids)) for shape, ids in ordered)


def protected_from_termination(
    aws: Connection, spec: RolloutSpec, fleet: FleetFacts, goal: Goal, findings: Findings
) -> tuple[str, ...]:
    """Return the outdated instances that EC2 refuses to terminate; none if the request says to assume none.

    EC2 shows the protection of one instance a call, so the calls are made side by side. A Spot Instance has none.
    """
    if spec.termination_protection == ASSUME_NO_PROTECTION:
        with findings.checking(Check.FLEET):
            findings.note(_PROTECTION_NOT_READ)
        return ()
    names = [one.instance_id for one in fleet.live if not goal.is_on(one) and one.instance_id not in fleet.spot]
    try:
        protected = aws.side_by_side([partial(_is_protected, aws, name) for name in names])
    except NotImplementedByEndpointError:
        return ()
    return tuple(name for name, refused in zip(names, protected, strict=True) if refused)


def _is_protected(aws: Connection, name: str) -> bool:
    try:
        return aws.ec2.is_termination_protected(name)
    except AwsRefusedError as error:
        if error.code != "InvalidInstanceID.NotFound":
            raise
        return False
