"""Stage: take servers out of traffic, so that their requests in flight can end.

Servers registered by hand are deregistered on every port. Members of a group are put in standby, for a reload. To
replace a member, call `terminate_and_launch`: the group drains a member that it terminates.
"""

from dataclasses import dataclass
from datetime import datetime

from awsroll.aws.connection import Connection
from awsroll.core.classify.draining import active_registrations, drain_seconds
from awsroll.core.classify.serving import ALIVE
from awsroll.core.model import actions as act
from awsroll.core.model.observation import Instance, Lifecycle, TargetKey
from awsroll.core.model.reasons import Reason
from awsroll.stages.carry_out import carry_out
from awsroll.stages.event_fields import Count, FleetAnswer, FleetEvent, InstanceId, Seconds, SomeInstances
from awsroll.stages.routes import check_other_routes
from awsroll.stages.scope import Scope, check_known, find_fleet_to_change, refuse
from awsroll.stages.stage_tags import (
    deregistered_tag,
    is_finished,
    is_taken_out,
    missing_tags,
    registered_at,
    retiring_tags,
)
from awsroll.stages.standby import check_may_leave, enter_standby
from awsroll.stages.target_health import others_serving


@dataclass(frozen=True, slots=True, kw_only=True)
class DeregisterTargetsEvent(FleetEvent):
    """Which servers to take out of traffic.

    Attributes:
        min_healthy: refuse if fewer other servers serve.
    """

    instance_ids: SomeInstances
    min_healthy: Count = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """Where a server is registered: a target group (ARN) and a port."""

    instance_id: InstanceId
    target_group: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeregisterTargetsAnswer(FleetAnswer):
    """Which servers were taken out of traffic, for `check_drained`.

    Attributes:
        targets: where the servers were registered.
        wait_seconds: the deregistration delay, or the time of new flows from a Network Load Balancer if that is
            longer. No drain is seen to be over earlier.
    """

    instance_ids: tuple[str, ...]
    targets: tuple[Registration, ...]
    wait_seconds: Seconds


def deregister_targets(event: DeregisterTargetsEvent, aws: Connection) -> DeregisterTargetsAnswer:
    """Take servers out of traffic. Servers that are out already, or that this rollout has finished, are left alone.

    Raises:
        FleetError: if a server is not part of the fleet, or too few others serve; nothing was changed.
        FleetLockedError: if a rollout of awsroll's own engine holds the fleet; nothing was changed.
        AwsError: if AWS refused or did not answer; call the stage again to continue.
    """
    scope = find_fleet_to_change(event, aws)
    servers = scope.observe(event.instance_ids)
    check_known(scope, servers)
    _check_members(scope, servers)
    leaving = [one for one in servers.values() if not is_finished(scope.rollout, one) and one.state in ALIVE]
    if any(not is_taken_out(scope.rollout, instance) for instance in leaving):
        _check_others_serve(scope, servers, event.min_healthy)
    fresh = [one.instance_id for one in leaving if not is_taken_out(scope.rollout, one)]
    if fresh:
        check_other_routes(scope, fresh, replaces=not scope.is_group)
    if scope.is_group:
        check_may_leave(scope, leaving)
    registrations = {name: _registrations_of(scope, instance) for name, instance in servers.items()}
    _tag(scope, leaving, registrations, aws.now())
    if scope.is_group:
        enter_standby(scope, leaving)
    _deregister(scope, leaving)
    return DeregisterTargetsAnswer(
        rollout_id=event.rollout_id,
        asg=scope.rollout.group,
        target_group=scope.arns,
        instance_ids=tuple(servers),
        targets=tuple(
            Registration(instance_id=name, target_group=key.target_group, port=key.port)
            for name, keys in registrations.items()
            for key in keys
        ),
        wait_seconds=max(1, round(max(drain_seconds(group) for group in scope.settings))),
    )


def _check_others_serve(scope: Scope, servers: dict[str, Instance], min_healthy: int) -> None:
    others = others_serving(scope, servers)
    if len(others) < min_healthy:
        refuse(f"besides {', '.join(servers)} only {len(others)} serve in {scope.rollout.fleet}, not {min_healthy}")


def _check_members(scope: Scope, servers: dict[str, Instance]) -> None:
    problems = []
    for name, instance in servers.items():
        if is_taken_out(scope.rollout, instance) or is_finished(scope.rollout, instance):
            continue
        if scope.is_group and name not in scope.members:
            problems.append(f"{name} is not a member of group {scope.rollout.group}")
        elif scope.is_group and instance.lifecycle is not Lifecycle.IN_SERVICE:
            problems.append(f"{name} is {instance.lifecycle_detail} in group {scope.rollout.group}, not in service")
        elif instance.state not in ALIVE:
            problems.append(f"{name} is {instance.state}")
        elif not active_registrations(instance):
            problems.append(f"{name} is registered in no target group of {scope.rollout.fleet}")
    if problems:
        refuse(*problems)


def _registrations_of(scope: Scope, instance: Instance) -> tuple[TargetKey, ...]:
    """Return where the server belongs: as its tags say since it was first taken out, and as it is listed now."""
    recorded = registered_at(instance, scope.arns) if instance.rollout == scope.rollout.rollout_id else ()
    return tuple(sorted({*recorded, *(target.key for target in instance.targets)}))


def _tag(scope: Scope, leaving: list[Instance], registrations: dict[str, tuple[TargetKey, ...]], now: datetime) -> None:
    network = {group.arn for group in scope.settings if group.is_network}
    writes: list[act.Action] = []
    for instance in leaving:
        name = instance.instance_id
        wanted = retiring_tags(scope.rollout, registrations[name])
        if any(key.target_group in network for key in _to_deregister(scope, instance)):
            wanted |= deregistered_tag(scope.rollout.rollout_id, now)
        if missing_tags(instance, wanted):
            writes.append(act.TagInstances(instance_ids=(name,), tags=tuple(wanted.items()), reason=Reason.PREPARING))
    carry_out(scope, writes)


def _to_deregister(scope: Scope, instance: Instance) -> tuple[TargetKey, ...]:
    """Return the active registrations in target groups that no group manages."""
    return tuple(key for key in active_registrations(instance) if key not in scope.managed)


def _deregister(scope: Scope, leaving: list[Instance]) -> None:
    """Deregister servers from the target groups that no group manages."""
    writes: list[act.Action] = []
    for instance in leaving:
        keys = _to_deregister(scope, instance)
        if keys:
            writes.append(act.DeregisterTargets(instance_id=instance.instance_id, targets=keys, reason=Reason.OUTDATED))
    carry_out(scope, writes)
