"""The target groups of VPC Lattice that hold servers of the fleet. Read only.

VPC Lattice has no call that names the target groups of a server. So each VPC of the servers costs one call, and each
target group of instances or addresses in it another. A VPC without such target groups costs one call.

Source: VPC Lattice API reference, ListTargetGroups and ListTargets.
"""

from collections.abc import Collection, Iterator, Mapping

from awsroll.aws.caller import Reply
from awsroll.aws.connection import Connection
from awsroll.errors import AwsRefusedError, AwsUnansweredError
from awsroll.preflight.address_owners import AddressOwners
from awsroll.preflight.findings import Findings
from awsroll.preflight.inventory import Entry, EntryKind

_INSTANCE, _ADDRESS = "INSTANCE", "IP"  # a target group of type ALB names a load balancer, which has its own
_MISSING = "ResourceNotFoundException"


def lattice_target_groups(
    aws: Connection, servers: Mapping[str, Reply], findings: Findings, *, attached: Collection[str] = ()
) -> Iterator[Entry]:
    """Yield the VPC Lattice target groups that hold one of the servers, by its id or by one of its addresses.

    Args:
        aws: the connection.
        servers: the servers by instance id, as EC2 describes them.
        findings: receives a warning if VPC Lattice cannot be read.
        attached: the ARNs of target groups that are traffic sources of the group, which are reported already.
    """
    owners = AddressOwners(servers)
    vpcs = sorted({described["VpcId"] for described in servers.values() if described.get("VpcId")})
    try:
        for vpc in vpcs:
            for group in aws.vpc_lattice.target_groups(vpc):
                held = () if group["arn"] in attached else _held(aws, group, servers, owners)
                if held:
                    yield Entry(kind=EntryKind.LATTICE_TARGET_GROUP, name=group["name"], servers=held)
    except (AwsRefusedError, AwsUnansweredError) as error:  # a Region without VPC Lattice has no such endpoint
        findings.warn_unchecked(
            f"awsroll could not check whether VPC Lattice sends requests to the servers, and assumes that it does not: "
            f"{error}"
        )


def _held(aws: Connection, group: Reply, servers: Mapping[str, Reply], owners: AddressOwners) -> tuple[str, ...]:
    kind = group.get("type")
    if kind not in (_INSTANCE, _ADDRESS):
        return ()
    try:
        names = [target.get("id", "") for target in aws.vpc_lattice.targets(group["arn"])]
    except AwsRefusedError as error:
        if error.code == _MISSING:  # deleted in between
            return ()
        raise
    found = names if kind == _INSTANCE else [owners.of(name) for name in names]
    return tuple(sorted(servers.keys() & set(found)))
