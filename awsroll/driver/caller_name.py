"""The name of the person or the role that makes a request: the ARN of the caller, or the user and the host."""

import getpass
import socket
from collections.abc import Callable

from awsroll.errors import AwsrollError
from awsroll.ports import Store

_IN_AWS = ("s3://", "dynamodb://")
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
    if not str(getattr(store, "address", "")).startswith(_IN_AWS):
        return local_name()
    try:
        return arn() or local_name()
    except AwsrollError:
        return local_name()


def checked_name(name: str) -> str:
    """Return a name in one line, and not longer than an ARN."""
    return " ".join(name.split())[:_LONGEST]
