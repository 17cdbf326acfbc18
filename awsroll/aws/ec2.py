"""EC2: instances, launch templates, subnets. Calls only, split to the API's limits; no decisions."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from awsroll.aws.batches import batches
from awsroll.aws.caller import Caller, Reply
from awsroll.core.aws_limits import (
    FILTER_VALUES,
    INSTANCE_STATUSES_DESCRIBED,
    INSTANCES_PER_PAGE,
    INSTANCES_TAGGED,
)

_SERVICE = "ec2"
_KEY_OF_AWS = "alias/aws/ebs"
_STATUS_CHECKS = (("system", "SystemStatus"), ("instance", "InstanceStatus"), ("volumes", "AttachedEbsStatus"))
_FRESH = frozenset({"InvalidInstanceID.NotFound"})


class Ec2:
    """The EC2 calls awsroll makes."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._versions: dict[tuple[str, str], Reply] = {}

    def instances(self, instance_ids: Iterable[str]) -> list[Reply]:
        """Describe instances by id; leave out ids that EC2 does not know yet or no longer knows."""
        instances: list[Reply] = []
        for batch in batches(sorted(set(instance_ids)), FILTER_VALUES):
            instances += self._described("instance-id", batch)
        return instances

    def instances_among(self, instance_ids: Iterable[str], *, key: str, value: str) -> list[Reply]:
        """Describe instances by id of which most carry a tag: by the tag if that takes fewer calls."""
        wanted = set(instance_ids)
        if len(wanted) <= FILTER_VALUES:
            return self.instances(wanted)
        found = [instance for instance in self.instances_tagged(key, value) if instance["InstanceId"] in wanted]
        return found + self.instances(wanted - {instance["InstanceId"] for instance in found})

    def instances_tagged(self, key: str, value: str) -> list[Reply]:
        """Describe the instances that carry a tag with this value."""
        return self._described(f"tag:{key}", [value])

    def instances_in(self, states: Sequence[str]) -> list[Reply]:
        """Describe all instances of the region that are in one of these states."""
        return self._described("instance-state-name", list(states))

    def _described(self, name: str, values: list[str]) -> list[Reply]:
        # By filter, not by InstanceIds: one unknown id would fail the whole call.
        request = {"Filters": [{"Name": name, "Values": values}], "MaxResults": INSTANCES_PER_PAGE}
        return [
            instance
            for page in self._caller.pages(_SERVICE, "DescribeInstances", request)
            for reservation in page.get("Reservations", [])
            for instance in reservation.get("Instances", [])
        ]

    def run_instance(self, request: Reply) -> Reply:
        """Launch one instance, as `run_instances` does."""
        return self.run_instances(request)[0]

    def run_instances(self, request: Reply, *, count: int = 1) -> list[Reply]:
        """Launch as many of `count` instances as EC2 can, at least one.

        `request` must hold a ClientToken, which makes a repetition harmless.
        """
        answer = self._caller.call(_SERVICE, "RunInstances", {**request, "MinCount": 1, "MaxCount": count})
        instances: list[Reply] = answer["Instances"]
        return instances

    def terminate_instance(self, *instance_ids: str) -> None:
        """Terminate instances with one call. One that is protected or unknown makes AWS refuse the call for others."""
        self._caller.call(_SERVICE, "TerminateInstances", {"InstanceIds": list(instance_ids)})

    def create_tags(self, instance_ids: Sequence[str], tags: Mapping[str, str]) -> None:
        """Set tags on instances and replace equal keys. Retry briefly while EC2 does not know a new instance."""
        for batch in batches(instance_ids, INSTANCES_TAGGED):
            request = {"Resources": batch, "Tags": tag_list(tags)}
            self._caller.call(_SERVICE, "CreateTags", request, also_retry=_FRESH)

    def is_termination_protected(self, instance_id: str) -> bool:
        """Return whether EC2 refuses to terminate this instance (DisableApiTermination)."""
        request = {"InstanceId": instance_id, "Attribute": "disableApiTermination"}
        answer = self._caller.call(_SERVICE, "DescribeInstanceAttribute", request)
        return bool(answer.get("DisableApiTermination", {}).get("Value", False))

    def template_version(self, version: str, *, template_id: str = "", name: str = "") -> Reply | None:
        """Describe one version (a number, `$Latest` or `$Default`) of a launch template named by id or by name.

        The content of a version never changes, so each numbered version is read once.
        """
        if (template_id, version) in self._versions:
            return self._versions[template_id, version]
        named = {"LaunchTemplateId": template_id} if template_id else {"LaunchTemplateName": name}
        answer = self._caller.call(_SERVICE, "DescribeLaunchTemplateVersions", {**named, "Versions": [version]})
        found: Reply | None = next(iter(answer.get("LaunchTemplateVersions", [])), None)
        if found is not None:
            self._versions[found["LaunchTemplateId"], str(found["VersionNumber"])] = found
        return found

    def create_template_version(self, template_id: str, source: int, image: str, *, token: str, about: str) -> int:
        """Publish a copy of a version, with another image unless `image` is empty; return its number.

        Args:
            template_id: the launch template.
            source: the number of the version to copy.
            image: the id of the image; empty: that of the source.
            token: makes a repeated call harmless.
            about: the description of the version.
        """
        request = {
            "LaunchTemplateId": template_id,
            "SourceVersion": str(source),
            "LaunchTemplateData": {"ImageId": image} if image else {},
            "VersionDescription": about,
            "ClientToken": token,
        }
        answer = self._caller.call(_SERVICE, "CreateLaunchTemplateVersion", request)
        return int(answer["LaunchTemplateVersion"]["VersionNumber"])

    def status_checks(self, instance_id: str) -> dict[str, Reply]:
        """Return the system status and the instance status of a server; empty if EC2 does not list it."""
        request = {"InstanceIds": [instance_id], "IncludeAllInstances": True}
        answer = self._caller.call(_SERVICE, "DescribeInstanceStatus", request)
        return {
            name: status[key]
            for status in answer.get("InstanceStatuses", [])
            for name, key in (("system", "SystemStatus"), ("instance", "InstanceStatus"))
            if key in status
        }

    def status_checks_of(self, instance_ids: Sequence[str]) -> dict[str, dict[str, str]]:
        """Return the status checks of running servers: `system`, `instance` and `volumes`, each as EC2 writes it."""
        found: dict[str, dict[str, str]] = {}
        for batch in batches(instance_ids, INSTANCE_STATUSES_DESCRIBED):
            answer = self._caller.call(_SERVICE, "DescribeInstanceStatus", {"InstanceIds": batch})
            for status in answer.get("InstanceStatuses", []):
                shown = {name: status.get(key, {}).get("Status", "") for name, key in _STATUS_CHECKS}
                found[status["InstanceId"]] = shown
        return found

    def console(self, instance_id: str) -> str:
        """Return the console of a server, in base 64; empty if EC2 has none yet."""
        return str(self._caller.call(_SERVICE, "GetConsoleOutput", {"InstanceId": instance_id}).get("Output") or "")

    def template_names(self) -> list[str]:
        """Return the names of the launch templates in the region."""
        pages = self._caller.pages(_SERVICE, "DescribeLaunchTemplates", {})
        return [template["LaunchTemplateName"] for page in pages for template in page.get("LaunchTemplates", [])]

    def subnets(self, subnet_ids: Sequence[str]) -> list[Reply]:
        """Describe subnets by id."""
        subnets: list[Reply] = []
        for batch in batches(subnet_ids, FILTER_VALUES):
            request = {"Filters": [{"Name": "subnet-id", "Values": batch}]}
            for page in self._caller.pages(_SERVICE, "DescribeSubnets", request):
                subnets += page.get("Subnets", [])
        return subnets

    def default_volume_key(self) -> str:
        """Return the customer managed key of volumes that name none; empty if AWS manages it or none is used."""
        if not self._caller.call(_SERVICE, "GetEbsEncryptionByDefault", {}).get("EbsEncryptionByDefault"):
            return ""
        key = str(self._caller.call(_SERVICE, "GetEbsDefaultKmsKeyId", {}).get("KmsKeyId", ""))
        return "" if key == _KEY_OF_AWS else key

    def network_interface_members(self) -> frozenset[str]:
        """Return the names of the fields that RunInstances takes for a network interface."""
        return self._caller.clients.members(_SERVICE, "InstanceNetworkInterfaceSpecification")


def tag_list(tags: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return tags in the form that EC2 and Elastic Load Balancing take."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]
