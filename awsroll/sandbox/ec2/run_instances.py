"""Launching: from a request and its launch template to instances in state `pending`.

The request's parameters override the template's. moto makes the record (addresses, volumes, network interfaces); the
order of checks, capacity, tags and idempotency are decided here. What happens after `pending` is in `world.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from awsroll.sandbox import storage
from awsroll.sandbox.api_errors import refuse, refuse_dry_run
from awsroll.sandbox.ec2.instance import SimInstance
from awsroll.sandbox.ec2.templates import TemplateVersion, resolve, tags_for

if TYPE_CHECKING:
    from awsroll.sandbox.ec2.tokens import TokenBook
    from awsroll.sandbox.world import World

MOST_TAGS = 50
NOT_OVERRIDDEN = frozenset({"LaunchTemplate", "TagSpecifications", "MinCount", "MaxCount", "ClientToken", "DryRun"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchOrder:
    """A launch with every question answered: what, where, how many, with which tags."""

    settings: Mapping[str, Any]
    """The template's data with the request's parameters over it."""
    template: TemplateVersion | None
    subnet_id: str | None
    zone: str
    least: int
    most: int
    tags: Mapping[str, str]
    volume_tags: Mapping[str, str]
    client_token: str


def run_instances(world: "World", tokens: "TokenBook", parameters: Mapping[str, Any]) -> tuple[SimInstance, ...]:
    """Launch what a RunInstances call asks for, or return what the same call launched before.

    Raises:
        ApiError: nothing was launched.
    """
    order = _order(world, parameters)
    refuse_dry_run(parameters)
    token = parameters.get("ClientToken")
    scope = _token_scope(world, parameters, order)
    if token and (known := tokens.replay(scope, token, parameters)) is not None:
        return known
    launched = _launch(world, order)
    if token:
        tokens.remember(scope, token, parameters, launched)
    return launched


def launch_for_service(
    world: "World",
    reference: Mapping[str, Any],
    *,
    subnet_id: str,
    tags: Mapping[str, str],
    client_token: str | None,
) -> SimInstance:
    """Launch one instance for another AWS service.

    Unlike users, it may set `aws:` tags, and may choose the subnet of a template that has network interfaces.
    """
    template = resolve(world, reference)
    settings = dict(template.data)
    if interfaces := settings.pop("NetworkInterfaces", None):
        settings["NetworkInterfaces"] = [{**interfaces[0], "SubnetId": subnet_id}, *interfaces[1:]]
    else:
        settings["SubnetId"] = subnet_id
    order = LaunchOrder(
        settings=settings,
        template=template,
        subnet_id=subnet_id,
        zone=_subnet(world, subnet_id).availability_zone,
        least=1,
        most=1,
        tags=_instance_tags(world, template, {**template.instance_tags, **tags}),
        volume_tags={},
        client_token=client_token or "",
    )
    return _launch(world, order)[0]


def _order(world: "World", parameters: Mapping[str, Any]) -> LaunchOrder:
    template = resolve(world, parameters["LaunchTemplate"]) if parameters.get("LaunchTemplate") else None
    settings = dict(template.data) if template else {}
    settings.update({name: value for name, value in parameters.items() if name not in NOT_OVERRIDDEN})
    if not settings.get("ImageId"):
        refuse("MissingParameter", "The request must contain the parameter ImageId")
    least, most = int(parameters.get("MinCount", 1)), int(parameters.get("MaxCount", 1))
    if not 1 <= least <= most:
        refuse("InvalidParameterValue", f"MinCount {least} must be at least 1 and at most MaxCount {most}")
    interfaces = settings.get("NetworkInterfaces") or []
    if interfaces and (parameters.get("SubnetId") or parameters.get("SecurityGroupIds")):
        message = "Network interfaces and an instance-level subnet ID may not be specified on the same request"
        refuse("InvalidParameterCombination", message)
    subnet_id = settings.get("SubnetId") or next((it["SubnetId"] for it in interfaces if it.get("SubnetId")), None)
    wanted = tags_for("instance", parameters.get("TagSpecifications") or ())
    _check_tags(parameters, wanted)
    return LaunchOrder(
        settings=settings,
        template=template,
        subnet_id=subnet_id,
        zone=_zone(world, subnet_id, settings),
        least=least,
        most=most,
        tags=_instance_tags(world, template, wanted),
        volume_tags=tags_for("volume", parameters.get("TagSpecifications") or ()),
        client_token=parameters.get("ClientToken", ""),
    )


def _check_tags(parameters: Mapping[str, Any], wanted: Mapping[str, str]) -> None:
    known = {"instance", "volume", "network-interface"}
    if parameters.get("InstanceMarketOptions"):
        known.add("spot-instances-request")
    for specification in parameters.get("TagSpecifications") or ():
        if (resource_type := specification.get("ResourceType")) not in known:
            message = f"'{resource_type}' is not a valid taggable resource type for this launch."
            refuse("InvalidParameterValue", message)
    if any(key.startswith("aws:") for key in wanted):
        refuse("InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use")


def _instance_tags(world: "World", template: TemplateVersion | None, wanted: Mapping[str, str]) -> dict[str, str]:
    """Return the template's tags with the wanted ones over them, and those that EC2 sets itself."""
    if template is None or (wanted and world.options.launch_tags == "replaced"):
        tags = dict(wanted)
    else:
        tags = {**template.instance_tags, **wanted}
    if sum(not key.startswith("aws:") for key in tags) > MOST_TAGS:
        refuse("TagLimitExceeded", f"More than {MOST_TAGS} tags on one instance")
    if template is not None:
        tags["aws:ec2launchtemplate:id"] = template.template_id
        tags["aws:ec2launchtemplate:version"] = str(template.number)
    return tags


