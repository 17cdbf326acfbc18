"""The EC2 operations that change instances, and the table of all EC2 operations that the sandbox answers.

Operations outside the table are plain moto. Parameters and answers have the shapes of botocore's model.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from awsroll.sandbox import storage, tag_rules
from awsroll.sandbox.api_errors import refuse, refuse_dry_run, refuse_reserved_tags
from awsroll.sandbox.ec2 import describe, templates
from awsroll.sandbox.ec2.describe import known_instances, reservation_shape, state_shape
from awsroll.sandbox.ec2.run_instances import run_instances
from awsroll.sandbox.ec2.tokens import TokenBook
from awsroll.sandbox.ec2.world import Ec2World
from awsroll.sandbox.instance import SimInstance
from awsroll.sandbox.interfaces import Ec2Context
from awsroll.sandbox.service_limits import CHANGED_INSTANCES, TAGGED_RESOURCES


class Ec2Api:
    """The EC2 operations that the sandbox simulates.

    Args:
        context: the account, the time and the fault rules.
        ec2: the instances.
    """

    def __init__(self, context: Ec2Context, ec2: Ec2World) -> None:
        self._context = context
        self._ec2 = ec2
        self._tokens = TokenBook(context)
        self._default_key = "alias/aws/ebs"
        self.operations: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any] | None]] = {
            "RunInstances": self._run,
            "TerminateInstances": self._terminate,
            "StopInstances": self._stop,
            "StartInstances": self._start,
            "RebootInstances": self._reboot,
            "DescribeLaunchTemplateVersions": partial(templates.describe_resolved, context),
            "DeleteLaunchTemplateVersions": partial(templates.delete_template_versions, context),
            "CreateTags": self._create_tags,
            "GetEbsDefaultKmsKeyId": lambda _: {"KmsKeyId": self._default_key},
            "ModifyEbsDefaultKmsKeyId": self._set_default_key,
            "DescribeInstances": partial(describe.describe_instances, context, ec2),
            "DescribeInstanceStatus": partial(describe.describe_instance_status, context, ec2),
            "DescribeInstanceAttribute": partial(describe.describe_instance_attribute, context, ec2),
        }
        self.guards: dict[str, Callable[[dict[str, Any]], None]] = {
            "CreateTags": self._check_resources,
            "DeleteTags": self._check_resources,
            "ModifyInstanceAttribute": lambda parameters: self._check_ids([parameters["InstanceId"]]),
            "DescribeLaunchTemplates": partial(templates.check_templates, context),
            "DescribeLaunchTemplateVersions": partial(templates.check_versions, context),
            "CreateLaunchTemplateVersion": partial(templates.apply_source_version, context),
        }
        self.followups: dict[str, Callable[[Mapping[str, Any]], None]] = {
            "CreateTags": self._tags_changed,
            "DeleteTags": self._tags_changed,
        }

    def _run(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        launched = run_instances(self._context, self._ec2, self._tokens, parameters)
        return reservation_shape(self._context, launched[0].reservation_id, launched)

    def _set_default_key(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        self._default_key = str(parameters["KmsKeyId"])
        return {"KmsKeyId": self._default_key}

    def _terminate(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        instances = self._requested(parameters)
        protected = {
            instance.zone: instance
            for instance in instances
            if instance.record.disable_api_termination and instance.state != "terminated"
        }
        spared = [instance for instance in instances if instance.zone in protected]
        changes = self._change([instance for instance in instances if instance not in spared], self._ec2.terminate)
        if protected:
            # AWS refuses zone by zone: instances in zones without a protected instance are terminated.
            name = next(iter(protected.values())).instance_id
            message = (
                f"The instance '{name}' may not be terminated. Modify its 'disableApiTermination' instance "
                "attribute and try again."
            )
            refuse("OperationNotPermitted", message)
        return {"TerminatingInstances": changes}

    def _stop(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        instances = self._requested(parameters)
        for instance in instances:
            if instance.record.disable_api_stop:
                message = (
                    f"The instance '{instance.instance_id}' may not be stopped. Modify its 'disableApiStop' "
                    "instance attribute and try again."
                )
                refuse("OperationNotPermitted", message)
        self._require(instances, {"running", "stopping", "stopped"}, "stopped")
        return {"StoppingInstances": self._change(instances, self._ec2.stop, only="running")}

    def _start(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        instances = self._requested(parameters)
        self._require(instances, {"running", "pending", "stopped"}, "started")
        return {"StartingInstances": self._change(instances, self._ec2.start, only="stopped")}

    def _reboot(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        instances = self._requested(parameters)
        self._require(instances, {"running"}, "rebooted")
        self._change(instances, self._ec2.reboot)
        return {}

    def _requested(self, parameters: Mapping[str, Any]) -> list[SimInstance]:
        instance_ids = parameters.get("InstanceIds") or []
        if not instance_ids:
            refuse("InvalidParameterCombination", "No instances specified")
        if len(instance_ids) > CHANGED_INSTANCES:
            refuse("InvalidParameterValue", f"At most {CHANGED_INSTANCES} instance ids")
        instances = known_instances(self._context, self._ec2, instance_ids)
        refuse_dry_run(parameters)
        return instances

    def _require(self, instances: list[SimInstance], states: set[str], verb: str) -> None:
        for instance in instances:
            if instance.state not in states:
                message = (
                    f"The instance '{instance.instance_id}' is not in a state from which it can be {verb}: "
                    f"it is {instance.state}."
                )
                refuse("IncorrectInstanceState", message)

    def _change(
        self, instances: list[SimInstance], change: Callable[[str], None], *, only: str | None = None
    ) -> list[dict[str, Any]]:
        """Change each instance (or each instance in state `only`), and return the states before and after."""
        changes = []
        for instance in instances:
            before = state_shape(instance.state)
            if only is None or instance.state == only:
                change(instance.instance_id)
            after = state_shape(instance.state)
            changes.append({"InstanceId": instance.instance_id, "PreviousState": before, "CurrentState": after})
        return changes

    def _check_resources(self, parameters: Mapping[str, Any]) -> None:
        resources, pairs = list(parameters.get("Resources") or ()), list(parameters.get("Tags") or ())
        if len(resources) > TAGGED_RESOURCES:
            refuse("InvalidParameterValue", f"At most {TAGGED_RESOURCES} resources can be tagged in one call.")
        self._check_ids([resource for resource in resources if resource.startswith("i-")])
        if (repeated := tag_rules.repeated_key(pairs)) is not None:
            refuse("InvalidParameterValue", f"Duplicate tag key '{repeated}' specified.")
        tags = {tag["Key"]: tag.get("Value") or "" for tag in pairs}
        refuse_reserved_tags(tags)
        tag_rules.check_lengths(tags, tag_rules.refuse_for_ec2)

    def _create_tags(self, parameters: Mapping[str, Any]) -> dict[str, Any] | None:
        """Tag instances. moto answers for other resources; it also counts the tags of AWS in the limit."""
        resources = list(parameters.get("Resources") or ())
        if not resources or not all(resource.startswith("i-") for resource in resources):
            return None
        self._check_resources(parameters)
        refuse_dry_run(parameters)
        given = {tag["Key"]: tag.get("Value") or "" for tag in parameters.get("Tags") or ()}
        tags = {resource: {**storage.tags(self._context, resource), **given} for resource in resources}
        if any(tag_rules.are_too_many(tags_of_one) for tags_of_one in tags.values()):
            refuse("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.")
        for resource, tags_of_one in tags.items():
            storage.set_tags(self._context, resource, tags_of_one)
        return {}

    def _check_ids(self, instance_ids: list[str]) -> None:
        known_instances(self._context, self._ec2, instance_ids)

    def _tags_changed(self, parameters: Mapping[str, Any]) -> None:
        for resource in parameters.get("Resources") or ():
            self._ec2.tags_changed(resource)
