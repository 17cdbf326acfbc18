"""Reservations: the orders for new instances, and moto's records of them with addresses, interfaces and volumes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from awsroll.sandbox import storage
from awsroll.sandbox.ec2.templates import TemplateVersion
from awsroll.sandbox.interfaces import Account


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchOrder:
    """A complete launch order: what to launch, where, how many, and with which tags."""

    settings: Mapping[str, Any]
    """The template's data, overridden by the request's parameters."""
    template: TemplateVersion | None
    subnet_id: str | None
    zone: str
    least: int
    most: int
    tags: Mapping[str, str]
    volume_tags: Mapping[str, str]
    client_token: str


def make_reservation(account: Account, order: "LaunchOrder", count: int) -> Any:
    """Return moto's reservation with the records of `count` new instances.

    Raises:
        ApiError: moto refuses the launch, such as for a security group that does not exist.
    """
    from moto.ec2.utils import parse_user_data  # noqa: PLC0415  moto is an optional, slow import

    settings = order.settings
    interfaces = settings.get("NetworkInterfaces") or []
    arguments: dict[str, Any] = {
        "region_name": account.region,
        "instance_type": settings.get("InstanceType", "m1.small"),
        "is_instance_type_default": True,  # it may not be, but moto then skips its slow check of the type
        "placement": (settings.get("Placement") or {}).get("AvailabilityZone"),
        "subnet_id": None if interfaces else order.subnet_id,
        "key_name": settings.get("KeyName"),
        "security_group_ids": list(settings.get("SecurityGroupIds") or []),
        "nics": [_interface(interface) for interface in interfaces],
        "private_ip": settings.get("PrivateIpAddress"),
        "ebs_optimized": settings.get("EbsOptimized", False),
        "monitoring_state": "enabled" if (settings.get("Monitoring") or {}).get("Enabled") else "disabled",
        "metadata_options": settings.get("MetadataOptions") or {},
        "instance_market_options": (settings.get("InstanceMarketOptions") or {}).get("MarketType"),
        "instance_initiated_shutdown_behavior": settings.get("InstanceInitiatedShutdownBehavior"),
        "disable_api_termination": settings.get("DisableApiTermination", False),
        "disable_api_stop": settings.get("DisableApiStop", False),
        "client_token": order.client_token,
        "tags": {"volume": dict(order.volume_tags)},
    }
    if mappings := [mapping for mapping in settings.get("BlockDeviceMappings") or () if mapping.get("Ebs")]:
        arguments["block_device_mappings"] = mappings
    encoded = settings.get("UserData")
    user_data = parse_user_data(encoded if encoded is None else str(encoded))  # moto keeps a template's in its own type
    try:
        return storage.ec2(account).run_instances(
            settings["ImageId"], count, user_data, settings.get("SecurityGroups") or [], **arguments
        )
    except Exception as error:
        if refusal := storage.refusal_of_moto(error):
            raise refusal from error  # a group records it as a failed activity
        raise


def _interface(interface: Mapping[str, Any]) -> dict[str, Any]:
    """Return an interface with EC2's defaults: an interface that the launch creates is deleted with the instance."""
    return {"DeviceIndex": 0, "DeleteOnTermination": "NetworkInterfaceId" not in interface, **interface}
