"""Opens the backend at an address in AWS: `s3://BUCKET/PREFIX` or `dynamodb://TABLE`."""

import re
from collections.abc import Callable

from awsroll.aws.connection import Connection
from awsroll.core.request.store_address import StoreAddress, StoreKind
from awsroll.errors import SpecError
from awsroll.stores.condition_check import check_conditions
from awsroll.stores.dynamodb_backend import DynamoDbItems
from awsroll.stores.remote_backend import RemoteBackend
from awsroll.stores.s3_backend import S3Objects

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_TABLE = re.compile(r"[A-Za-z0-9_.-]{3,255}")


def remote_backend(address: StoreAddress, connect: Callable[[], Connection]) -> RemoteBackend:
    """Return the backend at an address in AWS. Nothing is read or written yet.

    Raises:
        SpecError: if the address is not valid.
    """
    if address.kind is StoreKind.S3:
        return RemoteBackend(_s3_objects(address, connect), check=check_conditions, is_checked=False)
    return RemoteBackend(_dynamodb_items(address, connect), check=check_conditions, is_checked=True)


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
