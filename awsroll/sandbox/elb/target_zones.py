"""The zones of targets by address: that of their subnet, or `all` outside the VPC of the target group.

Source: Elastic Load Balancing API reference, TargetDescription.
"""

from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from typing import Any

from awsroll.sandbox import storage
from awsroll.sandbox.api_errors import refuse
from awsroll.sandbox.elb.target_group import TargetGroupSettings
from awsroll.sandbox.interfaces import Account

OUTSIDE = "all"


def zone_of_address(account: Account, group: TargetGroupSettings, address: str) -> str:
    """Return the zone of an address in the VPC of a target group; empty if the address is outside."""
    found = ip_address(address)
    for zone, subnets in storage.ec2(account).subnets.items():
        for subnet in subnets.values():
            further = subnet.ipv6_cidr_block_associations.values()
            blocks = (subnet.cidr_block, *(one["ipv6CidrBlock"] for one in further))
            if subnet.vpc_id == group.vpc_id and any(found in ip_network(block) for block in blocks):
                return str(zone)
    return ""


def check_zone(account: Account, group: TargetGroupSettings, target: Mapping[str, Any]) -> None:
    """Refuse a target outside the VPC of the target group that does not say so.

    Raises:
        ApiError: `ValidationError`.
    """
    if not group.by_address or target.get("AvailabilityZone") or zone_of_address(account, group, target["Id"]):
        return
    message = f"You must specify an Availability Zone for the IP address '{target['Id']}', which is outside the VPC"
    refuse("ValidationError", message)
