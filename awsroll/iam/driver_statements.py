"""The permissions of a driver for any fleet: records and locks, roles to assume, states that wait for approval."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import assert_never

from awsroll.core.model.destinations import DestinationKind, destination
from awsroll.core.request.store_address import StoreAddress, StoreKind
from awsroll.core.request.store_parts import NOTES, OF_DRIVERS, OF_USERS, OPEN, PROBES, RECORDS
from awsroll.iam.policy_request import PolicyRequest
from awsroll.iam.statement import Statement, allow


def store(request: PolicyRequest) -> list[Statement]:
    """Return the permissions for the store. A directory needs none; creating a table needs more than these."""
    if not request.rollouts.store:
        return []
    address = StoreAddress.parse(request.rollouts.store)
    match address.kind:
        case StoreKind.DIRECTORY:
            return []
        case StoreKind.S3:
            return _bucket(request, address.name)
        case StoreKind.DYNAMODB:
            items = [f"dynamodb:{call}" for call in ("DeleteItem", "GetItem", "PutItem", "Query")]
            return [allow("KeepRecords", items, [request.place.arn("dynamodb", f"table/{address.name}")])]
        case _:
            assert_never(address.kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Access:
    """The access to the parts of a store.

    Attributes:
        sid: the name of the statement.
        reads: only reads items; otherwise also writes them.
        deletes: also deletes items.
        lists: also lists items.
        parts: the parts of the store.
    """

    sid: str
    reads: bool = False
    deletes: bool = False
    lists: bool = False
    parts: tuple[str, ...]


_BY_DRIVERS = (
    _Access(sid="KeepRecords", deletes=True, lists=True, parts=OF_DRIVERS),
    _Access(sid="ReadRequests", reads=True, parts=OF_USERS),
)
_BY_USERS = (
    _Access(sid="ReadRecords", reads=True, parts=(RECORDS, NOTES)),
    _Access(sid="KeepRequests", parts=OF_USERS),
)
_BY_WAVES = (
    _Access(sid="ReadRecords", reads=True, parts=(RECORDS,)),
    _Access(sid="KeepRequests", parts=(*OF_USERS, NOTES)),
)


_BY_ROTATIONS = (
    _Access(sid="ReadRecords", reads=True, lists=True, parts=(RECORDS, OPEN)),
    _Access(sid="KeepNotes", parts=(NOTES,)),
)


def store_of_rotations(request: PolicyRequest) -> list[Statement]:
    """Return the permissions of a process that decides what to roll: it writes what it knows of fleets."""
    return _on_parts(request, _BY_ROTATIONS)


def store_of_drivers(request: PolicyRequest) -> list[Statement]:
    """Return the permissions of a process that starts or drives rollouts in steps: it writes no request of a user."""
    return _on_parts(request, _BY_DRIVERS)


def store_of_users(request: PolicyRequest) -> list[Statement]:
    """Return the permissions of a process that passes on requests of users: it writes no record."""
    return _on_parts(request, _BY_USERS)


def store_of_waves(request: PolicyRequest) -> list[Statement]:
    """Return the permissions of a process that watches waves: it writes requests to rollouts, and the progress."""
    return _on_parts(request, _BY_WAVES)


def _on_parts(request: PolicyRequest, accesses: Iterable[_Access]) -> list[Statement]:
    address = StoreAddress.parse(request.rollouts.store)
    match address.kind:
        case StoreKind.DIRECTORY:
            return []
        case StoreKind.S3:
            return _parts_of_bucket(request, address.name, accesses)
        case StoreKind.DYNAMODB:
            table = request.place.arn("dynamodb", f"table/{address.name}")
            return [
                allow(
                    access.sid,
                    [f"dynamodb:{call}" for call in _calls(access, "GetItem", "PutItem", "DeleteItem", "Query")],
                    [table],
                    {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": sorted(access.parts)}},
                )
                for access in accesses
            ]
        case _:
            assert_never(address.kind)


def _calls(access: _Access, read: str, write: str, delete: str, query: str = "") -> list[str]:
    lists = [query] if query and access.lists else []
    return [read, *lists] if access.reads else [read, write, *([delete] if access.deletes else []), *lists]


def _parts_of_bucket(request: PolicyRequest, name: str, accesses: Iterable[_Access]) -> list[Statement]:
    bucket, folder = _bucket_and_folder(request, name)

    def of(access: _Access) -> Statement:
        calls = _calls(access, "GetObject", "PutObject", "DeleteObject")
        return allow(access.sid, [f"s3:{call}" for call in calls], [f"{folder}/{part}/*" for part in access.parts])

    probes = _Access(sid="TestStore", deletes=True, parts=(PROBES,))
    return [*map(of, accesses), of(probes), allow("ListRecords", ["s3:ListBucket"], [bucket])]


def _bucket(request: PolicyRequest, name: str) -> list[Statement]:
    bucket, folder = _bucket_and_folder(request, name)
    objects = [f"s3:{operation}" for operation in ("DeleteObject", "GetObject", "PutObject")]
    # With a condition on the prefix, S3 would answer AccessDenied for a missing object. So reads have no condition.
    return [allow("KeepRecords", objects, [f"{folder}/*"]), allow("ListRecords", ["s3:ListBucket"], [bucket])]


def _bucket_and_folder(request: PolicyRequest, name: str) -> tuple[str, str]:
    """Return the ARN of the bucket, and of the objects under the prefix without the last slash."""
    bucket, _, prefix = name.partition("/")
    arn = request.place.of_everywhere("s3", "", bucket)
    return arn, "/".join(part for part in (arn, prefix.strip("/")) if part)


def roles(request: PolicyRequest) -> list[Statement]:
    """Return the permission to assume the roles of other accounts."""
    arns = request.rollouts.roles_to_assume
    return [allow("AssumeRoles", ["sts:AssumeRole"], arns)] if arns else []


def notices(request: PolicyRequest) -> list[Statement]:
    """Return the permission to send notices to the topics and event buses."""
    named = [destination(value) for value in request.rollouts.notify]
    topics = [each.address for each in named if each.kind is DestinationKind.TOPIC]
    buses = [_bus(request, each.address) for each in named if each.kind is DestinationKind.BUS]
    return [
        *([allow("PublishNotices", ["sns:Publish"], topics)] if topics else []),
        *([allow("PutNotices", ["events:PutEvents"], buses)] if buses else []),
    ]


def _bus(request: PolicyRequest, bus: str) -> str:
    return bus if bus.startswith("arn:") else request.place.arn("events", f"event-bus/{bus}")


def tasks(request: PolicyRequest) -> list[Statement]:
    """Return the permission to continue a waiting state of any state machine, because the token names the task.

    AWS's reference names no resource for this action, but IAM accepts the ARNs of state machines.
    """
    return [allow("AnswerTasks", ["states:SendTaskSuccess"])] if request.rollouts.answers_tasks else []
