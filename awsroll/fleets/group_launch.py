"""LaunchInstances: launches in one zone of a group, with a client token. AWS answers with ids or errors."""

from awsroll.aws.caller import Reply
from awsroll.aws.connection import Connection
from awsroll.core.aws_limits import CLIENT_TOKEN_LIFETIME
from awsroll.core.model.actions import LaunchInGroup, Result
from awsroll.core.observe.refusals import is_short_of_capacity
from awsroll.errors import AccessRefusedError, AwsRefusedError, NotImplementedByEndpointError
from awsroll.fleets.fallbacks import LAUNCH_INSTANCES, Fallbacks
from awsroll.fleets.results import done, refused, stale

_DENIED = ("UnauthorizedOperation", "AccessDenied")
# Auto Scaling's refusals for a group that does not support LaunchInstances. The call has no effect.
_NOT_FOR_THIS_GROUP = ("ValidationError", "UnsupportedOperation")


class GroupLaunches:
    """Launches instances in a group."""

    def __init__(self, aws: Connection, fallbacks: Fallbacks) -> None:
        self._aws = aws
        self._fallbacks = fallbacks

    def launch(self, action: LaunchInGroup) -> Result:
        """Launch instances; raise `AwsError` if the call fails. If the endpoint lacks the call, return `STALE`."""
        launch = action.launch
        if self._fallbacks.lacks(LAUNCH_INSTANCES):
            return stale(action, "LaunchInstances is not available here; awsroll raises the desired capacity instead")
        if self._aws.clock.now() - launch.at > CLIENT_TOKEN_LIFETIME:
            message = (
                "the launch was requested more than 12 hours ago; its token may have expired, so it is not repeated"
            )
            return refused(action, "LaunchTooOld", message)
        try:
            answer = self._aws.autoscaling.launch_instances(_request(action))
        except NotImplementedByEndpointError as error:
            return self._without(action, f"{error}; awsroll raises the desired capacity instead")
        except AccessRefusedError:
            raise
        except AwsRefusedError as error:
            if error.code not in _NOT_FOR_THIS_GROUP:
                raise
            return self._without(
                action,
                f"{error}: this group does not support LaunchInstances; awsroll raises the desired capacity instead",
            )
        return _read(action, answer)

    def _without(self, action: LaunchInGroup, warning: str) -> Result:
        self._fallbacks.note(LAUNCH_INSTANCES, warning)
        return stale(action, warning)


def _request(action: LaunchInGroup) -> Reply:
    launch = action.launch
    request: Reply = {
        "AutoScalingGroupName": action.group,
        "ClientToken": launch.token,
        "RequestedCapacity": launch.count,
        "RetryStrategy": "none",  # otherwise the group launches later, in a zone of its choice
    }
    if launch.subnet_id:
        request["SubnetIds"] = [launch.subnet_id]
    elif launch.zone:
        request["AvailabilityZones"] = [launch.zone]
    return request


def _read(action: LaunchInGroup, answer: Reply) -> Result:
    ids = tuple(
        instance_id for launched in answer.get("Instances", []) for instance_id in launched.get("InstanceIds", [])
    )
    errors = answer.get("Errors", [])
    message = "; ".join(
        f"{error.get('AvailabilityZone', '')}: {error.get('ErrorCode', '')}: {error.get('ErrorMessage', '')}".strip(
            ": "
        )
        for error in errors
    )
    if ids:
        return done(action, instance_ids=ids, message=message)
    code = next((error.get("ErrorCode", "") for error in errors), "NothingLaunched")
    denied = code in _DENIED
    transient = is_short_of_capacity(code) or not errors
    return refused(
        action, code, message or "the group launched no instance and gave no reason", transient=transient, denied=denied
    )
