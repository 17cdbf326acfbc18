"""What a group looks up in EC2 besides instances: launch templates, subnets, instance tags, launch configurations.

moto keeps these; this file is the only place of the Auto Scaling sandbox that reads them. Errors are those that the
Auto Scaling API answers with when such a thing is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from awsroll.sandbox import storage
from awsroll.sandbox.autoscaling.group_state import TemplateSpec
from awsroll.sandbox.handling import refuse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from awsroll.sandbox.interfaces import Account


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedTemplate:
    """A launch template version with its number and what a launch of it would be."""

    spec: TemplateSpec
    version: int
    instance_type: str


class Catalog:
    """Reads the account's launch templates and subnets.

    Args:
        account: the account and region.
    """

    def __init__(self, account: Account) -> None:
        self._account = account

    @property
    def _ec2(self) -> Any:
        return storage.ec2(self._account)

    def spec(self, request: Mapping[str, Any]) -> TemplateSpec:
        """Check the LaunchTemplateSpecification of a request and complete it; an alias stays an alias.

        Raises:
            ApiError: no such template or version, or none named.
        """
        template_id, name = request.get("LaunchTemplateId"), request.get("LaunchTemplateName")
        if not template_id and not name:
            message = "Valid requests must contain either launchTemplateId or LaunchTemplateName"
            refuse(message)
        wanted = template_id or self._ec2.launch_template_name_to_ids.get(name)
        found = self._ec2.launch_templates.get(wanted)
        if found is None:
            message = (
                "You must use a valid fully-formed launch template. "
                f"The specified launch template, with template {template_id or name}, does not exist."
            )
            refuse(message)
        version = str(request.get("Version") or "$Default")
        spec = TemplateSpec(template_id=str(found.id), name=str(found.name), version=version)
        self.resolve(spec)
        return spec

    def resolve(self, spec: TemplateSpec) -> ResolvedTemplate:
        """Resolve `$Latest`, `$Default` or a number as AWS does at each launch.

        Raises:
            ApiError: the template or the version is gone.
        """
        found = self._ec2.launch_templates.get(spec.template_id)
        number = _version_number(found, spec.version)
        if number is None:
            message = (
                "You must use a valid fully-formed launch template. Could not find the specified version "
                f"{spec.version} for the launch template with ID {spec.template_id}."
            )
            refuse(message)
        data = found.versions[number - 1].data
        return ResolvedTemplate(spec=spec, version=number, instance_type=str(data.get("InstanceType") or "m1.small"))

    def subnets(self, identifiers: Iterable[str]) -> dict[str, str]:
        """Answer the zone of each subnet.

        Raises:
            ApiError: a subnet does not exist.
        """
        known = {subnet.id: str(subnet.availability_zone) for subnet in self._all_subnets()}
        zones = {}
        for identifier in identifiers:
            if identifier not in known:
                message = f"The subnet ID '{identifier}' does not exist"
                refuse(message)
            zones[identifier] = known[identifier]
        return zones

    def default_subnets(self, zones: Iterable[str]) -> dict[str, str]:
        """Answer the default subnet of each zone, for a group that names zones only.

        Raises:
            ApiError: a zone has no default subnet.
        """
        by_zone = {
            str(subnet.availability_zone): str(subnet.id)
            for subnet in self._all_subnets()
            if str(subnet.default_for_az).lower() == "true"
        }
        for zone in zones:
            if zone not in by_zone:
                message = f"No default subnet for availability zone: '{zone}'"
                refuse(message)
        return {by_zone[zone]: zone for zone in zones}

    def zone_id(self, zone: str) -> str:
        """Answer the account-independent id of a zone, such as use1-az1; empty if unknown."""
        return next((str(found.zone_id) for found in self._ec2.describe_availability_zones() if found.name == zone), "")

    def has_launch_configuration(self, name: str) -> bool:
        """Say whether a launch configuration of that name exists."""
        return name in storage.autoscaling(self._account).launch_configurations

    def tag_instance(self, instance_id: str, tags: Mapping[str, str]) -> None:
        """Set tags on an instance, as the group does when one is attached."""
        self._ec2.create_tags([instance_id], dict(tags))

    def untag_instance(self, instance_id: str, key: str) -> None:
        """Remove a tag from an instance, as the group does when one is detached."""
        self._ec2.delete_tags([instance_id], {key: None})

    def _all_subnets(self) -> list[Any]:
        return [subnet for subnets in self._ec2.subnets.values() for subnet in subnets.values()]


def _version_number(template: Any, version: str) -> int | None:
    if template is None:
        return None
    match version:
        case "$Latest":
            return int(template.latest_version_number)
        case "$Default":
            return int(template.default_version_number)
        case _:
            number = int(version) if version.isdecimal() else 0
            return number if 1 <= number <= len(template.versions) else None
