"""The splitting of lists to the sizes that the APIs take."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def batches(items: Sequence[Item], size: int) -> Iterator[list[Item]]:
    """Yield the items in order, in lists of at most `size` items."""
    for start in range(0, len(items), size):
        yield list(items[start : start + size])
