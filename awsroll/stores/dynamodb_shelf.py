"""A DynamoDB table as a shelf: one item a key.

    pk       S   the key's first part: `rollouts`, `fleets`
    sk       S   the rest of it: `web-1/record.json`
    data     B   the bytes, compressed with zlib (an item holds 400 KB at the most)
    version  S   the token of the write: another one each time

Needs dynamodb:GetItem, PutItem, DeleteItem and Query on the table; `awsroll state create` also DescribeTable,
CreateTable and UpdateContinuousBackups.
"""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from awsroll.aws.caller import Reply
from awsroll.aws.connection import Connection
from awsroll.aws.dynamodb import PARTITION_KEY, SORT_KEY
from awsroll.errors import AwsRefusedError, StateError
from awsroll.stores.remote_shelf import ConditionFailedError, Stored

_POLL_SECONDS = 2
_PATIENCE_SECONDS = 300
_NAMES = {"#pk": PARTITION_KEY, "#sk": SORT_KEY}


class DynamoItems:
    """The conditional calls on one table.

    Args:
        table: its name.
        aws: a connection in the table's account and region.
    """

    def __init__(self, table: str, aws: Connection) -> None:
        self._table = table
        self._dynamodb = aws.dynamodb
        self._clock = aws.clock

    @property
    def place(self) -> str:
        """The place as `--state` names it."""
        return f"dynamodb://{self._table}"

    def get(self, key: str) -> Stored | None:
        """Read an item."""
        with self._in_words():
            item = self._dynamodb.get_item(self._table, _key(key))
        if item is None:
            return None
        version = str(item["version"]["S"])
        return Stored(data=_inflated(item["data"]["B"]), version=version, writer=version)

    def put(self, key: str, stored: Stored, expected: str | None) -> str:
        """Write an item under a condition."""
        item = {**_key(key), "data": {"B": zlib.compress(stored.data)}, "version": {"S": stored.writer}}
        with self._in_words():
            self._dynamodb.put_item(self._table, item, _condition(expected))
        return stored.writer

    def remove(self, key: str, expected: str) -> None:
        """Delete an item under a condition."""
        with self._in_words():
            self._dynamodb.delete_item(self._table, _key(key), _condition(expected))

    def keys(self, prefix: str) -> tuple[str, ...]:
        """List the items under a folder."""
        partition, _, rest = prefix.partition("/")
        with self._in_words():
            found = self._dynamodb.sort_keys(self._table, partition)
        return tuple(f"{partition}/{one}" for one in found if one.startswith(rest))

    def create(self) -> tuple[str, ...]:
        """Create the table if there is none, wait until it is usable, and turn on its backups."""
        said = []
        table = self._dynamodb.table(self._table)
        if table is None:
            self._dynamodb.create_table(self._table)
            said.append(f"created the table {self._table} (paid by the request)")
        self._wait_until_usable()
        try:
            self._dynamodb.keep_backups(self._table)
        except AwsRefusedError as error:
            said.append(f"warning: point-in-time recovery could not be turned on: {error}")
        return tuple(said)

    def _wait_until_usable(self) -> None:
        end = self._clock.monotonic() + _PATIENCE_SECONDS
        while True:
            table = self._dynamodb.table(self._table) or {}
            if table.get("TableStatus") in ("ACTIVE", "UPDATING"):
                break
            if self._clock.monotonic() >= end:
                problem = f"the table {self._table} is still {table.get('TableStatus', 'missing')}: try again later"
                raise StateError(problem)
            self._clock.sleep(_POLL_SECONDS)
        schema = {(one["AttributeName"], one["KeyType"]) for one in table.get("KeySchema", [])}
        if schema != {(PARTITION_KEY, "HASH"), (SORT_KEY, "RANGE")}:
            problem = (
                f"the table {self._table} is not awsroll's: it needs the partition key {PARTITION_KEY!r} and the sort "
                f"key {SORT_KEY!r}; name another --state, nothing was changed"
            )
            raise StateError(problem)

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except AwsRefusedError as error:
            if error.code == "ConditionalCheckFailedException":
                raise ConditionFailedError from error
            if error.code == "ResourceNotFoundException":
                problem = (
                    f"there is no usable table {self._table} to keep records in: "
                    f"`awsroll state create --state {self.place}` makes it; nothing was changed"
                )
                raise StateError(problem) from error
            if error.code == "ValidationException":
                problem = f"the table {self._table} cannot keep this: {error}; nothing was written"
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


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompress(data)
    except zlib.error:
        return data  # damaged, or edited by hand: whoever reads it will say so
