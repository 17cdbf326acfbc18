"""The fleet that an event names: what a stage works on, and the checks that all stages share.

This module only reads. All problems are reported at once, before anything is changed.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
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
    TemplateVersion,
)
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_choices import SkipPolicy, Strategy
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
        aws: the connection.
        rollout: names and kind, for the code of the fleets; the rollout is not stored.
        group: the group as Auto Scaling describes it; empty for servers registered by hand.
        described: the target groups as Elastic Load Balancing describes them, by ARN.
        excluded: ARNs of target groups that are left alone although they hold servers of the fleet.
    """

    aws: Connection
    rollout: Rollout
    group: Reply
    described: Mapping[str, Reply]
    excluded: frozenset[str] = frozenset()

    @property
    def arns(self) -> tuple[str, ...]:
        """ARNs of the fleet's target groups."""
        return self.rollout.target_groups

    @property
    def is_group(self) -> bool:
        """Whether an Auto Scaling group launches and registers the instances."""
        return self.rollout.kind is FleetKind.AUTO_SCALING

    @cached_property
    def managed(self) -> frozenset[TargetKey]:
        """Registrations that the group makes and ends by itself."""
        attached = attached_target_groups(self.group)
        return frozenset(self.default_key(arn) for arn in self.arns if arn in attached)

    @cached_property
    def members(self) -> dict[str, Reply]:
        """The group's members as it describes them, leaving ones included."""
        return {member["InstanceId"]: member for member in self.group.get("Instances", [])}

    @cached_property
    def targets(self) -> TargetGroups:
        """The reader of target groups."""
        return TargetGroups(self.aws)

    @cached_property
    def registrations(self) -> dict[str, tuple[Target, ...]]:
        """Each registration at the first use of this property, draining ones included, by instance."""
        return self.targets.registrations(self.arns)

    @cached_property
    def usual(self) -> frozenset[TargetKey]:
        """The ports of each target group on which more than half of its instances are registered."""
        on_key, in_group = Counter[TargetKey](), Counter[str]()
        for targets in self.registrations.values():
            keys = {target.key for target in targets if target.state is not TargetState.DRAINING}
            on_key.update(keys)
            in_group.update({key.target_group for key in keys})
        return frozenset(key for key, count in on_key.items() if 2 * count > in_group[key.target_group])

    @cached_property
    def settings(self) -> tuple[TargetGroup, ...]:
        """The target groups with their health checks and deregistration delays."""
        return self.targets.observe(self.arns, attached_target_groups(self.group))

    def fleet(self, rollout: Rollout | None = None) -> Fleet:
        """Return what executes actions on this fleet."""
        return fleet_of(rollout or self.rollout, self.aws)

    def default_key(self, arn: str) -> TargetKey:
        """Return the default port of a target group."""
        return TargetKey(target_group=arn, port=int(self.described[arn].get("Port", 0)))

    def lifecycle(self, instance_id: str) -> Lifecycle | None:
        """Return the lifecycle state of an instance in the group; None if it is not a member."""
        member = self.members.get(instance_id)
        return None if member is None else read_lifecycle(member["LifecycleState"])

    def observe(self, instance_ids: Iterable[str]) -> dict[str, Instance]:
        """Return these instances in their order. An instance that EC2 does not know is `MISSING`."""
        wanted = tuple(dict.fromkeys(instance_ids))
        known = {described["InstanceId"]: described for described in self.aws.ec2.instances(wanted)}
        return {name: self._read(name, known.get(name)) for name in wanted}

    def _read(self, name: str, described: Reply | None) -> Instance:
        targets, member = self.registrations.get(name, ()), self.members.get(name)
        if described is None:
            return missing_instance(name, targets=targets, member=member)
        return read_instance(described, targets=targets, member=member)

    def keys_of(self, instances: Iterable[Instance], recorded: Iterable[TargetKey] = ()) -> tuple[TargetKey, ...]:
        """Return each key where one of these may be registered: in use in the fleet, recorded, or a default port."""
        used = {target.key for targets in self.registrations.values() for target in targets}
        own = {target.key for instance in instances for target in instance.targets}
        return tuple(sorted(used | own | set(recorded) | {self.default_key(arn) for arn in self.arns}))

    def refreshed(self) -> "Scope":
        """Return the same fleet with the group as it is now, after a change."""
        group = self.aws.autoscaling.group(self.rollout.group) if self.is_group else {}
        return replace(self, group=group or {})

    def poll_seconds(self) -> int:
        """Return how long to wait for the next health check."""
        return max(1, min(_LONGEST_WAIT, round(min(group.health_interval_seconds for group in self.settings))))


