"""Stage: takes servers out of traffic, so that the requests in flight can end.

Servers registered by hand are deregistered on every port. A group's members are put in standby, for a reload: a group
that is told to replace a member drains it by itself (`terminate_and_launch`).
"""

from dataclasses import dataclass

from awsroll.aws.connection import Connection
from awsroll.core.classify.draining import active_registrations
from awsroll.core.classify.serving import ALIVE
from awsroll.core.model import actions as act
from awsroll.core.model.actions import Reason
from awsroll.core.model.observation import Instance, Lifecycle, TargetKey
from awsroll.stages.carry_out import carry_out
from awsroll.stages.event_fields import Count, FleetAnswer, FleetEvent, InstanceId, Seconds, SomeInstances
from awsroll.stages.scope import Scope, check_known, fleet_to_change, refuse
from awsroll.stages.stage_tags import is_finished, is_taken_out, missing, registered_at, taken_out
from awsroll.stages.standby import check_may_leave, put_in_standby
from awsroll.stages.target_health import left_serving


@dataclass(frozen=True, slots=True, kw_only=True)
class DeregisterTargetsEvent(FleetEvent):
    """Which servers to take out of traffic.

    Attributes:
        min_healthy: refuse if fewer others serve than that.
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
    """What was taken out, for `check_drained`.

    Attributes:
        targets: where the servers were registered.
        wait_seconds: the deregistration delay: earlier no drain can be seen to be over.
    """

    instance_ids: tuple[str, ...]
    targets: tuple[Registration, ...]
    wait_seconds: Seconds


def deregister_targets(event: DeregisterTargetsEvent, aws: Connection) -> DeregisterTargetsAnswer:
    """Take servers out of traffic; those that are out already, or that this rollout is done with, stay as they are.

    Raises:
        FleetError: if one of them is not of the fleet, or too few others serve; nothing was changed.
        FleetLockedError: if a rollout of awsroll's own engine holds the fleet; nothing was changed.
        AwsError: if AWS refused or did not answer; calling it again goes on.
    """
    scope = fleet_to_change(event, aws)
    found = scope.look(event.instance_ids)
    check_known(scope, found)
    _check_ours(scope, found)
    going = [one for one in found.values() if not is_finished(scope.rollout, one) and one.state in ALIVE]
    fresh = [one for one in going if not is_taken_out(scope.rollout, one)]
    others = left_serving(scope, found) if fresh else ()
    if fresh and len(others) < event.min_healthy:
        refuse(f"besides {', '.join(found)} only {len(others)} serve in {scope.rollout.fleet}, not {event.min_healthy}")
    if scope.is_group:
        check_may_leave(scope, going)
    places = {one.instance_id: _places(scope, one) for one in found.values()}
    _mark(scope, going, places)
    if scope.is_group:
        put_in_standby(scope, going)
    _deregister(scope, going)
    return DeregisterTargetsAnswer(
        rollout_id=event.rollout_id,
        asg=scope.rollout.group,
        target_group=scope.arns,
        instance_ids=tuple(found),
        targets=tuple(
            Registration(instance_id=name, target_group=key.target_group, port=key.port)
            for name, keys in places.items()
            for key in keys
        ),
        wait_seconds=max(1, round(max(one.deregistration_delay_seconds for one in scope.settings))),
    )


def _check_ours(scope: Scope, found: dict[str, Instance]) -> None:
    problems = []
    for name, one in found.items():
        begun = is_taken_out(scope.rollout, one) or is_finished(scope.rollout, one)
        if scope.is_group and name not in scope.members and not begun:
            problems.append(f"{name} is no member of group {scope.rollout.group}")
        elif scope.is_group and not begun and one.lifecycle is not Lifecycle.IN_SERVICE:
            problems.append(f"{name} is {one.lifecycle_detail} in group {scope.rollout.group}, not in service")
        elif not begun and one.state not in ALIVE:
            problems.append(f"{name} is {one.state}")
        elif not begun and not active_registrations(one):
            problems.append(f"{name} is registered in no target group of {scope.rollout.fleet}")
    if problems:
        refuse(*problems)


def _places(scope: Scope, one: Instance) -> tuple[TargetKey, ...]:
    """Return where the server belongs: as written when it was first taken out, and where it is seen to be now."""
    recorded = registered_at(one, scope.arns) if one.rollout == scope.rollout.rollout_id else ()
    return tuple(sorted({*recorded, *(target.key for target in one.targets)}))


def _mark(scope: Scope, going: list[Instance], places: dict[str, tuple[TargetKey, ...]]) -> None:
    marks: list[act.Action] = []
    for one in going:
        wanted = taken_out(scope.rollout, places[one.instance_id])
        if missing(one, wanted):
            tags = tuple(wanted.items())
            marks.append(act.TagInstances(instance_ids=(one.instance_id,), tags=tags, reason=Reason.PREPARING))
    carry_out(scope, marks)


def _deregister(scope: Scope, going: list[Instance]) -> None:
    """Deregister from what no group manages."""
    writes: list[act.Action] = []
    for one in going:
        keys = tuple(key for key in active_registrations(one) if key not in scope.managed)
        if keys:
            writes.append(act.DeregisterTargets(instance_id=one.instance_id, targets=keys, reason=Reason.OUTDATED))
    carry_out(scope, writes)
