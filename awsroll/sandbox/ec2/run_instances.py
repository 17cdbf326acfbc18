"""RunInstances: from a request and its launch template to instances in state `pending`.

The request's parameters override the template's. This file decides the order of checks, capacity, tags and idempotency;
moto creates the records. `world.py` moves instances after `pending`.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Protocol

from awsroll.sandbox import storage, tag_rules
from awsroll.sandbox.api_errors import (
    insufficient_capacity,
    refuse,
    refuse_dry_run,
    refuse_reserved_tags,
    unknown_subnet,
)
from awsroll.sandbox.ec2.images import with_image
from awsroll.sandbox.ec2.instance_quotas import refuse_above_quota
from awsroll.sandbox.ec2.named_resources import refuse_missing_names
from awsroll.sandbox.ec2.reservations import LaunchOrder, make_reservation
from awsroll.sandbox.ec2.templates import TemplateVersion, resolve, tags_for
from awsroll.sandbox.ec2.tokens import TokenBook
from awsroll.sandbox.instance import SimInstance
from awsroll.sandbox.interfaces import Ec2Context
from awsroll.sandbox.service_limits import TOKEN_LENGTH

NOT_OVERRIDDEN = frozenset({"LaunchTemplate", "TagSpecifications", "MinCount", "MaxCount", "ClientToken", "DryRun"})


class LaunchedInstances(Protocol):
    """The part of the simulated EC2 that a launch changes."""

    @property
    def capacity(self) -> dict[str, int]:
        """How many more instances each zone can supply; a missing zone has no limit."""
        ...

    def instances(self) -> tuple[SimInstance, ...]:
        """Return every instance that EC2 knows."""
        ...

    def add(self, instance: SimInstance) -> None:
        """Add an instance that was just launched, and start its boot."""
        ...


def run_instances(
    context: Ec2Context, instances: LaunchedInstances, tokens: TokenBook, parameters: Mapping[str, Any]
) -> tuple[SimInstance, ...]:
    """Launch the instances of a RunInstances call, or return those of an earlier call with the same token.

    Raises:
        ApiError: nothing was launched.
    """
    order = _order(context, parameters)
    refuse_dry_run(parameters)
    token = parameters.get("ClientToken")
    if token and len(token) > TOKEN_LENGTH:
        refuse("InvalidParameterValue", f"Length of clientToken exceeds maximum of {TOKEN_LENGTH}.")
    if token and not (token.isascii() and token.isprintable()):
        refuse("InvalidParameterValue", "The clientToken has characters that are not ASCII, or control characters.")
    scope = _token_scope(context, parameters, order)
    if token and (earlier := tokens.replay(scope, token, parameters)) is not None:
        return earlier
    launched = launch(context, instances, order)
    if token:
        tokens.remember(scope, token, parameters, launched)
    return launched


def service_order(  # noqa: PLR0913 - what a group chooses for an instance
    context: Ec2Context,
    reference: Mapping[str, Any],
    *,
    subnet_id: str,
    tags: Mapping[str, str],
    client_token: str | None,
    image_id: str = "",
) -> LaunchOrder:
    """Return the order for one instance that another AWS service launches.

    A service may set `aws:` tags, and may choose the subnet of a template that has network interfaces. Users may not.
    """
    template = resolve(context, reference)
    settings = {**template.data, **({"ImageId": image_id} if image_id else {})}
    if interfaces := settings.pop("NetworkInterfaces", None):
        settings["NetworkInterfaces"] = [{**interfaces[0], "SubnetId": subnet_id}, *interfaces[1:]]
    else:
        settings["SubnetId"] = subnet_id
    return LaunchOrder(
        settings=with_image(context, settings),
        template=template,
        subnet_id=subnet_id,
        zone=_subnet(context, subnet_id).availability_zone,
        least=1,
        most=1,
        tags=_instance_tags(context, template, {**template.instance_tags, **tags}),
        volume_tags={},
        client_token=client_token or "",
    )


def launch(context: Ec2Context, instances: LaunchedInstances, order: LaunchOrder) -> tuple[SimInstance, ...]:
    """Launch the instances of an order.

    Raises:
        ApiError: `InsufficientInstanceCapacity`; nothing was launched.
    """
    capacity = instances.capacity
    faults = context.faults.of_launch()
    faults.refuse_launch(order.zone, str(order.template.number) if order.template else "")
    refuse_missing_names(context, order.settings)
    _refuse_what_is_in_use(instances, order)
    count = faults.grant(order.zone, min(order.most, capacity.get(order.zone, order.most)))
    if count < order.least:
        kind = order.settings.get("InstanceType", "m1.small")
        message = insufficient_capacity(kind, order.zone)
        refuse("InsufficientInstanceCapacity", message, context.options.capacity_error_status)
    refuse_above_quota(context.options, instances.instances(), order.settings.get("InstanceType", "m1.small"), count)
    if order.zone in capacity:
        capacity[order.zone] -= count
    reservation = make_reservation(context, order, count)
    unseen = max(context.options.api_visibility_seconds, faults.unseen_seconds(order.zone))
    visible_from = context.now() + context.scaled(unseen)
    launched = tuple(_instance(context, order, reservation.id, record) for record in reservation.instances)
    for instance in launched:
        instances.add(instance)
        instance.visible_from = visible_from
    return launched


def _refuse_what_is_in_use(instances: LaunchedInstances, order: LaunchOrder) -> None:
    """Refuse a network interface or a private address that an instance holds until it is `terminated`.

    EC2 API reference, "Error codes": InvalidNetworkInterface.InUse, InvalidIPAddress.InUse.
    """
    held = {name for instance in instances.instances() if instance.state != "terminated" for name in instance.holds}
    for code, name in _named_resources(order):
        if name in held:
            refuse(code, f"Interface: [{name}] in use." if "Interface" in code else f"Address {name} is in use.")


def _named_resources(order: LaunchOrder) -> Iterator[tuple[str, str]]:
    """Yield the code of the refusal and the name of each resource that one instance alone can have."""
    if address := order.settings.get("PrivateIpAddress"):
        yield "InvalidIPAddress.InUse", str(address)
    for interface in order.settings.get("NetworkInterfaces") or ():
        if name := interface.get("NetworkInterfaceId"):
            yield "InvalidNetworkInterface.InUse", str(name)
        if address := interface.get("PrivateIpAddress"):
            yield "InvalidIPAddress.InUse", str(address)


def _order(context: Ec2Context, parameters: Mapping[str, Any]) -> LaunchOrder:
    template = resolve(context, parameters["LaunchTemplate"]) if parameters.get("LaunchTemplate") else None
    settings = dict(template.data) if template else {}
    settings.update({name: value for name, value in parameters.items() if name not in NOT_OVERRIDDEN})
    settings = with_image(context, settings)
    least, most = int(parameters.get("MinCount", 1)), int(parameters.get("MaxCount", 1))
    if not 1 <= least <= most:
        refuse("InvalidParameterValue", f"MinCount {least} must be at least 1 and at most MaxCount {most}")
    interfaces = settings.get("NetworkInterfaces") or []
    if interfaces and (parameters.get("SubnetId") or parameters.get("SecurityGroupIds")):
        message = "Network interfaces and an instance-level subnet ID may not be specified on the same request"
        refuse("InvalidParameterCombination", message)
    subnet_id = settings.get("SubnetId") or next(
        (interface["SubnetId"] for interface in interfaces if interface.get("SubnetId")), None
    )
    tags = tags_for("instance", parameters.get("TagSpecifications") or ())
    _check_tags(parameters, tags)
    return LaunchOrder(
        settings=settings,
        template=template,
        subnet_id=subnet_id,
        zone=_zone(context, subnet_id, settings),
        least=least,
        most=most,
        tags=_instance_tags(context, template, tags),
        volume_tags=tags_for("volume", parameters.get("TagSpecifications") or ()),
        client_token=parameters.get("ClientToken", ""),
    )


def _check_tags(parameters: Mapping[str, Any], tags: Mapping[str, str]) -> None:
    resource_types = {"instance", "volume", "network-interface"}
    if parameters.get("InstanceMarketOptions"):
        resource_types.add("spot-instances-request")
    for specification in parameters.get("TagSpecifications") or ():
        if (resource_type := specification.get("ResourceType")) not in resource_types:
            message = f"'{resource_type}' is not a valid taggable resource type for this launch."
            refuse("InvalidParameterValue", message)
    refuse_reserved_tags(tags)
    tag_rules.check_lengths(tags, tag_rules.refuse_for_ec2)


def _instance_tags(
    context: Ec2Context, template: TemplateVersion | None, request_tags: Mapping[str, str]
) -> dict[str, str]:
    """Return the tags of an instance: of the template, of the request, and those that EC2 sets itself."""
    if template is None or (request_tags and context.options.launch_tags == "replaced"):
        tags = dict(request_tags)
    else:
        tags = {**template.instance_tags, **request_tags}
    if tag_rules.are_too_many(tags):
        refuse("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.")
    if template is not None:
        tags["aws:ec2launchtemplate:id"] = template.template_id
        tags["aws:ec2launchtemplate:version"] = str(template.number)
    return tags


def _subnet(context: Ec2Context, subnet_id: str) -> Any:
    zones = storage.ec2(context).subnets.values()
    subnet = next((subnets[subnet_id] for subnets in zones if subnet_id in subnets), None)
    if subnet is None:
        refuse("InvalidSubnetID.NotFound", unknown_subnet(subnet_id))
    return subnet


def _zone(context: Ec2Context, subnet_id: str | None, settings: Mapping[str, Any]) -> str:
    if subnet_id is not None:
        zone: str = _subnet(context, subnet_id).availability_zone
        return zone
    return (settings.get("Placement") or {}).get("AvailabilityZone") or f"{context.region}a"


def _token_scope(context: Ec2Context, parameters: Mapping[str, Any], order: LaunchOrder) -> str:
    """Return the scope of a client token: the zone if the caller chose it, else the region."""
    interfaces = parameters.get("NetworkInterfaces") or []
    chosen_by_caller = (
        parameters.get("SubnetId")
        or (parameters.get("Placement") or {}).get("AvailabilityZone")
        or any(interface.get("SubnetId") for interface in interfaces)
    )
    from_template = order.subnet_id is not None and context.options.template_subnet_token_scope == "zonal"  # noqa: S105
    return order.zone if chosen_by_caller or from_template else context.region


def _instance(context: Ec2Context, order: LaunchOrder, reservation_id: str, record: Any) -> SimInstance:
    storage.set_tags(context, record.id, order.tags)
    number = order.template.number if order.template else 0
    instance = SimInstance(
        instance_id=record.id,
        zone=order.zone,
        subnet_id=record.subnet_id or "",
        vpc_id=record.vpc_id or "",
        template_id=order.template.template_id if order.template else "",
        template_version=number,
        launched_at=context.now(),
        client_token=order.client_token,
        reservation_id=reservation_id,
        record=record,
        read_tags=partial(storage.tags, context, record.id),
        holds=frozenset(name for _, name in _named_resources(order)),
        version_label=order.tags.get("sandbox:version") or f"v{number or 1}",
        visible_from=context.now(),
    )
    storage.write_state(instance)
    return instance
