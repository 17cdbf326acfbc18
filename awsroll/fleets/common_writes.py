"""The calls that both kinds of fleet make: tags, registrations, commands, delays, saved settings."""

from collections.abc import Mapping
from typing import Any, TypeAlias, assert_never

from awsroll.aws.connection import Connection
from awsroll.core.model import actions as act
from awsroll.core.model.action_results import Result
from awsroll.core.model.reasons import Reason
from awsroll.core.model.rollout import Rollout
from awsroll.core.tags import SAVED_SETTING_PREFIX
from awsroll.errors import AwsRefusedError
from awsroll.fleets.execute import Together
from awsroll.fleets.recent import RecentInstances
from awsroll.fleets.registrations import Registrations
from awsroll.fleets.reload_commands import Commands
from awsroll.fleets.results import done, stale
from awsroll.fleets.target_groups import TargetGroups

CommonAction: TypeAlias = (
    act.TagInstances
    | act.RegisterTargets
    | act.DeregisterTargets
    | act.SendCommand
    | act.SetDeregistrationDelay
    | act.SetHealthChecks
    | act.SaveSettings
    | act.ForgetSavedSettings
)
_UNKNOWN_INSTANCE = "InvalidInstanceID.NotFound"
_TARGET_GROUP_ARN = ":targetgroup/"


class CommonWrites:
    """Carries out the actions that do not depend on the kind of fleet."""

    def __init__(self, aws: Connection, targets: TargetGroups, commands: Commands, recent: RecentInstances) -> None:
        self._aws = aws
        self._targets = targets
        self._commands = commands
        self._registrations = Registrations(aws, targets, recent)

    @property
    def together(self) -> dict[type[Any], Together]:
        """What carries out several actions of one type with few calls."""
        return {
            act.RegisterTargets: self._registrations.register,
            act.DeregisterTargets: self._registrations.deregister,
        }

    def execute(self, rollout: Rollout, action: CommonAction) -> Result:
        """Carry out the action; raise `AwsError` if a call fails."""
        match action:
            case act.TagInstances():
                return self._tag(action)
            case act.RegisterTargets():
                return self._registrations.register([action])[0]
            case act.DeregisterTargets():
                return self._registrations.deregister([action])[0]
            case act.SendCommand():
                return self._send(rollout, action)
            case act.SetDeregistrationDelay() | act.SetHealthChecks():
                return self._change_target_group(action)
            case act.SaveSettings() | act.ForgetSavedSettings():
                return self._change_saved_settings(action)
            case _ as never:
                assert_never(never)

    def _change_target_group(self, action: act.SetDeregistrationDelay | act.SetHealthChecks) -> Result:
        """Set a value only if a new look at the target group shows the values of the observation.

        Otherwise the rollout would overwrite a value that someone has set since, and that it has not saved.
        """
        arn = action.target_group
        is_restoring = action.reason is Reason.RESTORING
        if not self._targets.is_as_observed(arn, or_forgotten=not is_restoring):
            return stale(action, "the settings of the target group have changed")
        match action:
            case act.SetDeregistrationDelay(seconds=seconds):
                self._aws.elbv2.set_attributes(arn, {"deregistration_delay.timeout_seconds": str(seconds)})
            case act.SetHealthChecks(interval_seconds=interval, healthy_threshold=threshold):
                self._aws.elbv2.set_health_checks(arn, interval_seconds=interval, healthy_threshold=threshold)
            case _ as never:
                assert_never(never)
        self._targets.forget(arn)
        return done(action)

    def _change_saved_settings(self, action: act.SaveSettings | act.ForgetSavedSettings) -> Result:
        match action:
            case act.SaveSettings(resource=resource, settings=settings):
                self._add_tags(resource, {SAVED_SETTING_PREFIX + name: value for name, value in settings})
            case act.ForgetSavedSettings(resource=resource, settings=names):
                self._remove_tags(resource, [SAVED_SETTING_PREFIX + name for name in names])
            case _ as never:
                assert_never(never)
        return done(action)

    def _tag(self, action: act.TagInstances) -> Result:
        try:
            self._aws.ec2.create_tags(action.instance_ids, dict(action.tags))
        except AwsRefusedError as error:
            if error.code != _UNKNOWN_INSTANCE:
                raise
            existing = {instance["InstanceId"] for instance in self._aws.ec2.instances(action.instance_ids)}
            left = tuple(instance_id for instance_id in action.instance_ids if instance_id in existing)
            if left == action.instance_ids:
                raise
            if not left:
                return stale(action, "EC2 does not know any of the instances")
            self._aws.ec2.create_tags(left, dict(action.tags))
            return done(action, instance_ids=left)
        return done(action, instance_ids=action.instance_ids)

    def _send(self, rollout: Rollout, action: act.SendCommand) -> Result:
        left = self._targets.still_registered(
            action.instance_ids, action.not_registered, may_drain=action.may_be_draining
        )
        ready = [instance_id for instance_id in action.instance_ids if instance_id not in left]
        if not ready:
            return stale(action, describe_registrations(left))
        return self._commands.send(rollout, action, ready)

    def _add_tags(self, resource: str, tags: Mapping[str, str]) -> None:
        if _TARGET_GROUP_ARN in resource:
            self._aws.elbv2.add_tags(resource, tags)
            self._targets.forget(resource)
        else:
            self._aws.autoscaling.add_tags(resource, tags)

    def _remove_tags(self, resource: str, keys: list[str]) -> None:
        if _TARGET_GROUP_ARN in resource:
            self._aws.elbv2.remove_tags(resource, keys)
            self._targets.forget(resource)
        else:
            self._aws.autoscaling.remove_tags(resource, keys)


def describe_registrations(left: Mapping[str, str]) -> str:
    """Describe which instances are still registered."""
    return "may still get requests: " + ", ".join(f"{name} is {state}" for name, state in sorted(left.items()))
