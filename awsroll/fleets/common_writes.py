"""The calls that both kinds of fleet make: tags, registrations, commands, delays, saved settings."""

from collections.abc import Mapping
from typing import TypeAlias, assert_never

from awsroll.aws.connection import Connection
from awsroll.core.model import actions as act
from awsroll.core.model.actions import Result
from awsroll.core.model.observation import TargetKey
from awsroll.core.model.rollout import Rollout
from awsroll.core.tags import SAVED_SETTING_PREFIX
from awsroll.errors import AwsRefusedError
from awsroll.fleets.reload_commands import Commands
from awsroll.fleets.results import done, failed, refused, stale
from awsroll.fleets.target_groups import TargetGroups

CommonAction: TypeAlias = (
    act.TagInstances
    | act.RegisterTargets
    | act.DeregisterTargets
    | act.SendCommand
    | act.SetDeregistrationDelay
    | act.SaveSettings
    | act.ForgetSavedSettings
)
_UNKNOWN_INSTANCE = "InvalidInstanceID.NotFound"
_TARGET_GROUP_ARN = ":targetgroup/"
_FRESH_SECONDS = 120  # Elastic Load Balancing may learn so late that a new instance runs


class CommonWrites:
    """Carries out the actions that do not depend on the kind of fleet."""

    def __init__(self, aws: Connection, targets: TargetGroups, commands: Commands) -> None:
        self._aws = aws
        self._targets = targets
        self._commands = commands

    def execute(self, rollout: Rollout, action: CommonAction) -> Result:
        """Carry out the action; raise `AwsError` if a call fails."""
        match action:
            case act.TagInstances():
                return self._tag(action)
            case act.RegisterTargets():
                return self._register(action)
            case act.DeregisterTargets():
                return self._deregister(action)
            case act.SendCommand():
                return self._send(rollout, action)
            case act.SetDeregistrationDelay():
                return self._set_delay(action)
            case act.SaveSettings() | act.ForgetSavedSettings():
                return self._change_saved_settings(action)
            case _ as never:
                assert_never(never)

    def _set_delay(self, action: act.SetDeregistrationDelay) -> Result:
        attributes = {"deregistration_delay.timeout_seconds": str(action.seconds)}
        self._aws.elbv2.set_attributes(action.target_group, attributes)
        self._targets.forget(action.target_group)
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

    def _register(self, action: act.RegisterTargets) -> Result:
        age = self._age_if_running(action.instance_id)
        if age is None:
            return stale(action, f"{action.instance_id} is not running")
        try:
            for arn, targets in _by_target_group(action.instance_id, action.targets).items():
                self._aws.elbv2.register(arn, targets)
        except AwsRefusedError as error:
            if error.code != "InvalidTarget":
                raise
            if self._age_if_running(action.instance_id) is None:
                return stale(action, f"{action.instance_id} is no longer running")
            return refused(action, error.code, str(error), transient=age < _FRESH_SECONDS)
        return done(action, instance_ids=(action.instance_id,))

    def _age_if_running(self, instance_id: str) -> float | None:
        for instance in self._aws.ec2.instances([instance_id]):
            if instance.get("State", {}).get("Name") == "running":
                launched = instance.get("LaunchTime")
                return 0.0 if launched is None else (self._aws.now() - launched).total_seconds()
        return None

    def _deregister(self, action: act.DeregisterTargets) -> Result:
        try:
            for arn, targets in _by_target_group(action.instance_id, action.targets).items():
                self._aws.elbv2.deregister(arn, targets)
        except AwsRefusedError as error:
            if error.code != "InvalidTarget":
                raise
            # The call cannot name an instance that EC2 no longer knows. Such an instance is registered nowhere.
            left = self._targets.still_registered([action.instance_id], action.targets)
            if left:
                return failed(action, error)
        return done(action, instance_ids=(action.instance_id,))

    def _send(self, rollout: Rollout, action: act.SendCommand) -> Result:
        left = self._targets.still_registered(action.instance_ids, action.not_registered)
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


def _by_target_group(instance_id: str, keys: tuple[TargetKey, ...]) -> dict[str, list[tuple[str, int]]]:
    targets: dict[str, list[tuple[str, int]]] = {}
    for key in keys:
        targets.setdefault(key.target_group, []).append((instance_id, key.port))
    return targets
