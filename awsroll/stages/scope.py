"""The fleet that an event names, looked up: what a stage acts on, and the checks that all stages share.

Reads only. What is wrong is told all at once, before anything is changed.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NoReturn

from awsroll.aws.caller import Reply
from awsroll.aws.connection import Connection
from awsroll.aws.group_traffic import attached_target_groups
from awsroll.aws.parse_answers import (
    missing_instance,
    read_instance,
    read_lifecycle,
    template_setting,
)
from awsroll.core.model.observation import (
    FleetKind,
    Instance,
    InstanceState,
    Lifecycle,
    Target,
    TargetGroup,
    TargetKey,
    TargetState,
)
from awsroll.core.model.rollout import Rollout, SkipPolicy, Strategy
from awsroll.core.request.spec import RolloutSpec
from awsroll.errors import FleetError
from awsroll.fleets import fleet_of
from awsroll.fleets.label import Label
from awsroll.fleets.target_groups import TargetGroups
from awsroll.ports import Fleet
from awsroll.preflight.findings import Findings
from awsroll.preflight.group_checks import check_group
from awsroll.preflight.lookups import find_group, find_target_groups, group_name
from awsroll.preflight.target_group_checks import check_target_groups
from awsroll.preflight.versions import pin
from awsroll.stages.event_fields import FleetEvent

_LONGEST_WAIT = 15


@dataclass(frozen=True, kw_only=True)
class Scope:
    """One fleet, for one call of a stage.

    Attributes:
        rollout: what the fleets' own code goes by: names and kind; nothing of it is stored.
        group: the group as Auto Scaling describes it; empty for servers registered by hand.
        described: the target groups as Elastic Load Balancing describes them, by ARN.
    """

    aws: Connection
    rollout: Rollout
    group: Reply
    described: Mapping[str, Reply]

    @property
    def arns(self) -> tuple[str, ...]:
        """The fleet's target groups."""
        return self.rollout.target_groups

    @property
    def is_group(self) -> bool:
        """Whether an Auto Scaling group launches and registers the instances."""
        return self.rollout.kind is FleetKind.AUTO_SCALING

    @cached_property
    def managed(self) -> frozenset[TargetKey]:
        """Where the group registers and drains its members by itself."""
        attached = attached_target_groups(self.group)
        return frozenset(self.default_key(arn) for arn in self.arns if arn in attached)

    @cached_property
    def members(self) -> dict[str, Reply]:
        """The group's members, leaving ones included, as it describes them."""
        return {one["InstanceId"]: one for one in self.group.get("Instances", [])}

    @cached_property
    def targets(self) -> TargetGroups:
        """Who is registered where."""
        return TargetGroups(self.aws)

    @cached_property
    def registrations(self) -> dict[str, tuple[Target, ...]]:
        """Every registration at the time of the first question, draining ones included, by instance."""
        return self.targets.registrations(self.arns)

    @cached_property
    def usual(self) -> frozenset[TargetKey]:
        """Where more than half of those registered in a target group are."""
        on_key, in_group = Counter[TargetKey](), Counter[str]()
        for targets in self.registrations.values():
            keys = {target.key for target in targets if target.state is not TargetState.DRAINING}
            on_key.update(keys)
            in_group.update({key.target_group for key in keys})
        return frozenset(key for key, count in on_key.items() if 2 * count > in_group[key.target_group])

    @cached_property
    def settings(self) -> tuple[TargetGroup, ...]:
        """The target groups with their health checks and deregistration delays."""
        return self.targets.look(self.arns, attached_target_groups(self.group))

    def fleet(self, rollout: Rollout | None = None) -> Fleet:
        """Return what carries out actions on this fleet."""
        return fleet_of(rollout or self.rollout, self.aws)

    def default_key(self, arn: str) -> TargetKey:
        """Return the target group's own port."""
        return TargetKey(target_group=arn, port=int(self.described[arn].get("Port", 0)))

    def lifecycle(self, instance_id: str) -> Lifecycle | None:
        """Return where the instance is in the group; None if it is no member."""
        member = self.members.get(instance_id)
        return None if member is None else read_lifecycle(member["LifecycleState"])

    def look(self, instance_ids: Iterable[str]) -> dict[str, Instance]:
        """Return these instances in their order; one that EC2 does not know is `MISSING`."""
        wanted = tuple(dict.fromkeys(instance_ids))
        known = {one["InstanceId"]: one for one in self.aws.ec2.instances(wanted)}
        return {name: self._read(name, known.get(name)) for name in wanted}

    def _read(self, name: str, described: Reply | None) -> Instance:
        targets, member = self.registrations.get(name, ()), self.members.get(name)
        if described is None:
            return missing_instance(name, targets=targets, member=member)
        return read_instance(described, targets=targets, member=member)

    def keys_of(self, instances: Iterable[Instance], recorded: Iterable[TargetKey] = ()) -> tuple[TargetKey, ...]:
        """Return every key at which one of these could be registered: in use there, recorded, or a default port."""
        used = {target.key for targets in self.registrations.values() for target in targets}
        own = {target.key for one in instances for target in one.targets}
        return tuple(sorted(used | own | set(recorded) | {self.default_key(arn) for arn in self.arns}))

    def again(self) -> "Scope":
        """Look at the group anew: it was changed."""
        group = self.aws.autoscaling.group(self.rollout.group) if self.is_group else {}
        return Scope(aws=self.aws, rollout=self.rollout, group=group or {}, described=self.described)

    def poll_seconds(self) -> int:
        """Return how long to wait for a health check to tell something new."""
        return max(1, min(_LONGEST_WAIT, round(min(one.health_interval_seconds for one in self.settings))))


