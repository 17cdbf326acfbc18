"""A DynamoDB table as a backend: one item for each key, and more if its data outgrows one (`dynamodb_parts`).

    pk       S   the first part of the key: `rollouts`, `requests`, `fleets`
    sk       S   the rest of the key: `web-1/record.json`
    data     B   the bytes, compressed with zlib
    version  S   the token of the write, unique for each write
    expires  N   when a table with retention deletes the item; locks and open entries have none

Needs dynamodb:GetItem, PutItem, DeleteItem and Query on the table; `awsroll state create` also DescribeTable,
CreateTable, UpdateContinuousBackups and UpdateTimeToLive.
"""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from awsroll.aws.caller import Reply
from awsroll.aws.connection import Connection
from awsroll.aws.dynamodb import PARTITION_KEY, SORT_KEY
from awsroll.core.request.store_address import StoreAddress, StoreKind
from awsroll.core.request.store_parts import EXPIRES, EXPIRING, RETENTION_DAYS
from awsroll.errors import AwsRefusedError, StateError
from awsroll.stores.backend import StoreTime
from awsroll.stores.compression import decompressed
from awsroll.stores.dynamodb_parts import MOST_ITEMS, Parts, in_items, is_part, number_of_parts
from awsroll.stores.remote_backend import ConditionFailedError, Stored, time_of

_POLL_SECONDS = 2
_READS = 5  # of a head whose parts another process replaces at the same time
_CREATE_SECONDS = 300
_NAMES = {"#pk": PARTITION_KEY, "#sk": SORT_KEY}


