"""Looks at a fleet for what a rollout has left on it, without its record. Read only.

The preflight says what the fleet is, tags say what was changed, and one look of the planner's own kind shows the rest.
"""

from dataclasses import dataclass

from awsroll.aws.connection import Connection
from awsroll.aws.parse_answers import tags_of
from awsroll.core.decide.settings import VERSION
from awsroll.core.model.observation import FleetKind, TemplateVersion
from awsroll.core.model.rollout import Rollout, SkipPolicy
from awsroll.core.model.status import Status
from awsroll.core.repair.reconstruct import Seen, unreadable
from awsroll.core.request.spec import RolloutSpec
from awsroll.core.tags import FLEET_TAG, GROUP_TAG, HELD_BY_TAG, SAVED_SETTING_PREFIX
from awsroll.errors import AwsRefusedError, FleetError
from awsroll.fleets import fleet_of
from awsroll.fleets.label import read_held
from awsroll.preflight.default_deadlines import resolve_limits
from awsroll.preflight.findings import Findings
from awsroll.preflight.fleet_facts import Seen as FleetSeen
from awsroll.preflight.inspect_group import inspect_group
from awsroll.preflight.inspect_standalone import inspect_standalone
from awsroll.preflight.lookups import account_of, find_group, find_target_groups, new_rollout_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags:
    """What awsroll's tags on a group and its target groups say.

    Attributes:
        told: old values, by resource and setting.
        labels: which rollout's label stands on which resource.
    """

    told: dict[tuple[str, str], str]
    labels: dict[str, str]


def read_tags(aws: Connection, rollout: Rollout) -> Tags:
    """Read the tags of a fleet's group and target groups."""
    found = aws.elbv2.tags(rollout.target_groups)
    if rollout.group:
        found[rollout.group] = tags_of(aws.autoscaling.group(rollout.group) or {})
    told = {
        (resource, key.removeprefix(SAVED_SETTING_PREFIX)): value
        for resource, tags in found.items()
        for key, value in tags.items()
        if key.startswith(SAVED_SETTING_PREFIX)
    }
    labels = {resource: tags[HELD_BY_TAG] for resource, tags in found.items() if HELD_BY_TAG in tags}
    read = {resource: read_held(value) for resource, value in labels.items()}
    return Tags(
        told=told, labels={where: "unknown" if held is None else held.rollout_id for where, held in read.items()}
    )


def draft_rollout(aws: Connection, *, asg: str, target_groups: tuple[str, ...]) -> Rollout:
    """Return what a rollout of this fleet would be about, as the preflight sees it: its names, kind and limits.

    Raises:
        FleetError: if there is no such fleet, or none that awsroll can have rolled.
    """
    spec = RolloutSpec(asg=asg, target_group=target_groups, protected=SkipPolicy.IGNORE, warm_pool="purge")
    known, findings = Findings(), Findings()
    if asg:
        find_group(aws, asg, known)
    find_target_groups(aws, target_groups, known)
    known.raise_refusals()
    seen = (inspect_group if asg else inspect_standalone)(aws, spec, findings)
    findings.raise_refusals()
    if seen is None:  # cannot be: both are known
        problem = f"{asg or ', '.join(target_groups)} cannot be looked at"
        raise FleetError(problem)
    return _draft(aws, seen, spec, findings)


def _draft(aws: Connection, seen: FleetSeen, spec: RolloutSpec, findings: Findings) -> Rollout:
    return Rollout(
        rollout_id=new_rollout_id(f"repair-{seen.name}", aws.clock.now()),
        kind=seen.kind,
        fleet=seen.name,
        group="" if seen.group is None else seen.group.name,
        target_groups=tuple(one.arn for one in seen.target_groups),
        limits=resolve_limits(spec, seen, findings),
        deregistration_delay_seconds=0,  # none is set by a repair; with one, the tags of target groups are looked at
        extra_targets=() if seen.group is None else seen.group.extra_targets,
        purges_warm_pool=seen.group is not None,
        region=aws.region,
        account=account_of(aws, findings),
    )


def observe_fleet(aws: Connection, rollout: Rollout, tags: Tags) -> Seen:
    """Look at a fleet, with the instances that carry its mark and that no target group shows any more.

    Raises:
        FleetError: if a tag says what no rollout has written.
    """
    problems = unreadable(tags.told)
    if problems:
        raise FleetError(*problems, f"nothing of {rollout.fleet} was changed")
    marked = () if rollout.group else _marked(aws, rollout.fleet)
    now = aws.clock.now()
    known = Status(started_at=now, progress_at=now, returning=marked)
    observation = fleet_of(rollout, aws).observe(rollout, known)
    return Seen(rollout=rollout, observation=observation, told=tags.told, alias=_alias(aws, rollout, tags))


def _marked(aws: Connection, fleet: str) -> tuple[str, ...]:
    found = aws.ec2.instances_tagged(FLEET_TAG, fleet)
    return tuple(sorted(one["InstanceId"] for one in found if GROUP_TAG not in tags_of(one)))


def _alias(aws: Connection, rollout: Rollout, tags: Tags) -> TemplateVersion | None:
    template_id, _, version = tags.told.get((rollout.group, VERSION), "").rpartition(":")
    if rollout.kind is FleetKind.STANDALONE or not template_id or not version.startswith("$"):
        return None
    try:
        found = aws.ec2.template_version(version, template_id=template_id)
    except AwsRefusedError as error:
        if not error.code.startswith("InvalidLaunchTemplate"):
            raise
        found = None
    if found is None:
        return None
    return TemplateVersion(template_id=template_id, number=int(found["VersionNumber"]))
