"""The permissions of a driver for any fleet: records and locks, roles to assume, states that wait for approval."""

from typing import assert_never

from awsroll.core.request.store_address import StoreAddress, StoreKind
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


def _bucket(request: PolicyRequest, name: str) -> list[Statement]:
    bucket, _, prefix = name.partition("/")
    arn = request.place.of_everywhere("s3", "", bucket)
    folder = "/".join(part for part in (arn, prefix.strip("/"), "*") if part)
    objects = [f"s3:{operation}" for operation in ("DeleteObject", "GetObject", "PutObject")]
    # With a condition on the prefix, S3 would answer AccessDenied for a missing object. So reads have no condition.
    return [allow("KeepRecords", objects, [folder]), allow("ListRecords", ["s3:ListBucket"], [arn])]


def roles(request: PolicyRequest) -> list[Statement]:
    """Return the permission to assume the roles of other accounts."""
    arns = request.rollouts.roles_to_assume
    return [allow("AssumeRoles", ["sts:AssumeRole"], arns)] if arns else []


def tasks(request: PolicyRequest) -> list[Statement]:
    """Return the permission to continue a waiting state of any state machine, because the token names the task.

    AWS's reference names no resource for this action, but IAM accepts the ARNs of state machines.
    """
    return [allow("AnswerTasks", ["states:SendTaskSuccess"])] if request.rollouts.answers_tasks else []
