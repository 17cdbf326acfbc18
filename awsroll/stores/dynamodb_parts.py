"""Data that outgrows an item of DynamoDB, in several items: the head under the key, and parts that the head names.

    head   pk, sk      the key
           data     B  the first bytes
           version  S  the token of the write
           parts    N  how many parts follow; none if the head holds everything
    part   pk          as the head
           sk       S  the head's, `.part-`, the token of the write, and the number of the part from 1
           data     B  the next bytes

Why a crash loses nothing:

- A part belongs to one write, because its key has the token of the write. No write changes the parts of another.
- The parts are written first, then the head under the condition of the write. Before the head, the old head and its
  parts are complete. After it, the new ones are. Nothing in between can be read.
- The old parts are deleted after the new head was accepted: no head names them now. A reader that has read the
  old head just before misses a part, and reads the head again.
- The parts of a write without an answer stay: its head may take effect later. The write that replaces that head
  deletes them.

A process that dies between two of these calls leaves parts that no head names, so that no process reads them. In a
table with retention they expire.
"""

import re
from collections.abc import Iterator
from contextlib import suppress

from awsroll.aws.caller import Reply
from awsroll.aws.dynamodb import PARTITION_KEY, SORT_KEY, DynamoDb
from awsroll.errors import AwsError

PART_BYTES = 390_000
"""The most bytes in one item. An item has at most 400 KiB, with its keys."""
MOST_ITEMS = 10
_PART = re.compile(r".+\.part-[0-9a-f]{32}-\d{1,2}")


def in_items(data: bytes) -> list[bytes]:
    """Return the data in pieces of one item each; at least one."""
    return [data[start : start + PART_BYTES] for start in range(0, len(data), PART_BYTES)] or [b""]


def is_part(key: str) -> bool:
    """Return whether a key is that of a part."""
    return _PART.fullmatch(key) is not None


def number_of_parts(head: Reply) -> int:
    """Return how many parts a head names; 0 if it says nothing usable, so that its data is found to be damaged."""
    number = str(head.get("parts", {}).get("N", "0"))
    return int(number) if number in map(str, range(MOST_ITEMS)) else 0


class Parts:
    """The parts in one table.

    Args:
        table: its name.
        dynamodb: makes the calls.
    """

    def __init__(self, table: str, dynamodb: DynamoDb) -> None:
        self._table = table
        self._dynamodb = dynamodb
        self._known: dict[tuple[str, str], int] = {}  # the number of parts, by key and token of the write
        self._replaces: dict[tuple[str, str], str] = {}  # the token of the write before, by key and token of the write

    def write(self, head: Reply, writer: str, pieces: list[bytes], more: Reply, *, expected: str | None) -> Reply:
        """Write the parts of a write that replaces the expected one; return what its head says about them."""
        self._known[_of(head, writer)] = len(pieces)
        if expected is not None:
            self._replaces[_of(head, writer)] = expected
        for key, piece in zip(_keys(head, writer, len(pieces)), pieces, strict=True):
            self._dynamodb.put_item(self._table, {**key, "data": {"B": piece}, **more}, {})
        return {"parts": {"N": str(len(pieces))}} if pieces else {}

    def read(self, head: Reply, writer: str, number: int) -> list[bytes] | None:
        """Return the data of the parts that a head names; None if one is missing: the head was replaced meanwhile."""
        self._known[_of(head, writer)] = number
        pieces = list[bytes]()
        for key in _keys(head, writer, number):
            data = (self._dynamodb.get_item(self._table, key) or {}).get("data", {}).get("B")
            if not isinstance(data, bytes):
                return None
            pieces.append(data)
        return pieces

    def delete_replaced(self, head: Reply, writer: str) -> None:
        """Delete the parts of the head that a write of this process has replaced, now that its own head is there."""
        before = self._replaces.pop(_of(head, writer), None)
        if before is not None:
            self.delete(head, before)

    def delete(self, head: Reply, writer: str) -> None:
        """Delete the parts of a head that no longer exists. A part that stays is never read."""
        with suppress(AwsError):
            for key in _keys(head, writer, self._known.pop(_of(head, writer), 0)):
                self._dynamodb.delete_item(self._table, key, {})


def _of(head: Reply, writer: str) -> tuple[str, str]:
    return f"{head[PARTITION_KEY]['S']}/{head[SORT_KEY]['S']}", writer


def _keys(head: Reply, writer: str, number: int) -> Iterator[Reply]:
    for count in range(1, number + 1):
        yield {PARTITION_KEY: head[PARTITION_KEY], SORT_KEY: {"S": f"{head[SORT_KEY]['S']}.part-{writer}-{count}"}}