def _subnet(world: "World", subnet_id: str) -> Any:
    zones = storage.ec2(world).subnets.values()
    found = next((subnets[subnet_id] for subnets in zones if subnet_id in subnets), None)
    if found is None:
        refuse("InvalidSubnetID.NotFound", f"The subnet ID '{subnet_id}' does not exist")
    return found


def _zone(world: "World", subnet_id: str | None, settings: Mapping[str, Any]) -> str:
    if subnet_id is not None:
        zone: str = _subnet(world, subnet_id).availability_zone
        return zone
    return (settings.get("Placement") or {}).get("AvailabilityZone") or f"{world.region}a"


def _token_scope(world: "World", parameters: Mapping[str, Any], order: LaunchOrder) -> str:
    """Return the zone if the caller chose it, else the region."""
    interfaces = parameters.get("NetworkInterfaces") or []
    chosen = (
        parameters.get("SubnetId")
        or (parameters.get("Placement") or {}).get("AvailabilityZone")
        or any(interface.get("SubnetId") for interface in interfaces)
    )
    from_template = order.subnet_id is not None and world.options.template_subnet_token_scope == "zonal"  # noqa: S105
    return order.zone if chosen or from_template else world.region


def _launch(world: "World", order: LaunchOrder) -> tuple[SimInstance, ...]:
    capacity = world.ec2.capacity
    faults = world.faults.of_launch()
    count = faults.grant(order.zone, min(order.most, capacity.get(order.zone, order.most)))
    if count < order.least:
        kind = order.settings.get("InstanceType", "m1.small")
        message = (
            f"We currently do not have sufficient {kind} capacity in the Availability Zone you requested "
            f"({order.zone}). Our system will be working on provisioning additional capacity."
        )
        refuse("InsufficientInstanceCapacity", message, world.options.capacity_error_status)
    if order.zone in capacity:
        capacity[order.zone] -= count
    reservation = storage.make_reservation(world, order, count)
    unseen = max(world.options.api_visibility_seconds, faults.unseen_seconds(order.zone))
    visible_from = world.now() + world.scaled(unseen)
    launched = tuple(_add(world, order, reservation.id, record) for record in reservation.instances)
    for instance in launched:
        instance.visible_from = visible_from
    return launched


def _add(world: "World", order: LaunchOrder, reservation_id: str, record: Any) -> SimInstance:
    storage.set_tags(world, record.id, order.tags)
    number = order.template.number if order.template else 0
    instance = SimInstance(
        instance_id=record.id,
        zone=order.zone,
        subnet_id=record.subnet_id or "",
        vpc_id=record.vpc_id or "",
        template_id=order.template.template_id if order.template else "",
        template_version=number,
        launched_at=world.now(),
        client_token=order.client_token,
        reservation_id=reservation_id,
        record=record,
        read_tags=partial(storage.tags, world, record.id),
        version_label=order.tags.get("sandbox:version") or f"v{number or 1}",
        visible_from=world.now(),
    )
    storage.write_state(instance)
    world.ec2.add(instance)
    return instance