def find_fleet(event: FleetEvent, aws: Connection) -> Scope:
    """Look up the fleet that an event names.

    Raises:
        FleetError: if there is no such fleet, or it cannot serve at all.
    """
    findings = Findings()
    group = find_group(aws, event.asg, findings) if event.asg else {}
    if group and group.get("Status"):
        findings.refuse(f"somebody is deleting group {group['AutoScalingGroupName']}")
    described = find_target_groups(aws, event.target_group, findings)
    if group:
        attached = sorted(attached_target_groups(group) - described.keys())
        described |= {one["TargetGroupArn"]: one for one in aws.elbv2.target_groups(attached)}
        if not described:
            findings.refuse(f"group {group['AutoScalingGroupName']} is in no target group: attach one, or name it")
    check_target_groups(described, findings)
    raise_refusals(findings)
    name = group_name(event.asg) if group else "+".join(sorted(one["TargetGroupName"] for one in described.values()))
    rollout = Rollout(
        rollout_id=event.rollout_id,
        kind=FleetKind.AUTO_SCALING if group else FleetKind.STANDALONE,
        fleet=name,
        group=group_name(event.asg) if group else "",
        target_groups=tuple(sorted(described)),
        region=aws.region,
    )
    return Scope(aws=aws, rollout=rollout, group=group or {}, described=described)


def fleet_to_change(event: FleetEvent, aws: Connection) -> Scope:
    """Look up the fleet that an event names, for a stage that will change it.

    Raises:
        FleetError: as `find_fleet`.
        FleetLockedError: if a rollout of awsroll's own engine holds it.
    """
    scope = find_fleet(event, aws)
    Label(aws, scope.rollout, place="stages", warn=lambda _: None).check()
    return scope


def check_can_launch(scope: Scope, template: str) -> None:
    """Refuse a group whose settings keep it from being rolled, or that launches another version.

    Raises:
        FleetError: with every reason.
    """
    check_can_roll(scope, Strategy.REPLACE)
    _check_launches(scope, template)


def check_can_roll(scope: Scope, strategy: Strategy) -> None:
    """Refuse a group whose settings keep it from being rolled.

    Raises:
        FleetError: with every reason.
    """
    findings = Findings()
    spec = RolloutSpec(asg=scope.rollout.group, strategy=strategy, protected=SkipPolicy.IGNORE)
    check_group(scope.aws, scope.group, spec, findings)
    raise_refusals(findings)


def _check_launches(scope: Scope, template: str) -> None:
    """Refuse a group that launches another version than is wanted; an alias counts as what it means now.

    Raises:
        FleetError: if it does.
    """
    if not template:
        return
    findings = Findings()
    wanted = pin(scope.aws, template, None, findings)
    raise_refusals(findings)
    found = _launches(scope, findings)
    if found != str(wanted):
        refuse(f"group {scope.rollout.group} launches {found}, not {wanted}: set its launch template first")


def _launches(scope: Scope, findings: Findings) -> str:
    setting = template_setting(scope.group) or {}
    named = setting.get("LaunchTemplateId", "")
    found = pin(scope.aws, f"{named}:{setting.get('Version') or '$Default'}", None, findings) if named else None
    return str(found or "no launch template")


def check_known(scope: Scope, instances: Mapping[str, Instance]) -> None:
    """Refuse ids that EC2 does not know, and members of groups where servers registered by hand are meant.

    Raises:
        FleetError: naming them.
    """
    problems = [
        f"EC2 knows no instance {name}" for name, one in instances.items() if one.state is InstanceState.MISSING
    ]
    if not scope.is_group:
        groups = scope.aws.autoscaling.memberships(list(instances))
        problems += [f"{name} belongs to group {group}: name it as asg" for name, group in sorted(groups.items())]
    if problems:
        refuse(*problems)


def raise_refusals(findings: Findings) -> None:
    """Refuse if anything was found that forbids the stage.

    Raises:
        FleetError: with every reason.
    """
    try:
        findings.raise_refusals()
    except FleetError as error:
        refuse(*error.problems)


def refuse(*problems: str) -> NoReturn:
    """Refuse before anything was changed.

    Raises:
        FleetError: always.
    """
    raise FleetError(*problems, "nothing was changed")
