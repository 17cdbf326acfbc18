"""The RunInstances request of a standalone fleet, built from the launch in the record.

The client token makes a repetition harmless. Tokens expire, so an old launch is searched for and never repeated.
"""

from typing import Any

from awsroll.aws.caller import Reply
from awsroll.aws.connection import Connection
from awsroll.aws.ec2 import tag_list
from awsroll.core.aws_limits import RUN_INSTANCES_TOKEN_LIFETIME
from awsroll.core.model.actions import LaunchInstance, Result
from awsroll.core.model.calls import Launch
from awsroll.core.model.observation import TemplateVersion
from awsroll.core.model.rollout import Rollout
from awsroll.core.tags import ROLLOUT_TAG
from awsroll.fleets.results import done, refused


class Launches:
    """Launches instances from launch templates."""

    def __init__(self, aws: Connection) -> None:
        self._aws = aws
        self._data: dict[TemplateVersion, Reply] = {}

    def launch(self, rollout: Rollout, action: LaunchInstance) -> Result:
        """Launch one instance; raise `AwsError` if the call fails."""
        launch = action.launch
        if launch.template is None:
            return refused(action, "NoTemplate", "the launch names no launch template")
        if self._aws.now() - launch.at >= RUN_INSTANCES_TOKEN_LIFETIME:
            return self._find_launched(rollout, action)
        answer = self._aws.ec2.run_instance(self._request(launch, launch.template))
        return done(action, instance_ids=(str(answer["InstanceId"]),))

    def _find_launched(self, rollout: Rollout, action: LaunchInstance) -> Result:
        for instance in self._aws.ec2.instances_tagged(ROLLOUT_TAG, rollout.rollout_id):
            if instance.get("ClientToken") == action.launch.token:
                return done(action, instance_ids=(str(instance["InstanceId"]),))
        message = "the launch was requested more than 12 hours ago and EC2 shows no instance of it"
        return refused(action, "LaunchTooOld", message)

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


def _is_secondary(interface: Reply) -> bool:
    """Return whether it is not the primary interface, which has index 0 on network card 0 and takes the traffic."""
    return bool(interface.get("DeviceIndex") or interface.get("NetworkCardIndex"))
