"""Which server has a private address: primary, secondary and IPv6 addresses, and delegated prefixes."""

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from awsroll.aws.caller import Reply

_PREFIXES = {"Ipv4Prefixes": "Ipv4Prefix", "Ipv6Prefixes": "Ipv6Prefix"}


class AddressOwners:
    """The servers by their addresses.

    Args:
        servers: the servers by instance id, as EC2 describes them.
    """

    def __init__(self, servers: Mapping[str, Reply]) -> None:
        self._by_address = {
            address: name for name, described in servers.items() for address in _addresses(described) if address
        }
        self._by_prefix = [(prefix, name) for name, described in servers.items() for prefix in _prefixes(described)]

    def of(self, address: str) -> str:
        """Return the server that has an address; empty if none has it."""
        try:
            parsed = ip_address(address)
        except ValueError:
            return ""
        known = self._by_address.get(str(parsed))
        return known or next((name for prefix, name in self._by_prefix if parsed in prefix), "")


def _addresses(described: Reply) -> Iterator[str]:
    yield _normal(described.get("PrivateIpAddress") or "")
    for interface in described.get("NetworkInterfaces", []):
        for address in interface.get("PrivateIpAddresses", []):
            yield _normal(address.get("PrivateIpAddress") or "")
        for address in interface.get("Ipv6Addresses", []):
            yield _normal(address.get("Ipv6Address") or "")


def _prefixes(described: Reply) -> Iterator[IPv4Network | IPv6Network]:
    for interface in described.get("NetworkInterfaces", []):
        for listed, key in _PREFIXES.items():
            for prefix in interface.get(listed) or []:
                yield ip_network(prefix[key], strict=False)


def _normal(address: str) -> str:
    try:
        return str(ip_address(address))
    except ValueError:
        return address
