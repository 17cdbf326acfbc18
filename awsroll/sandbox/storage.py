"""The one door to moto's own state: where instances, tags, launch templates and load balancers are kept.

moto stores what every plain call reads and writes; the sandbox keeps the states and the timing. This file holds the few
places where one must follow the other, all of them private to moto and therefore in one file.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from awsroll.sandbox.ec2.instance import STATE_CODES

if TYPE_CHECKING:
    from awsroll.sandbox.ec2.instance import SimInstance
    from awsroll.sandbox.ec2.run_instances import LaunchOrder
    from awsroll.sandbox.world import World


def ec2(world: "World") -> Any:
    """Return moto's EC2 backend of the world's account and region."""
    from moto.ec2.models import ec2_backends  # noqa: PLC0415  moto is an optional, slow import

    return ec2_backends[world.account_id][world.region]


def elbv2(world: "World") -> Any:
    """Return moto's load balancing backend of the world's account and region."""
    from moto.elbv2.models import elbv2_backends  # noqa: PLC0415  moto is an optional, slow import

    return elbv2_backends[world.account_id][world.region]


def tags(world: "World", resource_id: str) -> Mapping[str, str]:
    """Return the tags of an EC2 resource as they are now."""
    return ec2(world).tags.get(resource_id) or {}


def set_tags(world: "World", resource_id: str, values: Mapping[str, str]) -> None:
    """Replace all tags of an EC2 resource, those that AWS reserves included."""
    ec2(world).tags[resource_id] = dict(values)


def clear_tags(world: "World", resource_id: str) -> None:
    """Forget the tags of an EC2 resource."""
    ec2(world).tags.pop(resource_id, None)


def write_state(instance: "SimInstance") -> None:
    """Show an instance's state to the calls that plain moto answers."""
    record = instance.record
    record._state.name = instance.state  # noqa: SLF001
    record._state.code = STATE_CODES[instance.state]  # noqa: SLF001
    record._reason = instance.transition_reason  # noqa: SLF001
    record.state_reason.code = instance.state_reason.code
    record.state_reason.message = instance.state_reason.message


def release(record: Any) -> None:
    """Give back the volumes and addresses of an instance that was terminated."""
    record.terminate()


def forget(world: "World", instance: "SimInstance") -> None:
    """Drop an instance that EC2 shows no longer."""
    backend = ec2(world)
    reservation = backend.reservations.get(instance.reservation_id)
    if reservation is None:
        return
    reservation.instances = [record for record in reservation.instances if record is not instance.record]
    if not reservation.instances:
        del backend.reservations[instance.reservation_id]


def autoscaling(world: "World") -> Any:
    """Return moto's Auto Scaling backend: the sandbox reads launch configurations there, its groups are its own."""
    from moto.autoscaling.models import autoscaling_backends  # noqa: PLC0415  moto is an optional, slow import

    return autoscaling_backends[world.account_id][world.region]


def make_reservation(world: "World", order: "LaunchOrder", count: int) -> Any:
    """Let moto make the records of `count` instances: addresses, interfaces, volumes."""
    from moto.ec2.utils import parse_user_data  # noqa: PLC0415  moto is an optional, slow import

    settings = order.settings
    interfaces = settings.get("NetworkInterfaces") or []
    arguments: dict[str, Any] = {
        "region_name": world.region,
        "instance_type": settings.get("InstanceType", "m1.small"),
        "is_instance_type_default": True,  # it is not, but moto then leaves out its slow check of the type
        "placement": (settings.get("Placement") or {}).get("AvailabilityZone"),
        "subnet_id": None if interfaces else order.subnet_id,
        "key_name": settings.get("KeyName"),
        "security_group_ids": list(settings.get("SecurityGroupIds") or []),
        "nics": [{"DeviceIndex": 0, **interface} for interface in interfaces],
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
    if mappings := [it for it in settings.get("BlockDeviceMappings") or () if it.get("Ebs")]:
        arguments["block_device_mappings"] = mappings
    user_data = parse_user_data(settings.get("UserData"))
    return ec2(world).run_instances(
        settings["ImageId"], count, user_data, settings.get("SecurityGroups") or [], **arguments
    )


def ssm(world: "World") -> Any:
    """Return moto's Systems Manager backend: the sandbox reads documents there, its commands are its own."""
    from moto.ssm.models import ssm_backends  # noqa: PLC0415  moto is an optional, slow import

    return ssm_backends[world.account_id][world.region]
