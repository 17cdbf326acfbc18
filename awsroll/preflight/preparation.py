"""The preparation of a rollout: from a request to a `Rollout`, its first `Status`, and warnings."""

from dataclasses import dataclass, replace

from awsroll.aws.calendar_states import observe_calendars
from awsroll.aws.connection import Connection
from awsroll.core.model.finding import Check, Finding
from awsroll.core.model.fingerprint import Fingerprint
from awsroll.core.model.period import calendars_of
from awsroll.core.model.rollout import Rollout, VersionCount
from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.model.status import Status
from awsroll.core.model.template_change import TemplateChange
from awsroll.core.request.spec import NO_VERSION, RolloutSpec
from awsroll.errors import SpecError
from awsroll.preflight.address_checks import check_addresses
from awsroll.preflight.cap_checks import check_cap, check_targets
from awsroll.preflight.default_deadlines import resolve_limits
from awsroll.preflight.findings import Findings
from awsroll.preflight.fleet_facts import FleetFacts, Goal
from awsroll.preflight.gate_checks import check_alarms, check_baseline, check_rollback
from awsroll.preflight.hook_checks import check_agents, check_hooks
from awsroll.preflight.image_checks import check_images, check_root_volumes
from awsroll.preflight.inspect_group import inspect_group
from awsroll.preflight.inspect_standalone import inspect_standalone, protected_from_termination
from awsroll.preflight.interface_checks import check_interfaces
from awsroll.preflight.inventory import check_inventory
from awsroll.preflight.launch_call_checks import check_launch_call
from awsroll.preflight.lookups import account_of, new_rollout_id, unknown_target_groups
from awsroll.preflight.new_rollout import check_floor, first_status, rollout_of
from awsroll.preflight.plan_fingerprint import fingerprint_of, pinned
from awsroll.preflight.read_lattice import lattice_target_groups
from awsroll.preflight.reload_checks import check_reload
from awsroll.preflight.serving_report import report_serving
from awsroll.preflight.tag_checks import check_tags
from awsroll.preflight.target_quota_checks import check_target_quotas
from awsroll.preflight.template_changes import template_changes
from awsroll.preflight.threshold_checks import check_thresholds
from awsroll.preflight.vcpu_checks import check_vcpus
from awsroll.preflight.versions import pin, template_data, template_names, template_tags
from awsroll.preflight.window_checks import check_windows
from awsroll.preflight.zone_checks import check_zones, keeps_zones
from awsroll.preflight.zone_turn_checks import check_zone_turns, keeps_each_zone


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A rollout that may start.

    Attributes:
        request: the request with the version and the deadlines filled in, so that it means the same at any time.
        fingerprint: the facts about the fleet that the checks used.
        changes: what differs between the launch template versions; None if the old one is not known.
    """

    rollout: Rollout
    status: Status
    request: RolloutSpec
    fingerprint: Fingerprint
    findings: tuple[Finding, ...] = ()
    changes: tuple[TemplateChange, ...] | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """The warnings of the checks, without notes."""
        return tuple(finding.message for finding in self.findings if finding.is_warning)


def prepare(spec: RolloutSpec, aws: Connection, *, rollout_id: str = "", findings: Findings | None = None) -> Prepared:
    """Look up names, pin versions and check the fleet; change nothing.

    Args:
        spec: the request.
        aws: the connection to the fleet's account and region.
        rollout_id: the id of the rollout; empty: generate an id.
        findings: receives what the checks find, also if one of them raises an error; None: a new collection.

    Raises:
        SpecError: if the request is invalid.
        FleetError: if the fleet does not match the request or cannot be rolled now. Lists every reason.
        AwsError: if AWS refuses a call or does not answer.
    """
    findings = Findings() if findings is None else findings
    with findings.checking(Check.REQUEST):
        problems = spec.problems()
        if problems == (NO_VERSION,):
            problems = (*unknown_target_groups(aws, spec.target_group), NO_VERSION)
        if problems:
            raise SpecError(*problems)
    return _Preflight(spec, aws, findings).run(rollout_id)


class _Preflight:
    """One run of the checks."""

    def __init__(self, spec: RolloutSpec, aws: Connection, findings: Findings) -> None:
        self._spec = spec
        self._aws = aws
        self._findings = findings
        self._reloading = spec.strategy is Strategy.RELOAD

    def run(self, rollout_id: str) -> Prepared:
        spec, findings = self._spec, self._findings
        inspect = inspect_group if spec.asg else inspect_standalone
        with findings.checking(Check.FLEET):
            fleet = inspect(self._aws, spec, findings)
        if fleet is not None:
            with findings.checking(Check.INVENTORY):
                check_inventory(fleet.inventory, findings, replaces=not self._reloading)
        setting = None if fleet is None or fleet.group is None else fleet.group.setting
        template = None
        if not self._reloading:
            with findings.checking(Check.VERSION):
                template = pin(self._aws, spec.launch_template, setting, findings)
        if fleet is None or (template is None and not self._reloading):
            findings.raise_refusals()
            with findings.checking(Check.VERSION):
                raise SpecError(NO_VERSION)
        name = rollout_id or new_rollout_id(fleet.name, self._aws.now())
        goal = Goal(template=template, app_version=(spec.app_version or name) if self._reloading else "")
        rollout = self._checked(fleet, goal, name)
        findings.raise_refusals()
        return Prepared(
            changes=self._changes(rollout),
            rollout=rollout,
            status=first_status(fleet, self._aws.now()),
            request=pinned(spec, rollout),
            fingerprint=fingerprint_of(fleet, rollout),
            findings=findings.reported(),
        )

    def _checked(self, fleet: FleetFacts, goal: Goal, name: str) -> Rollout:
        """Return the rollout, after the checks of the fleet and of the steps of the rollout."""
        spec, aws, findings = self._spec, self._aws, self._findings
        with findings.checking(Check.DEADLINES):
            limits = resolve_limits(spec, fleet, findings)
        if spec.alarm:
            with findings.checking(Check.ALARMS):
                check_alarms(aws, spec, findings)
        if self._reloading:
            with findings.checking(Check.RELOAD):
                check_reload(aws, spec, fleet, goal, findings)
        with findings.checking(Check.ACCOUNT):
            account = account_of(aws, findings)
        rollout = replace(
            self._rollout(fleet, goal, name), limits=limits, account=account, started_by=aws.sts.known_caller
        )
        rollout = replace(
            rollout, keeps_zones=keeps_zones(spec, rollout, fleet, goal) or keeps_each_zone(spec, rollout)
        )
        if spec.windows or spec.freezes or spec.override_freeze:
            with findings.checking(Check.WINDOWS):
                periods = (*spec.windows, *spec.freezes)
                calendars = observe_calendars(aws.ssm, calendars_of(periods))
                check_windows(rollout.gates, calendars, aws.now(), findings)
        self._check_steps(rollout, fleet, goal)
        with findings.checking(Check.IMAGES):
            check_images(aws, rollout, findings)
        if not self._reloading:
            with findings.checking(Check.INTERFACES):
                check_interfaces(aws, rollout, fleet, goal, findings)
        with findings.checking(Check.ROLLBACK):
            check_rollback(spec, rollout, fleet, goal, findings)
            check_baseline(aws, rollout, findings)
        if rollout.hooks:
            with findings.checking(Check.HOOKS):
                check_hooks(aws, rollout, findings)
            with findings.checking(Check.AGENTS):
                check_agents(aws, rollout, fleet, goal, findings)
        return rollout

    def _changes(self, rollout: Rollout) -> tuple[TemplateChange, ...] | None:
        old, new = (template_data(self._aws, template) for template in (rollout.baseline_template, rollout.template))
        return template_changes(old, new) if old and new else None

    def _check_steps(self, rollout: Rollout, fleet: FleetFacts, goal: Goal) -> None:
        """Check what the steps of the rollout need, beside the fleet as it is."""
        spec, findings = self._spec, self._findings
        with findings.checking(Check.SERVING):
            report_serving(fleet, findings)
        if not self._reloading:
            with findings.checking(Check.ROOT_VOLUMES):
                check_root_volumes(fleet, findings)
        if fleet.live and all(goal.is_on(instance) for instance in fleet.live):
            return  # there are no steps
        with findings.checking(Check.INVENTORY):
            attached = {entry.name for entry in fleet.inventory}
            lattice = lattice_target_groups(self._aws, fleet.described, findings, attached=attached)
            check_inventory(lattice, findings, replaces=not self._reloading)
        with findings.checking(Check.CAPACITY):
            check_floor(spec, rollout, fleet, findings)
            check_cap(rollout, fleet, goal, findings)
            check_target_quotas(rollout, fleet, findings)
            check_launch_call(self._aws, rollout, fleet, findings)
        with findings.checking(Check.ZONES):
            check_zones(spec, rollout, fleet, goal, findings)
            check_zone_turns(spec, rollout, fleet, goal, findings)
        with findings.checking(Check.THRESHOLDS):
            check_thresholds(rollout, fleet, findings)
        with findings.checking(Check.TAGS):
            check_tags(self._aws, rollout, fleet, goal, findings)
        if not self._reloading:
            with findings.checking(Check.ADDRESSES):
                check_addresses(rollout, fleet, goal, findings)
                check_targets(rollout, fleet, goal, findings)
            with findings.checking(Check.CAPACITY):
                check_vcpus(self._aws, rollout, fleet, goal, findings)

    def _rollout(self, fleet: FleetFacts, goal: Goal, name: str) -> Rollout:
        rollout = replace(rollout_of(self._spec, fleet, goal, name), region=self._aws.region)
        rollout = replace(rollout, template_names=template_names(self._aws, goal.template, rollout.baseline_template))
        if fleet.group is not None or self._reloading:
            return rollout
        return replace(
            rollout,
            goal_tags=tuple(key for key, _ in template_tags(self._aws, goal.template)),
            baseline_tags=self._tags_of(rollout.baseline),
            termination_protected=protected_from_termination(self._aws, self._spec, fleet, goal, self._findings),
        )

    def _tags_of(self, baseline: tuple[VersionCount, ...]) -> tuple[tuple[str, str], ...]:
        return tuple(sorted({tag for version in baseline for tag in template_tags(self._aws, version.template)}))
