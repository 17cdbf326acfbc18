"""Lookups of launch templates, subnets, zones, instance tags and launch configurations in moto's state.

Errors are those of the Auto Scaling API for missing resources.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from awsroll.sandbox import storage
from awsroll.sandbox.api_errors import unknown_subnet, unknown_template_version
from awsroll.sandbox.autoscaling.group_state import TemplateSpec
from awsroll.sandbox.handler_parts import refuse
from awsroll.sandbox.template_versions import is_left, versions_left

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from awsroll.sandbox.interfaces import Account

BAD_TEMPLATE = "You must use a valid fully-formed launch template."


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedTemplate:
    """A launch template version, with its number and instance type."""

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
        """Return the checked and completed LaunchTemplateSpecification of a request; an alias stays an alias.

        Raises:
            ApiError: the template or version does not exist, or the request names none.
        """
        template_id, name = request.get("LaunchTemplateId"), request.get("LaunchTemplateName")
        if not template_id and not name:
            message = "Valid requests must contain either launchTemplateId or LaunchTemplateName"
            refuse(message)
        known_id = template_id or self._ec2.launch_template_name_to_ids.get(name)
        template = self._ec2.launch_templates.get(known_id)
        if template is None:
            refuse(
                f"{BAD_TEMPLATE} The specified launch template, with template {template_id or name}, does not exist."
            )
        version = str(request.get("Version") or "$Default")
        spec = TemplateSpec(template_id=str(template.id), name=str(template.name), version=version)
        self.resolve(spec)
        return spec

    def resolve(self, spec: TemplateSpec) -> ResolvedTemplate:
        """Return the version for `$Latest`, `$Default` or a number, as AWS resolves it at each launch.

        Raises:
            ApiError: the template or the version does not exist.
        """
        template = self._ec2.launch_templates.get(spec.template_id)
        number = _version_number(template, spec.version)
        if number is None:
            refuse(f"{BAD_TEMPLATE} {unknown_template_version(spec.version, spec.template_id)}")
        data = template.versions[number - 1].data
        return ResolvedTemplate(spec=spec, version=number, instance_type=str(data.get("InstanceType") or "m1.small"))

    def subnets(self, identifiers: Iterable[str]) -> dict[str, str]:
        """Return the zone of each subnet.

        Raises:
            ApiError: a subnet does not exist.
        """
        zone_of = {subnet.id: str(subnet.availability_zone) for subnet in self._all_subnets()}
        zones = {}
        for identifier in identifiers:
            if identifier not in zone_of:
                refuse(unknown_subnet(identifier))
            zones[identifier] = zone_of[identifier]
        return zones

    def default_subnets(self, zones: Iterable[str]) -> dict[str, str]:
        """Return the default subnet of each zone, for a group that names only zones.

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
        """Return the account-independent id of a zone, such as use1-az1, or an empty string if it is unknown."""
        return next((str(entry.zone_id) for entry in self._ec2.describe_availability_zones() if entry.name == zone), "")

    def has_launch_configuration(self, name: str) -> bool:
        """Return whether a launch configuration exists."""
        return name in storage.autoscaling(self._account).launch_configurations

    def tag_instance(self, instance_id: str, tags: Mapping[str, str]) -> None:
        """Set the tags that a group sets on an attached instance."""
        self._ec2.create_tags([instance_id], dict(tags))

    def untag_instance(self, instance_id: str, key: str) -> None:
        """Remove a tag that a group removes from a detached instance."""
        self._ec2.delete_tags([instance_id], {key: None})

    def _all_subnets(self) -> list[Any]:
        return [subnet for subnets in self._ec2.subnets.values() for subnet in subnets.values()]


def _version_number(template: Any, version: str) -> int | None:
    if template is None:
        return None
    match version:
        case "$Latest":
            return int(versions_left(template)[-1].number)
        case "$Default":
            return int(template.default_version_number)
        case _:
            number = int(version) if version.isdecimal() else 0
            return number if is_left(template, number) else None
