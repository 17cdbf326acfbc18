"""Terminates standalone instances, several with one call, after a last check of each."""

from collections.abc import Sequence

from awsroll.aws.caller import Reply
from awsroll.aws.connection import Connection
from awsroll.aws.parse_answers import read_instance, tags_of
from awsroll.core.model.action_results import Result
from awsroll.core.model.actions import TerminateInstance
from awsroll.core.tags import GROUP_TAG
from awsroll.errors import AwsError
from awsroll.fleets.common_writes import describe_registrations
from awsroll.fleets.results import done, failed, stale
from awsroll.fleets.target_groups import TargetGroups
from awsroll.fleets.together import call_together

_ENDED = ("shutting-down", "terminated")
_UNKNOWN = "InvalidInstanceID.NotFound"


class Terminations:
    """Carries out `TerminateInstance` for any number of instances, each once.

    A protected instance makes AWS refuse a call for all instances of its zone, although it terminates those of other
    zones. So the others are tried again: a second call for an instance has no second effect.
    """

    def __init__(self, aws: Connection, targets: TargetGroups) -> None:
        self._aws = aws
        self._targets = targets

    def terminate(self, actions: Sequence[TerminateInstance]) -> tuple[Result, ...]:
        """Terminate the instances whose precondition holds; return one result for each action."""
        described = {one["InstanceId"]: one for one in self._aws.ec2.instances(one.instance_id for one in actions)}
        kept = {action.instance_id: _checked(action, described.get(action.instance_id)) for action in actions}
        left = self._targets.still_registered_on(
            {action.instance_id: action.not_registered for action in actions if kept[action.instance_id] is None},
            may_drain={action.instance_id for action in actions if action.may_be_draining},
        )
        ready = [name for name, result in kept.items() if result is None and name not in left]
        outcomes = call_together(ready, lambda ids: self._aws.ec2.terminate_instance(*ids))
        results = []
        for action in actions:
            name = action.instance_id
            result = kept[name]
            if result is None and name in left:
                result = stale(action, describe_registrations({name: left[name]}))
            results.append(_terminated(action, outcomes[name]) if result is None else result)
        return tuple(results)


def _checked(action: TerminateInstance, described: Reply | None) -> Result | None:
    """Return the result of an action without a call, because of what EC2 shows; None if the call may be made."""
    name = action.instance_id
    if described is None or described.get("State", {}).get("Name") in _ENDED:
        return done(action, instance_ids=(name,), message="it is already terminated")
    group = tags_of(described).get(GROUP_TAG)
    if group:
        return stale(action, f"{name} now belongs to the Auto Scaling group {group}")
    template = read_instance(described).template
    if action.template is not None and template != action.template:
        return stale(action, f"{name} comes from {template or 'no launch template'}, not from {action.template}")
    return None


def _terminated(action: TerminateInstance, error: AwsError | None) -> Result:
    if error is None or error.code == _UNKNOWN:
        return done(action, instance_ids=(action.instance_id,))
    return failed(action, error)
