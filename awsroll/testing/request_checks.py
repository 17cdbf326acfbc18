"""The checks of a request against a fake fleet. They refuse what the checks of AWS would refuse, if a fake knows it.

What only AWS has is not checked: quotas, images, tags, free addresses, agents, load balancers and permissions.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from awsroll.core.model.finding import Check
from awsroll.core.model.hooks import HookKind
from awsroll.core.model.observation import AlarmState, FleetKind, Instance, TargetKey, TemplateVersion
from awsroll.core.model.period import CalendarState, calendars_of
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.request.spec import RolloutSpec
from awsroll.errors import FleetError, SpecError
from awsroll.preflight.cap_checks import check_cap, check_targets
from awsroll.preflight.default_deadlines import resolve_limits
from awsroll.preflight.findings import Findings
from awsroll.preflight.fleet_facts import FleetFacts, Goal, GroupFacts, TemplateSetting
from awsroll.preflight.gate_checks import check_rollback
from awsroll.preflight.inspect_group import extra_targets_of
from awsroll.preflight.lookups import group_name, new_rollout_id
from awsroll.preflight.new_rollout import check_floor, first_status, rollout_of
from awsroll.preflight.plan_fingerprint import fingerprint_of, pinned
from awsroll.preflight.preparation import Prepared
from awsroll.preflight.serving_report import report_serving
from awsroll.preflight.versions import DEFAULT, LATEST
from awsroll.preflight.window_checks import check_windows
from awsroll.preflight.zone_checks import check_zones, keeps_zones
from awsroll.preflight.zone_turn_checks import check_zone_turns, keeps_each_zone
from awsroll.testing.group import FakeGroup
from awsroll.testing.observations import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeFacts:
    """The parts of a fake fleet that the checks read.

    Attributes:
        group: the Auto Scaling group; None for a standalone fleet.
        templates: the launch templates, by id, with their latest version.
        alarms: CloudWatch alarms, by name.
        calendars: change calendars, by name.
    """

    snapshot: Snapshot
    group: FakeGroup | None
    templates: Mapping[str, int]
    alarms: Mapping[str, AlarmState]
    calendars: Mapping[str, CalendarState]


def prepare(fleet: FakeFacts, spec: RolloutSpec, *, rollout_id: str = "", findings: Findings) -> Prepared:
    """Check a request against a fake fleet; return the rollout to start.

    Raises:
        SpecError: if the request is invalid.
        FleetError: if the fleet does not match the request or cannot be rolled now. Lists every reason.
    """
    with findings.checking(Check.REQUEST):
        problems = spec.problems()
        if problems:
            raise SpecError(*problems)
    with findings.checking(Check.FLEET):
        _check_names(fleet, spec, findings)
        findings.raise_refusals()
    facts, reloads = facts_of(fleet), spec.strategy is Strategy.RELOAD
    with findings.checking(Check.VERSION):
        template = None if reloads else _pin(fleet, spec.launch_template)
    name = rollout_id or new_rollout_id(facts.name, fleet.snapshot.at)
    goal = Goal(template=template, app_version=(spec.app_version or name) if reloads else "")
    rollout = rollout_of(spec, facts, goal, name)
    with findings.checking(Check.DEADLINES):
        rollout = replace(rollout, limits=resolve_limits(spec, facts, findings))
    rollout = replace(rollout, keeps_zones=keeps_zones(spec, rollout, facts, goal) or keeps_each_zone(spec, rollout))
    _check_steps(fleet, spec, rollout, goal, findings)
    findings.raise_refusals()
    return Prepared(
        rollout=rollout,
        status=first_status(facts, fleet.snapshot.at),
        request=pinned(spec, rollout),
        fingerprint=fingerprint_of(facts, rollout),
        findings=findings.reported(),
    )


def facts_of(fleet: FakeFacts) -> FleetFacts:
    """Return the facts that the checks of a request need."""
    snapshot = fleet.snapshot
    is_group = fleet.group is not None
    instances = tuple(
        one
        for name, one in sorted(snapshot.instances.items())
        if (one.lifecycle is not None if is_group else name in snapshot.registered)
    )
    return FleetFacts(
        kind=FleetKind.AUTO_SCALING if is_group else FleetKind.STANDALONE,
        name="+".join(sorted(one.name for one in snapshot.target_groups))
        if fleet.group is None
        else fleet.group.settings.name,
        target_groups=snapshot.target_groups,
        instances=instances,
        group=_group(fleet, instances),
    )


def _group(fleet: FakeFacts, instances: tuple[Instance, ...]) -> GroupFacts | None:
    if fleet.group is None:
        return None
    settings = fleet.group.settings
    managed = frozenset(TargetKey(target_group=key.target_group, port=key.port) for key in settings.keys)
    return GroupFacts(
        name=settings.name,
        minimum=settings.minimum,
        maximum=settings.maximum,
        desired=settings.desired,
        setting=TemplateSetting(template_id=settings.template_id, version=settings.version),
        grace_seconds=fleet.group.grace_seconds,
        extra_targets=extra_targets_of(instances, managed),
        zones=tuple(sorted(subnet for _, subnet in settings.zones)),
        subnets=tuple((subnet, zone) for zone, subnet in settings.zones),
        launch_zones=tuple(sorted(zone for zone, _ in settings.zones)),
    )


def _check_names(fleet: FakeFacts, spec: RolloutSpec, findings: Findings) -> None:
    """Refuse a group and target groups that the fake fleet does not have."""
    group = "" if fleet.group is None else fleet.group.settings.name
    if spec.asg and group_name(spec.asg) != group:
        known = f"its group is {group}" if group else "it has no group"
        findings.refuse(f"the fake fleet has no Auto Scaling group {spec.asg!r}: {known}")
    if group and not spec.asg:
        findings.refuse(f"the servers of the fake fleet belong to the Auto Scaling group {group}: roll asg={group!r}")
    names = {name for one in fleet.snapshot.target_groups for name in (one.arn, one.name)}
    for named in spec.target_group:
        if named not in names:
            known = ", ".join(sorted(one.name for one in fleet.snapshot.target_groups))
            findings.refuse(f"the fake fleet has no target group {named!r}: it has {known}")


def _pin(fleet: FakeFacts, requested: str) -> TemplateVersion:
    """Return the requested launch template version as a number.

    Raises:
        SpecError: if the request names none, and there is no group that has one.
        FleetError: if there is no such template or version.
    """
    templates = fleet.templates
    named, _, version = requested.partition(":")
    if not named and fleet.group is None:
        problem = "no version is named: pass launch_template='ID|NAME[:VERSION]'"
        raise SpecError(problem)
    own = "" if fleet.group is None else fleet.group.settings.template_id
    template_id = next((one for one in (named or own, f"lt-{named}") if one in templates), "")
    if not template_id:
        problem = f"the fake fleet has no launch template {named!r}: it has {', '.join(sorted(templates))}"
        raise FleetError(problem)
    latest = templates[template_id]
    if version in ("", LATEST, DEFAULT):
        return TemplateVersion(template_id=template_id, number=latest)
    if not version.isdecimal() or not 1 <= int(version) <= latest:
        problem = f"launch template {named} of the fake fleet has no version {version}: its latest version is {latest}"
        raise FleetError(problem)
    return TemplateVersion(template_id=template_id, number=int(version))


def _check_steps(fleet: FakeFacts, spec: RolloutSpec, rollout: Rollout, goal: Goal, findings: Findings) -> None:
    facts = facts_of(fleet)
    with findings.checking(Check.ALARMS):
        _check_alarms(fleet, rollout, findings)
    with findings.checking(Check.WINDOWS):
        names = calendars_of((*spec.windows, *spec.freezes))
        calendars = {name: fleet.calendars.get(name, CalendarState(is_open=None)) for name in names}
        check_windows(rollout.gates, calendars, fleet.snapshot.at, findings)
    with findings.checking(Check.HOOKS):
        _check_hooks(rollout, findings)
    with findings.checking(Check.SERVING):
        report_serving(facts, findings)
    with findings.checking(Check.ROLLBACK):
        check_rollback(spec, rollout, facts, goal, findings)
    if facts.live and all(goal.is_on(instance) for instance in facts.live):
        return  # there are no steps
    with findings.checking(Check.CAPACITY):
        check_floor(spec, rollout, facts, findings)
        check_cap(rollout, facts, goal, findings)
        if not rollout.reloads:
            check_targets(rollout, facts, goal, findings)
    with findings.checking(Check.ZONES):
        check_zones(spec, rollout, facts, goal, findings)
        check_zone_turns(spec, rollout, facts, goal, findings)


def _check_alarms(fleet: FakeFacts, rollout: Rollout, findings: Findings) -> None:
    for name in rollout.gates.alarms:
        state = fleet.alarms.get(name, AlarmState.MISSING)
        if state is AlarmState.MISSING:
            findings.refuse(f"the fake fleet has no CloudWatch alarm {name!r}: set fleet.alarms[{name!r}]")
        elif state is AlarmState.ALARM:
            findings.refuse(f"alarm {name} is already in ALARM: resolve it, or leave the alarm out")


def _check_hooks(rollout: Rollout, findings: Findings) -> None:
    for hook in rollout.hooks:
        if hook.kind in (HookKind.FUNCTION, HookKind.SCRIPT):
            findings.refuse(
                f"hook {hook.name} is a {hook.kind}, which a fake fleet cannot run: use a Python callable in this test"
            )
