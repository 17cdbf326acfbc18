"""The `Rollout` that a request and the facts about a fleet make, and its first `Status`. Calls nothing."""

from dataclasses import replace
from datetime import datetime

from awsroll.core.classify.capacity import bounds
from awsroll.core.classify.draining import may_raise_delay
from awsroll.core.model.hooks import named
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.model.status import Status
from awsroll.core.model.status_parts import Desired
from awsroll.core.request.spec import RolloutSpec
from awsroll.preflight.findings import Findings
from awsroll.preflight.fleet_facts import FleetFacts, Goal
from awsroll.preflight.gate_checks import gates_of
from awsroll.preflight.inspect_standalone import slots_of
from awsroll.preflight.reload_checks import reload_command, rollback_command
from awsroll.preflight.versions import baseline_of, baseline_template
from awsroll.preflight.zone_turn_checks import zones_in_order


def rollout_of(spec: RolloutSpec, fleet: FleetFacts, goal: Goal, name: str) -> Rollout:
    """Return the rollout of a request, without what only AWS knows: account, region, tags and protected servers."""
    group = fleet.group
    unavailable, surge = spec.amounts()
    baseline = baseline_of(fleet.live, goal)
    return Rollout(
        rollout_id=name,
        kind=fleet.kind,
        fleet=fleet.name,
        group="" if group is None else group.name,
        target_groups=tuple(group.arn for group in fleet.target_groups),
        strategy=spec.strategy,
        max_unavailable=unavailable,
        max_surge=surge,
        max_running=spec.cap(),
        template=goal.template,
        reload=reload_command(spec, goal.app_version) if spec.strategy is Strategy.RELOAD else None,
        rollback_reload=rollback_command(spec, baseline),
        message=spec.message,
        ref=spec.ref,
        max_failures=spec.max_failures,
        on_failure=spec.after_failure,
        gates=replace(gates_of(spec), zones=zones_in_order(spec, fleet, goal)),
        hooks=named(spec.all_hooks),
        keep_old=spec.keep_old,
        keep_failed=spec.keep_failed,
        keep_failed_seconds=spec.keep_failed_for if spec.keep_failed else 0,
        protected=spec.protected,
        standby=spec.standby,
        deregistration_delay_seconds=spec.deregistration_delay,
        health_check_interval_seconds=spec.health_check_interval,
        health_check_threshold=spec.health_check_threshold,
        raises_deregistration_delay=any(may_raise_delay(group) for group in fleet.target_groups),
        extra_targets=() if group is None else group.extra_targets,
        baseline=baseline,
        baseline_template=baseline_template(baseline, goal),
        group_version="" if group is None or group.setting is None else group.setting.version,
        purges_warm_pool=group is not None and spec.warm_pool == "purge",
    )


def first_status(fleet: FleetFacts, now: datetime) -> Status:
    """Return the status of a rollout that has not begun."""
    if fleet.group is None:
        return Status(started_at=now, progress_at=now, slots=slots_of(fleet.instances))
    capacity = fleet.group.desired
    desired = Desired(goal=capacity, expected=capacity, previous=capacity, moved_at=now)
    return Status(started_at=now, progress_at=now, desired=desired, warnings=_alias_warning(fleet))


def _alias_warning(fleet: FleetFacts) -> tuple[str, ...]:
    """Warn that the rollout pins the group's alias: the group no longer follows new template versions."""
    setting = None if fleet.group is None else fleet.group.setting
    if setting is None or setting.version.isdigit():
        return ()
    return (f"the group's launch template version was {setting.version}; it is a pinned number now",)


def check_floor(spec: RolloutSpec, rollout: Rollout, fleet: FleetFacts, findings: Findings) -> None:
    """Refuse a rollout that takes all servers out of service, unless --max-unavailable requests that."""
    limits = bounds(rollout, fleet.desired)
    if fleet.desired == 0 or limits.floor > 0 or limits.max_surge > 0 or spec.max_unavailable is not None:
        return
    servers = "the only server" if fleet.desired == 1 else f"all {fleet.desired} servers"
    way_out = "" if spec.strategy is Strategy.RELOAD else "launch new servers first with --launch-first, or "
    findings.refuse(
        f"{fleet.name}: {servers} would be out of service at the same time: {way_out}"
        f"pass --max-unavailable {limits.max_unavailable} to allow this"
    )
