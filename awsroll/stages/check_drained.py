"""Stage: tells whether servers have left the target groups for good. Changes nothing.

Elastic Load Balancing shows `draining` for the whole deregistration delay. Only `Target.NotRegistered`, asked for by id
and port, says that it is over: `unused` alone has three other meanings.
"""

from dataclasses import dataclass

from awsroll.aws.connection import Connection
from awsroll.core.classify.draining import is_drained, is_out_of_group
from awsroll.core.model.observation import Instance, Lifecycle, TargetKey
from awsroll.stages.deregister_targets import Registration
from awsroll.stages.event_fields import CheckAnswer, FleetEvent, SomeInstances, first_of
from awsroll.stages.scope import Scope, check_known, find_fleet, refuse
from awsroll.stages.stage_tags import registered_at

_LOOKS_PER_DELAY = 10
_LONGEST_WAIT = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckDrainedEvent(FleetEvent):
    """Which servers to look for.

    Attributes:
        targets: what `deregister_targets` has answered; asked for beside every port in use in the target groups.
    """

    instance_ids: SomeInstances
    targets: tuple[Registration, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckDrainedAnswer(CheckAnswer):
    """Whether all of them are gone.

    Attributes:
        draining: those that may still hold a request.
    """

    instance_ids: tuple[str, ...]
    draining: tuple[str, ...] = ()


def check_drained(event: CheckDrainedEvent, aws: Connection) -> CheckDrainedAnswer:
    """Tell whether no server is registered anywhere any more, and, in a group, all are in standby or have left.

    Raises:
        FleetError: if EC2 knows one of them not at all, or it is not of the fleet.
        AwsError: if AWS refused or did not answer.
    """
    scope = find_fleet(event, aws)
    found = scope.look(event.instance_ids)
    check_known(scope, found)
    left = still_registered(scope, found, event.targets)
    for name, one in found.items():
        if one.lifecycle is Lifecycle.IN_SERVICE:
            left.setdefault(name, "in service in its group")
        elif not is_out_of_group(one):
            left.setdefault(name, f"{one.lifecycle_detail} in its group")
    delay = max(one.deregistration_delay_seconds for one in scope.settings)
    return CheckDrainedAnswer(
        rollout_id=event.rollout_id,
        asg=scope.rollout.group,
        target_group=scope.arns,
        instance_ids=tuple(found),
        done=not left,
        wait_seconds=max(1, min(_LONGEST_WAIT, round(delay / _LOOKS_PER_DELAY))),
        details=first_of([f"{name} is {words}" for name, words in left.items()]),
        draining=tuple(left),
    )


def still_registered(
    scope: Scope, found: dict[str, Instance], targets: tuple[Registration, ...] = ()
) -> dict[str, str]:
    """Return who may still get requests somewhere, and what is said of it there.

    Raises:
        FleetError: if a target names a target group that is not of the fleet.
    """
    unknown = sorted({one.target_group for one in targets} - set(scope.arns))
    if unknown:
        refuse(f"{', '.join(unknown)}: not a target group of {scope.rollout.fleet}; name it in target_group")
    recorded = {TargetKey(target_group=one.target_group, port=one.port) for one in targets}
    for one in found.values():
        recorded |= set(registered_at(one, scope.arns))
    keys = scope.keys_of(found.values(), recorded)
    answers = scope.targets.still_registered(found, keys)
    return {
        name: answers.get(name) or _listed_words(one)
        for name, one in sorted(found.items())
        if not is_drained(one, is_certain=name not in answers)
    }


def _listed_words(one: Instance) -> str:
    words = [f"{target.state} ({target.reason})" if target.reason else str(target.state) for target in one.targets]
    return ", ".join(words) or "not seen drained"
