"""The subnets of a fleet: their zones and free addresses. Read only."""

from collections.abc import Sequence
from dataclasses import dataclass

from awsroll.aws.connection import Connection
from awsroll.errors import AccessRefusedError
from awsroll.preflight.findings import Findings


@dataclass(frozen=True, slots=True, kw_only=True)
class Subnet:
    """A subnet, its zone, and how many addresses are free."""

    subnet_id: str
    zone: str
    free_addresses: int


def read_subnets(aws: Connection, subnet_ids: Sequence[str], findings: Findings) -> tuple[Subnet, ...]:
    """Return the subnets; empty with a warning if the caller may not read them."""
    try:
        described = aws.ec2.subnets(subnet_ids)
    except AccessRefusedError as error:
        findings.warn_unchecked(f"awsroll could not check the zones and free addresses of the subnets: {error}")
        return ()
    return tuple(
        Subnet(
            subnet_id=subnet["SubnetId"],
            zone=subnet["AvailabilityZone"],
            free_addresses=int(subnet["AvailableIpAddressCount"]),
        )
        for subnet in described
    )
