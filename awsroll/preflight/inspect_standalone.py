"""The facts about a standalone fleet: the running instances in its target groups, and their slots."""

from dataclasses import replace

from awsroll.aws.connection import Connection
from awsroll.aws.parse_answers import read_instance, read_targets, tags_of
from awsroll.core.classify.replacement import slot_of
from awsroll.core.model.observation import FleetKind, Instance, Target, TargetState
from awsroll.core.model.status import Slots
from awsroll.core.request.spec import RolloutSpec
from awsroll.core.tags import GROUP_TAG
from awsroll.errors import AwsRefusedError, NotImplementedByEndpointError
from awsroll.preflight.findings import Findings, shortened
from awsroll.preflight.fleet_facts import FleetFacts, Goal
from awsroll.preflight.lookups import find_target_groups
from awsroll.preflight.owner_checks import check_server_owners
from awsroll.preflight.target_group_checks import attributes_of, check_balance, check_target_groups, read_target_groups

_LIVING = ("pending", "running")


def inspect_standalone(aws: Connection, spec: RolloutSpec, findings: Findings) -> FleetFacts | None:
    """Return the facts about the fleet; None if no target group exists."""
    described = find_target_groups(aws, spec.target_group, findings)
    if len(described) < len(set(spec.target_group)) and not described:
        return None
    check_target_groups(described, findings)
    attributes = attributes_of(aws, described)
    instances = _instances(aws, sorted(described), findings)
    check_balance(aws, described, attributes, instances, findings)
    return FleetFacts(
        kind=FleetKind.STANDALONE,
        name="+".join(sorted(group["TargetGroupName"] for group in described.values())),
        target_groups=read_target_groups(described, attributes),
        instances=instances,
    )


def _instances(aws: Connection, arns: list[str], findings: Findings) -> tuple[Instance, ...]:
    registered: dict[str, list[Target]] = {}
    for arn in arns:
        for name, targets in read_targets(arn, aws.elbv2.target_health(arn)).items():
            registered.setdefault(name, []).extend(
                target for target in targets if target.state is not TargetState.DRAINING
            )
    registered = {name: targets for name, targets in registered.items() if targets}
    described = {instance["InstanceId"]: instance for instance in aws.ec2.instances(registered)}
    check_server_owners(described.values(), findings, in_group=False)
    _refuse_members(aws, {name: tags_of(instance) for name, instance in described.items()}, findings)
    dead = [name for name in registered if described.get(name, {}).get("State", {}).get("Name") not in _LIVING]
    if dead:
        findings.warn(f"{shortened(dead)}: registered but not running; the rollout ignores them")
    return tuple(
        read_instance(described[name], targets=sorted(registered[name], key=lambda target: target.key))
        for name in sorted(registered)
        if name not in dead
    )


def _refuse_members(aws: Connection, tags: dict[str, dict[str, str]], findings: Findings) -> None:
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


def slots_of(instances: tuple[Instance, ...]) -> tuple[Slots, ...]:
    """Return the slots: the instances grouped by zone, subnet, registrations and the version for a rollback."""
    slots: dict[Slots, list[str]] = {}
    for instance in instances:
        shape = slot_of(instance, (target.key for target in instance.targets))
        slots.setdefault(shape, []).append(instance.instance_id)
    ordered = sorted(slots.items(), key=lambda item: (item[0].zone, item[0].subnet_id, item[0].targets, item[1]))
    return tuple(replace(shape, instance_ids=tuple(ids)) for shape, ids in ordered)


def protected_from_termination(aws: Connection, fleet: FleetFacts, goal: Goal) -> tuple[str, ...]:
    """Return the outdated instances that EC2 refuses to terminate, with one call per instance."""
    protected = []
    for instance in fleet.live:
        if goal.is_on(instance):
            continue
        try:
            if aws.ec2.is_termination_protected(instance.instance_id):
                protected.append(instance.instance_id)
        except NotImplementedByEndpointError:
            return ()
        except AwsRefusedError as error:
            if error.code != "InvalidInstanceID.NotFound":
                raise
    return tuple(protected)
