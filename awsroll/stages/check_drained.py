"""Stage: check whether servers have left the target groups. Changes nothing.

Elastic Load Balancing shows `draining` for the whole deregistration delay. Only `Target.NotRegistered`, requested by id
and port, proves that the drain is over: `unused` alone has three other meanings.
"""

from dataclasses import dataclass

from awsroll.aws.connection import Connection
from awsroll.core.classify.draining import NEW_FLOWS_SECONDS, drain_seconds, is_drained, is_out_of_group
from awsroll.core.model.observation import Instance, InstanceState, Lifecycle, TargetKey
from awsroll.stages.deregister_targets import Registration
from awsroll.stages.event_fields import CheckAnswer, FleetEvent, SomeInstances, limited
from awsroll.stages.scope import Scope, check_known, find_fleet, refuse
from awsroll.stages.stage_tags import deregistered_at, registered_at

_CHECKS_PER_DELAY = 10
_LONGEST_WAIT = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckDrainedEvent(FleetEvent):
    """Which servers to check.

    Attributes:
        targets: the answer of `deregister_targets`. These ports are checked besides every port in use.
    """

    instance_ids: SomeInstances
    targets: tuple[Registration, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckDrainedAnswer(CheckAnswer):
    """Whether all servers are drained.

    Attributes:
        draining: the servers that may still hold a request.
    """

    instance_ids: tuple[str, ...]
    draining: tuple[str, ...] = ()


def check_drained(event: CheckDrainedEvent, aws: Connection) -> CheckDrainedAnswer:
    """Check that no server is registered in a target group, and that members of a group are in standby or have left.

    Raises:
        FleetError: if EC2 does not know a server, or the server is not part of the fleet.
        AwsError: if AWS refused or did not answer.
    """
    scope = find_fleet(event, aws)
    servers = scope.observe(event.instance_ids)
    check_known(scope, servers)
    waiting = still_registered(scope, servers, event.targets)
    for name, instance in servers.items():
        if instance.lifecycle is Lifecycle.IN_SERVICE:
            waiting.setdefault(name, "in service in its group")
        elif not is_out_of_group(instance):
            waiting.setdefault(name, f"{instance.lifecycle_detail} in its group")
    delay = max(drain_seconds(group) for group in scope.settings)
    return CheckDrainedAnswer(
        rollout_id=event.rollout_id,
        asg=scope.rollout.group,
        target_group=scope.arns,
        instance_ids=tuple(servers),
        done=not waiting,
        wait_seconds=max(1, min(_LONGEST_WAIT, round(delay / _CHECKS_PER_DELAY))),
        details=limited([f"{name} is {state}" for name, state in waiting.items()]),
        draining=tuple(waiting),
    )


def still_registered(
    scope: Scope, servers: dict[str, Instance], targets: tuple[Registration, ...] = ()
) -> dict[str, str]:
    """Return the servers that may still get requests, each with its state in a target group.

    Raises:
        FleetError: if a target names a target group that is not part of the fleet.
    """
    unknown = sorted({target.target_group for target in targets} - set(scope.arns))
    if unknown:
        refuse(f"{', '.join(unknown)}: not a target group of {scope.rollout.fleet}; name it in target_group")
    recorded = {TargetKey(target_group=target.target_group, port=target.port) for target in targets}
    # Elastic Load Balancing shows the target of a terminated instance as draining for ten minutes more, if it is asked
    # by id (seen in answers of AWS). A terminated instance holds no request.
    servers = {name: instance for name, instance in servers.items() if instance.state is not InstanceState.TERMINATED}
    for instance in servers.values():
        recorded |= set(registered_at(instance, scope.arns))
    answers = scope.targets.still_registered(servers, scope.keys_of(servers.values(), recorded))
    flows = {name: seconds for name, one in servers.items() if (seconds := _seconds_of_new_flows(scope, one)) > 0}
    for name, seconds in flows.items():
        answers.setdefault(name, f"open to new flows from a Network Load Balancer for {seconds:.0f} s")
    return {
        name: answers.get(name) or _listed_state(instance)
        for name, instance in sorted(servers.items())
        if not is_drained(instance, is_certain=name not in answers)
    }


def _seconds_of_new_flows(scope: Scope, instance: Instance) -> float:
    """Return for how many seconds a Network Load Balancer can still send new flows to a deregistered server."""
    since = deregistered_at(instance)
    if since is None or instance.rollout != scope.rollout.rollout_id:
        return 0
    return NEW_FLOWS_SECONDS - (scope.aws.now() - since).total_seconds()


def _listed_state(instance: Instance) -> str:
    states = (f"{target.state} ({target.reason})".removesuffix(" ()") for target in instance.targets)
    return ", ".join(states) or "not seen drained"
