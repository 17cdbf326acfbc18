"""Opens the store at an address: `DIR`, `s3://BUCKET/PREFIX` or `dynamodb://TABLE`."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, assert_never

from awsroll.aws.connection import Connection
from awsroll.aws.retry import RetryLimits
from awsroll.aws.sessions import open_session
from awsroll.clock import default_clock
from awsroll.core.request.store_address import StoreAddress, StoreKind
from awsroll.errors import SpecError
from awsroll.ports import Clock
from awsroll.stores.condition_check import check_conditions
from awsroll.stores.dynamodb_backend import DynamoDbItems
from awsroll.stores.local_store import LocalStore
from awsroll.stores.record_store import RecordStore
from awsroll.stores.remote_backend import Objects, RemoteBackend
from awsroll.stores.s3_backend import S3Objects
from awsroll.stores.signing import Signer, open_signer

# Stop waiting for a store long before the lease expires: the next observation tries again.
_STORE_RETRIES = RetryLimits(total_seconds=10)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_TABLE = re.compile(r"[A-Za-z0-9_.-]{3,255}")


def open_store(
    address: str | None,
    *,
    session: Callable[[], Any] = open_session,
    endpoint_url: str | None = None,
    clock: Clock | None = None,
    sign_key: str | None = None,
) -> RecordStore:
    """Return the store at an address: a directory, `s3://BUCKET/PREFIX` or `dynamodb://TABLE`.

    Nothing is read or written yet.

    Args:
        address: None: a directory under the user's state home.
        session: returns the boto3 session; not called for a directory.
        endpoint_url: the endpoint of the AWS calls of the store; None: boto3 decides.
        clock: the clock that retries wait on; None: the system clock.
        sign_key: the key that signs and verifies what is stored, as for `--sign-key`; None: nothing is signed.

    Raises:
        SpecError: if the address or the key is not valid.
    """

    def connect(region: str | None = None) -> Connection:
        own = clock or default_clock()
        return Connection(session(), clock=own, endpoint_url=endpoint_url, region=region, retry=_STORE_RETRIES)

    return store_at(address, connect, signer=open_signer(sign_key, lambda region: connect(region).kms))


def store_at(address: str | None, connect: Callable[[], Connection], *, signer: Signer | None = None) -> RecordStore:
    """Return the store at an address. Nothing is read or written yet.

    Args:
        address: None: the default directory.
        connect: returns the connection to AWS; not called for a directory.
        signer: signs and verifies what is stored.

    Raises:
        SpecError: if the address is not valid.
    """
    if address is None:
        return LocalStore(signer=signer)
    parsed = StoreAddress.parse(address)
    match parsed.kind:
        case StoreKind.DIRECTORY:
            return LocalStore(Path(parsed.name).expanduser(), signer=signer)
        case StoreKind.S3:
            objects: Objects = _s3_objects(parsed, connect)
            return RecordStore(RemoteBackend(objects, check=check_conditions, is_checked=False), signer=signer)
        case StoreKind.DYNAMODB:
            objects = _dynamodb_items(parsed, connect)
            return RecordStore(RemoteBackend(objects, check=check_conditions, is_checked=True), signer=signer)
        case _:
            assert_never(parsed.kind)


def _s3_objects(address: StoreAddress, connect: Callable[[], Connection]) -> S3Objects:
    bucket, _, prefix = address.name.partition("/")
    if not _BUCKET.fullmatch(bucket):
        problem = f"--state {address}: give the name of a bucket, s3://BUCKET/PREFIX (3 to 63 of a-z 0-9 . -)"
        raise SpecError(problem)
    return S3Objects(bucket, prefix.strip("/"), connect())


def _dynamodb_items(address: StoreAddress, connect: Callable[[], Connection]) -> DynamoDbItems:
    if not _TABLE.fullmatch(address.name):
        problem = f"--state {address}: give the name of a table, dynamodb://TABLE (3 to 255 of A-Z a-z 0-9 _ . -)"
        raise SpecError(problem)
    return DynamoDbItems(address.name, connect())
