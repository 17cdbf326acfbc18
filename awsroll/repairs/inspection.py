"""Inspects a fleet for what a rollout left on it, without the record of the rollout. Read only.

The preflight describes the fleet, tags hold the old values of changed settings, and an observation shows the rest.
"""

from dataclasses import dataclass, replace

from awsroll.aws.connection import Connection
from awsroll.aws.parse_answers import tags_of
from awsroll.core.model.observation import FleetKind, TemplateVersion
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_choices import SkipPolicy
from awsroll.core.model.server_record import Server
from awsroll.core.model.setting_names import VERSION
from awsroll.core.model.status import Status
from awsroll.core.repair.reconstruct import ObservedFleet, unreadable
from awsroll.core.request.spec import RolloutSpec
from awsroll.core.tags import FLEET_TAG, GROUP_TAG, HELD_BY_TAG, SAVED_SETTING_PREFIX, fleet_tag_value
from awsroll.errors import AwsRefusedError, FleetError
from awsroll.fleets import fleet_of
from awsroll.fleets.label import read_held
from awsroll.preflight.default_deadlines import resolve_limits
from awsroll.preflight.findings import Findings
from awsroll.preflight.fleet_facts import FleetFacts
from awsroll.preflight.inspect_group import inspect_group
from awsroll.preflight.inspect_standalone import inspect_standalone
from awsroll.preflight.lookups import account_of, find_group, find_target_groups, new_rollout_id

_UNKNOWN = "unknown"  # the id of a rollout whose label cannot be parsed


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags:
    """The tags of awsroll on a group and its target groups.

    Attributes:
        old_values: the old values of changed settings, by resource and setting.
        labels: the id of the rollout that holds a resource, by resource.
    """

    old_values: dict[tuple[str, str], str]
    labels: dict[str, str]


def read_tags(aws: Connection, rollout: Rollout) -> Tags:
    """Read the tags of a fleet's group and target groups."""
    tags_by_resource = aws.elbv2.tags(rollout.target_groups)
    if rollout.group:
        tags_by_resource[rollout.group] = tags_of(aws.autoscaling.group(rollout.group) or {})
    old_values = {
        (resource, key.removeprefix(SAVED_SETTING_PREFIX)): value
        for resource, tags in tags_by_resource.items()
        for key, value in tags.items()
        if key.startswith(SAVED_SETTING_PREFIX)
    }
    labels = {resource: tags[HELD_BY_TAG] for resource, tags in tags_by_resource.items() if HELD_BY_TAG in tags}
    holders = {resource: read_held(value) for resource, value in labels.items()}
    return Tags(
        old_values=old_values,
        labels={resource: _UNKNOWN if held is None else held.rollout_id for resource, held in holders.items()},
    )


def draft_rollout(aws: Connection, *, asg: str, target_groups: tuple[str, ...]) -> Rollout:
    """Return a rollout for a fleet, with the names, kind and limits that the preflight finds.

    Raises:
        FleetError: if there is no such fleet, or awsroll cannot have rolled it.
    """
    spec = RolloutSpec(asg=asg, target_group=target_groups, protected=SkipPolicy.IGNORE, warm_pool="purge")
    known, findings = Findings(), Findings()
    if asg:
        find_group(aws, asg, known)
    find_target_groups(aws, target_groups, known)
    known.raise_refusals()
    seen = (inspect_group if asg else inspect_standalone)(aws, spec, findings)
    findings.raise_refusals()
    if seen is None:  # impossible: both exist
        problem = f"{asg or ', '.join(target_groups)} cannot be inspected"
        raise FleetError(problem)
    return _draft(aws, seen, spec, findings)


def _draft(aws: Connection, seen: FleetFacts, spec: RolloutSpec, findings: Findings) -> Rollout:
    return Rollout(
        rollout_id=new_rollout_id(f"repair-{seen.name}", aws.now()),
        kind=seen.kind,
        fleet=seen.name,
        group="" if seen.group is None else seen.group.name,
        target_groups=tuple(target_group.arn for target_group in seen.target_groups),
        limits=resolve_limits(spec, seen, findings),
        deregistration_delay_seconds=0,  # a value makes the observation read the tags of target groups
        extra_targets=() if seen.group is None else seen.group.extra_targets,
        purges_warm_pool=seen.group is not None,
        region=aws.region,
        account=account_of(aws, findings),
    )


def observe_fleet(aws: Connection, rollout: Rollout, tags: Tags) -> ObservedFleet:
    """Observe a fleet, with the instances that carry its tag and are no longer in a target group.

    Raises:
        FleetError: if a tag has a value that no rollout writes.
    """
    problems = unreadable(tags.old_values)
    if problems:
        raise FleetError(*problems, f"{rollout.fleet} was not changed")
    tagged = () if rollout.group else _tagged_instances(aws, rollout.fleet)
    now = aws.now()
    servers = {name: Server(phase=ServerPhase.RETURNING, since=now) for name in tagged}
    known = Status(started_at=now, progress_at=now, servers=servers)
    observation = fleet_of(rollout, aws).observe(rollout, known)
    tagged_resources = {resource for resource, _ in tags.old_values} | tags.labels.keys()
    if tagged_resources.isdisjoint(rollout.target_groups):
        rollout = replace(rollout, deregistration_delay_seconds=None)  # it changes no target group, so it holds none
    return ObservedFleet(
        rollout=rollout, observation=observation, saved_tags=tags.old_values, alias=_alias(aws, rollout, tags)
    )


def _tagged_instances(aws: Connection, fleet: str) -> tuple[str, ...]:
    instances = aws.ec2.instances_tagged(FLEET_TAG, fleet_tag_value(fleet))
    return tuple(sorted(each["InstanceId"] for each in instances if GROUP_TAG not in tags_of(each)))


def _alias(aws: Connection, rollout: Rollout, tags: Tags) -> TemplateVersion | None:
    template_id, _, version = tags.old_values.get((rollout.group, VERSION), "").rpartition(":")
    if rollout.kind is FleetKind.STANDALONE or not template_id or not version.startswith("$"):
        return None
    try:
        described = aws.ec2.template_version(version, template_id=template_id)
    except AwsRefusedError as error:
        if not error.code.startswith("InvalidLaunchTemplate"):
            raise
        return None
    if described is None:
        return None
    return TemplateVersion(template_id=template_id, number=int(described["VersionNumber"]))