def find_fleet(event: FleetEvent, aws: Connection) -> Scope:
    """Find the fleet that an event names.

    Raises:
        FleetError: if the fleet does not exist, or cannot serve.
    """
    findings = Findings()
    group = find_group(aws, event.asg, findings) if event.asg else {}
    if group and group.get("Status"):
        findings.refuse(f"group {group['AutoScalingGroupName']} is being deleted")
    described = find_target_groups(aws, event.target_group, findings)
    if group:
        attached = sorted(attached_target_groups(group) - described.keys())
        described |= {reply["TargetGroupArn"]: reply for reply in aws.elbv2.target_groups(attached)}
        if not described:
            findings.refuse(f"group {group['AutoScalingGroupName']} has no target group: attach one, or name one")
    check_target_groups(described, findings, attached=attached_target_groups(group or {}))
    excluded = find_target_groups(aws, event.exclude_target_group, findings, option="exclude_target_group")
    raise_refusals(findings)
    names = sorted(reply["TargetGroupName"] for reply in described.values())
    rollout = Rollout(
        rollout_id=event.rollout_id,
        kind=FleetKind.AUTO_SCALING if group else FleetKind.STANDALONE,
        fleet=group_name(event.asg) if group else "+".join(names),
        group=group_name(event.asg) if group else "",
        target_groups=tuple(sorted(described)),
        region=aws.region,
    )
    return Scope(aws=aws, rollout=rollout, group=group or {}, described=described, excluded=frozenset(excluded))


def find_fleet_to_change(event: FleetEvent, aws: Connection) -> Scope:
    """Find the fleet that an event names, for a stage that will change it.

    Raises:
        FleetError: as for `find_fleet`.
        FleetLockedError: if a rollout of awsroll's own engine holds the fleet.
    """
    scope = find_fleet(event, aws)
    Label(aws, scope.rollout, place="stages", warn=lambda _: None).check()
    return scope


def check_can_launch(scope: Scope, template: str) -> None:
    """Refuse a group whose settings forbid a rollout, or that launches another version.

    Raises:
        FleetError: with all reasons.
    """
    check_can_roll(scope, Strategy.REPLACE)
    _check_launches(scope, template)


def check_can_roll(scope: Scope, strategy: Strategy) -> None:
    """Refuse a group whose settings forbid a rollout.

    Raises:
        FleetError: with all reasons.
    """
    findings = Findings()
    spec = RolloutSpec(asg=scope.rollout.group, strategy=strategy, protected=SkipPolicy.IGNORE)
    check_group(scope.aws, scope.group, spec, findings)
    raise_refusals(findings)


def _check_launches(scope: Scope, template: str) -> None:
    """Refuse a group that launches another version. An alias counts as the version that it means now.

    Raises:
        FleetError: if the group launches another version.
    """
    wanted = pinned_template(scope, template)
    if wanted is None:
        return
    launches = launched_template(scope)
    if launches != str(wanted):
        refuse(f"group {scope.rollout.group} launches {launches}, not {wanted}: set its launch template first")


def launched_template(scope: Scope) -> str:
    """Return the launch template version that a group launches now; an alias counts as its version now."""
    setting = template_setting(scope.group) or {}
    template_id, version = setting.get("LaunchTemplateId", ""), setting.get("Version") or "$Default"
    template = pin(scope.aws, f"{template_id}:{version}", None, Findings()) if template_id else None
    return str(template or "no launch template")


def pinned_template(scope: Scope, template: str) -> TemplateVersion | None:
    """Return the launch template version that an event names; None if it names none.

    Raises:
        FleetError: if there is no such version.
    """
    if not template:
        return None
    findings = Findings()
    pinned = pin(scope.aws, template, None, findings)
    raise_refusals(findings)
    return pinned


def check_known(scope: Scope, instances: Mapping[str, Instance]) -> None:
    """Refuse ids that EC2 does not know, and members of groups if the fleet was registered by hand.

    Raises:
        FleetError: with their ids.
    """
    missing = [name for name, instance in instances.items() if instance.state is InstanceState.MISSING]
    problems = [f"EC2 knows no instance {name}" for name in missing]
    if not scope.is_group:
        groups = scope.aws.autoscaling.memberships(list(instances))
        problems += [f"{name} belongs to group {group}: name it as asg" for name, group in sorted(groups.items())]
    if problems:
        refuse(*problems)


def raise_refusals(findings: Findings) -> None:
    """Refuse if a check forbids the stage.

    Raises:
        FleetError: with all reasons.
    """
    try:
        findings.raise_refusals()
    except FleetError as error:
        refuse(*error.problems)


def refuse(*problems: str) -> NoReturn:
    """Raise the error of a stage that has changed nothing.

    Raises:
        FleetError: always.
    """
    raise FleetError(*problems, "nothing was changed")
