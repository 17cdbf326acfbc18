"""From `--state` to a store: `DIR`, `s3://BUCKET/PREFIX` or `dynamodb://TABLE`."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from awsroll.aws.connection import Connection
from awsroll.aws.retry import RetryLimits
from awsroll.aws.sessions import open_session
from awsroll.clock import SystemClock
from awsroll.errors import SpecError
from awsroll.ports import Clock
from awsroll.stores.dynamodb_shelf import DynamoItems
from awsroll.stores.local_store import LocalStore
from awsroll.stores.record_store import RecordStore
from awsroll.stores.remote_shelf import RemoteShelf
from awsroll.stores.s3_shelf import S3Objects

# A store that does not answer must be given up long before the lease runs out; the next observation tries again.
_STORE_RETRIES = RetryLimits(total_seconds=10)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_TABLE = re.compile(r"[A-Za-z0-9_.-]{3,255}")


def open_store(
    address: str | None,
    *,
    session: Callable[[], Any] = open_session,
    endpoint_url: str | None = None,
    clock: Clock | None = None,
) -> RecordStore:
    """Return the store that an address names: a directory, `s3://BUCKET/PREFIX` or `dynamodb://TABLE`.

    Nothing is read or written yet.

    Args:
        address: None: a directory under the user's state home.
        session: makes the boto3 session; not called for a directory.
        endpoint_url: where the calls of a store that AWS keeps go instead of to AWS.
        clock: what their retries wait on.

    Raises:
        SpecError: if it is no address.
    """

    def connect() -> Connection:
        return Connection(session(), clock=clock or SystemClock(), endpoint_url=endpoint_url, retry=_STORE_RETRIES)

    return store_at(address, connect)


def store_at(address: str | None, connect: Callable[[], Connection]) -> RecordStore:
    """Return the store that an address names; nothing is read or written yet.

    Args:
        address: None: the default directory.
        connect: gives the connection of a store that AWS keeps; not called for a directory.

    Raises:
        SpecError: if it is no address.
    """
    if address is None:
        return LocalStore()
    scheme, separator, rest = address.partition("://")
    if not separator:
        if not address:
            problem = "--state is empty: give a directory, s3://BUCKET/PREFIX or dynamodb://TABLE"
            raise SpecError(problem)
        return LocalStore(Path(address).expanduser())
    if scheme == "s3":
        return RecordStore(RemoteShelf(_s3(address, rest, connect)))
    if scheme == "dynamodb":
        if not _TABLE.fullmatch(rest):
            problem = f"--state {address}: give the name of a table, dynamodb://TABLE (3 to 255 of A-Z a-z 0-9 _ . -)"
            raise SpecError(problem)
        return RecordStore(RemoteShelf(DynamoItems(rest, connect())))
    problem = f"--state {address}: give a directory, s3://BUCKET/PREFIX or dynamodb://TABLE"
    raise SpecError(problem)


def _s3(address: str, rest: str, connect: Callable[[], Connection]) -> S3Objects:
    bucket, _, prefix = rest.partition("/")
    if not _BUCKET.fullmatch(bucket):
        problem = f"--state {address}: give the name of a bucket, s3://BUCKET/PREFIX (3 to 63 of a-z 0-9 . -)"
        raise SpecError(problem)
    return S3Objects(bucket, prefix.strip("/"), connect())
