"""The network interfaces of an instance: their addresses, and the public addresses that are associated with them."""

from typing import Any

from awsroll.sandbox import storage
from awsroll.sandbox.instance import SimInstance
from awsroll.sandbox.interfaces import Account

_OWNER_OF_PUBLIC_ADDRESSES = "amazon"
_CREATED_BY_MOTO = "Primary network interface"  # at a launch that names no interface


def interface_shapes(account: Account, instance: SimInstance) -> list[dict[str, Any]]:
    """Return the network interfaces of an instance in the shape of DescribeInstances, the primary one first."""
    return [_shape(account, instance, index, nic) for index, nic in sorted(instance.record.nics.items())]


def _shape(account: Account, instance: SimInstance, index: int, nic: Any) -> dict[str, Any]:
    public = _association(account, nic)
    addresses = [
        {
            "PrivateIpAddress": address["PrivateIpAddress"],
            "Primary": bool(address.get("Primary")),
            **(public if address.get("Primary") else {}),
        }
        for address in nic.private_ip_addresses
    ]
    return {
        "NetworkInterfaceId": nic.id,
        "Description": nic.description,
        "MacAddress": nic.mac_address,
        "OwnerId": account.account_id,
        "PrivateIpAddress": nic.private_ip_address,
        "PrivateIpAddresses": addresses,
        "Ipv6Addresses": [{"Ipv6Address": address} for address in nic.ipv6_addresses],
        "SourceDestCheck": nic.source_dest_check,
        "Status": "in-use",
        "SubnetId": nic.subnet.id,
        "VpcId": nic.subnet.vpc_id,
        "InterfaceType": "interface",
        "Attachment": {
            "AttachmentId": nic.attachment_id,
            "AttachTime": instance.launched_at,
            "DeleteOnTermination": _is_deleted(nic),
            "DeviceIndex": index,
            "NetworkCardIndex": 0,
            "Status": "attached",
        },
        **public,
    }


def _is_deleted(nic: Any) -> bool:
    """Return whether the interface is deleted with its instance: by default if the launch has created it."""
    return bool(nic.delete_on_termination) or nic.description == _CREATED_BY_MOTO


def _association(account: Account, nic: Any) -> dict[str, Any]:
    """Return the public address. AWS names `amazon` as the owner of one that it assigns by itself."""
    if not nic.public_ip:
        return {}
    elastic = {address.public_ip for address in storage.ec2(account).addresses if address.eni is nic}
    owner = account.account_id if nic.public_ip in elastic else _OWNER_OF_PUBLIC_ADDRESSES
    return {"Association": {"PublicIp": nic.public_ip, "IpOwnerId": owner, "PublicDnsName": ""}}
