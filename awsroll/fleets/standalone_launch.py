"""The RunInstances request of a standalone fleet, built from the launch in the record.

The client token makes a repetition harmless. Tokens expire, so an old launch is searched for and never repeated.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from awsroll.aws.caller import Reply
from awsroll.aws.connection import Connection
from awsroll.aws.ec2 import tag_list
from awsroll.core.aws_limits import RUN_INSTANCES_TOKEN_LIFETIME
from awsroll.core.model.action_results import LAUNCHED_FEWER, Result
from awsroll.core.model.actions import LaunchInstance
from awsroll.core.model.calls import Launch
from awsroll.core.model.observation import TemplateVersion
from awsroll.core.model.rollout import Rollout
from awsroll.core.tags import ROLLOUT_TAG
from awsroll.errors import AccessRefusedError, AwsBusyError, AwsRefusedError
from awsroll.fleets.results import done, refused

_ENDED = "IdempotentInstanceTerminated"
_GONE = ("shutting-down", "terminated")


class Launches:
    """Launches instances from launch templates."""

    def __init__(self, aws: Connection) -> None:
        self._aws = aws
        self._data: dict[TemplateVersion, Reply] = {}

    def launch(self, rollout: Rollout, actions: Sequence[LaunchInstance]) -> tuple[Result, ...]:
        """Make the launches of one call, which have one token; raise `AwsError` if the call fails.

        Returns:
            One result for each. EC2 may launch fewer instances than it was asked for: then the last ones are refused.
        """
        launch = actions[0].launch
        if launch.template is None:
            return tuple(refused(one, "NoTemplate", "the launch names no launch template") for one in actions)
        if self._aws.now() - launch.at >= RUN_INSTANCES_TOKEN_LIFETIME:
            message = "the launch was requested more than 12 hours ago and EC2 shows no instance of it"
            return self._found(rollout, actions, "LaunchTooOld", message)
        try:
            answers = self._aws.ec2.run_instances(self._request(launch, launch.template), count=launch.batch)
        except AwsRefusedError as error:
            if launch.batch == 1 or isinstance(error, AccessRefusedError | AwsBusyError):
                raise
            if error.code == _ENDED:
                return self._found(rollout, actions, error.code, str(error))
            # The batch as a whole may be the reason. The next launches are made one by one.
            return tuple(refused(one, error.code, str(error), transient=True) for one in actions)
        names = _by_index(answers)
        return tuple(_nth(action, names) for action in actions)

    def _found(
        self, rollout: Rollout, actions: Sequence[LaunchInstance], code: str, message: str
    ) -> tuple[Result, ...]:
        """Find the instances of a call by its token; refuse the launches that are left."""
        token = actions[0].launch.token
        tagged = self._aws.ec2.instances_tagged(ROLLOUT_TAG, rollout.rollout_id)
        names = _by_index([one for one in tagged if one.get("ClientToken") == token])
        return tuple(
            done(one, instance_ids=(names[one.launch.index],))
            if one.launch.index in names
            else refused(one, code, message)
            for one in actions
        )

    def _request(self, launch: Launch, template: TemplateVersion) -> Reply:
        request: Reply = {
            "LaunchTemplate": {"LaunchTemplateId": template.template_id, "Version": str(template.number)},
            "ClientToken": launch.token,
        }
        if launch.tags:
            request["TagSpecifications"] = [{"ResourceType": "instance", "Tags": tag_list(dict(launch.tags))}]
        interfaces = self._template_data(template).get("NetworkInterfaces", [])
        if interfaces and launch.subnet_id:
            # With a network interface, EC2 takes the subnet inside it. The request replaces the template's list.
            # The launch decides about the primary interface. Others keep the subnet that the template names.
            request["NetworkInterfaces"] = [self._interface(interface, launch.subnet_id) for interface in interfaces]
        elif launch.subnet_id:
            request["SubnetId"] = launch.subnet_id
        return request

    def _interface(self, interface: Reply, subnet_id: str) -> Reply:
        accepted = self._aws.ec2.network_interface_members()
        fields: dict[str, Any] = {key: value for key, value in interface.items() if key in accepted}
        if "NetworkInterfaceId" in fields or (_is_secondary(interface) and fields.get("SubnetId")):
            return fields
        return {**fields, "SubnetId": subnet_id}

    def _template_data(self, template: TemplateVersion) -> Reply:
        """Return the data of the template version. It never changes, so it is read once."""
        if template not in self._data:
            version = self._aws.ec2.template_version(str(template.number), template_id=template.template_id)
            self._data[template] = (version or {}).get("LaunchTemplateData", {})
        return self._data[template]


def _ended_last(instance: Reply) -> tuple[bool, str]:
    return (instance.get("State", {}).get("Name") in _GONE, str(instance["InstanceId"]))


def _by_index(answers: Sequence[Reply]) -> dict[int, str]:
    """Return the ids of the instances of one call by their launch index, which EC2 shows as long as they exist.

    For an endpoint that gives all of them one index, the order of the ids takes its place, those that run first.
    """
    names = {int(one.get("AmiLaunchIndex") or 0): str(one["InstanceId"]) for one in answers}
    if len(names) == len(answers):
        return names
    return {place: str(one["InstanceId"]) for place, one in enumerate(sorted(answers, key=_ended_last))}


def _nth(action: LaunchInstance, names: Mapping[int, str]) -> Result:
    """Return the result of a launch by its place in the call. The answer is the same for each repetition."""
    launch = action.launch
    if launch.index in names:
        return done(action, instance_ids=(names[launch.index],))
    message = f"EC2 launched {len(names)} of {launch.batch} instances"
    return refused(action, LAUNCHED_FEWER, message, transient=True)


def _is_secondary(interface: Reply) -> bool:
    """Return whether it is not the primary interface, which has index 0 on network card 0 and takes the traffic."""
    return bool(interface.get("DeviceIndex") or interface.get("NetworkCardIndex"))
