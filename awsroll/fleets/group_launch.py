"""LaunchInstances: launches in one zone of a group, with a client token. AWS answers with ids or errors."""

from awsroll.aws.caller import Reply
from awsroll.aws.connection import Connection
from awsroll.core.aws_limits import LAUNCH_INSTANCES_TOKEN_LIFETIME
from awsroll.core.classify.refusals import is_short_of_capacity
from awsroll.core.model.action_results import EMPTY_ANSWER, Result
from awsroll.core.model.actions import LaunchInGroup
from awsroll.errors import AccessRefusedError, AwsBusyError, AwsRefusedError, NotImplementedByEndpointError
from awsroll.fleets.fallbacks import LAUNCH_INSTANCES, Fallbacks
from awsroll.fleets.results import done, refused, stale, unanswered

_DENIED = ("UnauthorizedOperation", "AccessDenied")
# Auto Scaling's refusals for a group that does not support LaunchInstances. The call has no effect.
_NOT_FOR_THIS_GROUP = ("ValidationError", "UnsupportedOperation")


_IN_PROGRESS = "IdempotentCallInProgress"  # an earlier call with this token is still under way
_INSTEAD = "awsroll raises the desired capacity instead"


class GroupLaunches:
    """Launches instances in a group."""

    def __init__(self, aws: Connection, fallbacks: Fallbacks) -> None:
        self._aws = aws
        self._fallbacks = fallbacks

    def launch(self, action: LaunchInGroup) -> Result:
        """Launch instances; raise `AwsError` if the call fails. If the endpoint lacks the call, return `STALE`."""
        launch = action.launch
        if self._fallbacks.lacks(LAUNCH_INSTANCES):
            return _not_launched(action, f"LaunchInstances is not available here; {_INSTEAD}")
        if self._aws.now() - launch.at >= LAUNCH_INSTANCES_TOKEN_LIFETIME:
            # The next observation looks the launch up: repeating it could launch again.
            return _not_launched(action, "the launch is too old to be repeated: AWS may have forgotten its token")
        try:
            answer = self._aws.autoscaling.launch_instances(_request(action))
        except NotImplementedByEndpointError as error:
            return self._without(action, f"{error}; {_INSTEAD}")
        except AwsBusyError as error:
            if error.code != _IN_PROGRESS:
                raise
            answer = {}
        except AccessRefusedError:
            raise
        except AwsRefusedError as error:
            if error.code not in _NOT_FOR_THIS_GROUP:
                raise
            if no_room := self._no_room(action):
                return _not_launched(action, f"{error}: {no_room}")
            return self._without(action, f"{error}: this group does not support LaunchInstances; {_INSTEAD}")
        return _read(action, answer)

    def _no_room(self, action: LaunchInGroup) -> str:
        """Return why the group has no room for the launch now: someone may have lowered its maximum since."""
        group = self._aws.autoscaling.group(action.group) or {}
        desired, maximum = int(group.get("DesiredCapacity", 0)), int(group.get("MaxSize", 0))
        if desired + action.launch.count <= maximum:
            return ""
        return f"the group's desired capacity is {desired} and its maximum {maximum} now"

    def _without(self, action: LaunchInGroup, warning: str) -> Result:
        self._fallbacks.note(LAUNCH_INSTANCES, warning)
        return _not_launched(action, warning)


def _not_launched(action: LaunchInGroup, message: str) -> Result:
    """Return the result of a launch that was not made now. An earlier call without an answer may have had an effect."""
    return refused(action, "NotRepeated", message) if action.launch.repeated else stale(action, message)


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
    if not errors:
        # AWS may give up waiting while the launch goes on. The same token tells later (Amazon EC2 Auto Scaling User
        # Guide, "Launch instances with synchronous provisioning").
        return unanswered(action, EMPTY_ANSWER, "LaunchInstances answered without instances and without errors")
    code = str(errors[0].get("ErrorCode", ""))
    return refused(action, code, message, transient=is_short_of_capacity(code), denied=code in _DENIED)
