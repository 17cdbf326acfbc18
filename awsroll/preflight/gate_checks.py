"""The checks of checkpoints, alarms and the rollback."""

from awsroll.aws.alarm_states import observe_alarms
from awsroll.aws.connection import Connection
from awsroll.core.model.observation import AlarmState
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_choices import Gates, OnFailure, Zones
from awsroll.core.observe.verdict import why_no_rollback
from awsroll.core.request.spec import RolloutSpec
from awsroll.preflight.findings import Findings, shortened
from awsroll.preflight.fleet_facts import FleetFacts, Goal
from awsroll.preflight.versions import template_data


def gates_of(spec: RolloutSpec) -> Gates:
    """Return the gates of a request."""
    return Gates(
        checkpoints=spec.checkpoints(),
        delay_seconds=spec.zone_bake if spec.zones is Zones.ONE_BY_ONE else spec.checkpoint_delay,
        by_zone=spec.zones is Zones.ONE_BY_ONE,
        needs_approval=spec.approve_checkpoints,
        approval_seconds=spec.approval_timeout,
        bake_seconds=spec.bake_time,
        alarms=tuple(dict.fromkeys(spec.alarm)),
        windows=spec.windows,
        freezes=spec.freezes,
        override=spec.override_freeze,
        judge=spec.judging(),
        rehearses=spec.rehearse,
    )


def check_alarms(aws: Connection, spec: RolloutSpec, findings: Findings) -> None:
    """Refuse alarms that do not exist, because CloudWatch ignores unknown names, and alarms in ALARM."""
    for alarm in observe_alarms(aws.cloudwatch, tuple(dict.fromkeys(spec.alarm))):
        if alarm.state is AlarmState.MISSING:
            findings.refuse(f"there is no CloudWatch alarm {alarm.name!r} in {aws.region}: check --alarm and --region")
        elif alarm.state is AlarmState.ALARM:
            findings.refuse(
                f"alarm {alarm.name} is already in ALARM ({alarm.reason or 'no reason given'}): resolve it, or remove "
                f"--alarm {alarm.name}"
            )


def check_rollback(spec: RolloutSpec, rollout: Rollout, fleet: FleetFacts, goal: Goal, findings: Findings) -> None:
    """Warn of servers that a rollback cannot restore; refuse --keep-old if the surge leaves no room for old servers."""
    if spec.keep_old and rollout.max_surge.rounded_up(fleet.desired) < fleet.desired:
        findings.refuse(
            f"--keep-old keeps all {fleet.desired} old servers running beside the new servers, but the surge is "
            f"{rollout.max_surge}: pass --max-surge 100%, or --strategy double-half"
        )
    if spec.rehearse and rollout.from_version and (why := why_no_rollback(rollout)):
        findings.refuse(f"--rehearse returns a server to the old version, but {why}: remove --rehearse")
    if rollout.reloads:
        return
    outdated = [instance for instance in fleet.live if not goal.is_on(instance)]
    unknown = sorted(instance.instance_id for instance in outdated if instance.template is None)
    if not unknown:
        return
    back = rollout.baseline_template
    problem = (
        f"{shortened(unknown)} have no known launch template: a rollback cannot restore them after they are replaced"
    )
    if back is not None:
        findings.warn(f"{problem}; a rollback launches {back} instead")
    elif rollout.on_failure is OnFailure.ROLLBACK:
        findings.warn(f"{problem}; a rollback only keeps the servers that are not yet replaced")
    else:
        findings.warn(problem)


def check_baseline(aws: Connection, rollout: Rollout, findings: Findings) -> None:
    """Warn of old versions that no longer exist: the servers run on, but a rollback cannot launch them."""
    if rollout.reloads or rollout.on_failure is not OnFailure.ROLLBACK:
        return
    for version in rollout.baseline:
        if version.template in (None, rollout.template) or template_data(aws, version.template):
            continue
        findings.warn(
            f"launch template version {version.template} no longer exists, and {version.count} servers run it: a "
            "rollback cannot launch it again, so it would stop with both versions in the fleet. Pass --on-failure "
            "pause to decide yourself"
        )