class DynamoDbItems:
    """The conditional calls on one table.

    Args:
        table: its name.
        aws: a connection to the account and region of the table.
    """

    def __init__(self, table: str, aws: Connection) -> None:
        self._table = table
        self._dynamodb = aws.dynamodb
        self._parts = Parts(table, aws.dynamodb)
        self._aws = aws
        self._clock = aws.clock

    @property
    def address(self) -> StoreAddress:
        """The table."""
        return StoreAddress(kind=StoreKind.DYNAMODB, name=self._table)

    def get(self, key: str) -> Stored | None:
        """Read an item."""
        for _ in range(_READS):
            with self._translated_errors():
                item = self._dynamodb.get_item(self._table, _key(key))
                if item is None:
                    return None
                data, version = item.get("data", {}).get("B"), item.get("version", {}).get("S")
                if not isinstance(data, bytes) or not isinstance(version, str):
                    problem = f"the item {self.address}/{key} was not written by awsroll: it lacks `data` or `version`"
                    raise StateError(problem)
                self._parts.delete_replaced(_key(key), version)  # the answer to its write was lost
                pieces = self._parts.read(_key(key), version, number_of_parts(item))
            if pieces is not None:
                return Stored(data=decompressed(b"".join([data, *pieces])), version=version, writer=version)
        problem = f"a part of the item {self.address}/{key} is missing; nothing was changed. Restore it from a backup"
        raise StateError(problem)

    def put(self, key: str, data: bytes, *, writer: str, expected: str | None) -> str:
        """Write an item under a condition."""
        first, *others = in_items(zlib.compress(data))
        if len(others) >= MOST_ITEMS:
            problem = (
                f"{self.address}/{key} would need more than {MOST_ITEMS} items of DynamoDB; nothing was written. Use a "
                "store in S3"
            )
            raise StateError(problem)
        item = {**_key(key), "data": {"B": first}, "version": {"S": writer}, **self._expiry(key)}
        with self._translated_errors():
            named = self._parts.write(_key(key), writer, others, self._expiry(key), expected=expected)
            self._dynamodb.put_item(self._table, {**item, **named}, _condition(expected))
            self._parts.delete_replaced(_key(key), writer)
        return writer

    def _expiry(self, key: str) -> Reply:
        if key.partition("/")[0] not in EXPIRING:
            return {}
        at = self._clock.now() + timedelta(days=RETENTION_DAYS)
        return {EXPIRES: {"N": str(int(at.timestamp()))}}

    def remove(self, key: str, expected: str) -> None:
        """Delete an item under a condition."""
        with self._translated_errors():
            self._dynamodb.delete_item(self._table, _key(key), _condition(expected))
            self._parts.delete(_key(key), expected)

    def keys(self, prefix: str) -> tuple[str, ...]:
        """Return the keys of the items under a folder."""
        partition, _, rest = prefix.partition("/")
        with self._translated_errors():
            keys = self._dynamodb.sort_keys(self._table, partition)
        return tuple(f"{partition}/{key}" for key in keys if key.startswith(rest) and not is_part(key))

    def time(self) -> StoreTime | None:
        """Return the time by the clock of the service, from its last answer; None without an answer."""
        return time_of(self._aws, "dynamodb")

    def create(self) -> tuple[str, ...]:
        """Create the table if it does not exist, wait until it is usable, and turn on point-in-time recovery."""
        notes = []
        table = self._dynamodb.table(self._table)
        if table is None:
            self._dynamodb.create_table(self._table)
            notes.append(f"created the table {self._table} (on-demand billing)")
        self._wait_until_usable()
        try:
            self._dynamodb.keep_backups(self._table)
        except AwsRefusedError as error:
            notes.append(f"warning: cannot turn on point-in-time recovery: {error}")
        return tuple(notes)

    def retain(self) -> tuple[str, ...]:
        """Delete items some time after their last write from now on."""
        try:
            self._dynamodb.expire_items(self._table, EXPIRES)
        except AwsRefusedError as error:
            if "already enabled" not in str(error):
                raise
        return (f"the table {self._table} deletes records {RETENTION_DAYS} days after their last write",)

    def _wait_until_usable(self) -> None:
        end = self._clock.monotonic() + _CREATE_SECONDS
        while True:
            table = self._dynamodb.table(self._table) or {}
            if table.get("TableStatus") in ("ACTIVE", "UPDATING"):
                break
            if self._clock.monotonic() >= end:
                state = table.get("TableStatus", "missing")
                problem = f"the table {self._table} is still {state}. Run the command again later"
                raise StateError(problem)
            self._clock.sleep(_POLL_SECONDS)
        schema = {(key["AttributeName"], key["KeyType"]) for key in table.get("KeySchema", [])}
        if schema != {(PARTITION_KEY, "HASH"), (SORT_KEY, "RANGE")}:
            problem = (
                f"the table {self._table} has the wrong keys; nothing was changed. awsroll needs the partition key "
                f"{PARTITION_KEY!r} and the sort key {SORT_KEY!r}. Choose another --state"
            )
            raise StateError(problem)

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        try:
            yield
        except AwsRefusedError as error:
            if error.code == "ConditionalCheckFailedException":
                raise ConditionFailedError from error
            if error.code == "ResourceNotFoundException":
                problem = (
                    f"the table {self._table} for records does not exist or is not ready; nothing was changed. Create "
                    f"it with `awsroll state create --state {self.address}`"
                )
                raise StateError(problem) from error
            if error.code == "ValidationException":
                problem = f"the table {self._table} rejected the item: {error}; nothing was written"
                raise StateError(problem) from error
            raise


def _key(key: str) -> Reply:
    partition, _, rest = key.partition("/")
    return {PARTITION_KEY: {"S": partition}, SORT_KEY: {"S": rest}}


def _condition(expected: str | None) -> Reply:
    if expected is None:
        return {
            "ConditionExpression": "attribute_not_exists(#pk)",
            "ExpressionAttributeNames": {"#pk": PARTITION_KEY},
        }
    return {
        "ConditionExpression": "#version = :expected",
        "ExpressionAttributeNames": {"#version": "version"},
        "ExpressionAttributeValues": {":expected": {"S": expected}},
    }
