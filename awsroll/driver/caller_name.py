"""The name of the person or the role that makes a request: the ARN of the caller, or the user and the host."""

import getpass
import socket
from collections.abc import Callable
from typing import assert_never

from awsroll.core.request.store_address import StoreAddress, StoreKind
from awsroll.errors import AwsrollError, SpecError
from awsroll.ports import Store

_LONGEST = 256


def local_name() -> str:
    """Return the user and the host of this process, as `ops@bastion`."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in many containers
        user = "unknown"
    return f"{user}@{socket.gethostname()}"


def caller_name(store: Store, arn: Callable[[], str]) -> str:
    """Return who makes a request: of a store in AWS the ARN, of a directory the user and the host.

    Args:
        store: the store that holds the request.
        arn: asks AWS for the ARN of the caller. If AWS does not say, the user and the host are the name.
    """
    if not _is_in_aws(store):
        return local_name()
    try:
        return arn() or local_name()
    except AwsrollError:
        return local_name()


def _is_in_aws(store: Store) -> bool:
    try:
        kind = StoreAddress.parse(str(getattr(store, "address", ""))).kind
    except SpecError:  # a store of the caller's own
        return False
    match kind:
        case StoreKind.S3 | StoreKind.DYNAMODB:
            return True
        case StoreKind.DIRECTORY:
            return False
        case _:
            assert_never(kind)


def checked_name(name: str) -> str:
    """Return a name in one line, and not longer than an ARN."""
    return " ".join(name.split())[:_LONGEST]
