"""Numbered segments in a folder beside the record, each an item that is rewritten until it is full."""

from contextlib import suppress
from typing import Generic, TypeVar

from awsroll.errors import StateError
from awsroll.stores.items import Item, Items

Content = TypeVar("Content")


class SegmentFiles(Generic[Content]):
    """The segments of one folder.

    Args:
        items: the items of the store.
        folder: the folder.
        kind: the class of a segment.
    """

    def __init__(self, items: Items, folder: str, kind: type[Content]) -> None:
        self._items = items
        self._folder = folder
        self._kind = kind

    def count(self) -> int:
        """Return the number of segments.

        Raises:
            StateError, AwsError: if the store cannot be read.
        """
        return len(self._items.backend.keys(self._folder))

    def read(self, number: int) -> Item[Content] | None:
        """Return a segment by its place, counted from 0; None if there is none.

        Raises:
            StateError, AwsError: if it cannot be used.
        """
        return self._items.read(self._key(number), self._kind)

    def write(self, number: int, segment: Content, *, before: Item[Content] | None) -> Item[Content]:
        """Write a segment in the place of `before`, and return it as stored.

        Raises:
            WriteConflictError: if another process has written it meanwhile; nothing was changed.
            StateError, AwsError: if it cannot be written.
        """
        return self._items.replace(self._key(number), segment, before)

    def segments(self) -> tuple[Content, ...]:
        """Return the segments that can be used, by their places.

        Raises:
            StateError, AwsError: if the store cannot be read at all.
        """
        segments = []
        for number in range(self.count()):
            with suppress(StateError):
                item = self.read(number)
                if item is not None:
                    segments.append(item.value)
        return tuple(segments)

    def _key(self, number: int) -> str:
        return f"{self._folder}{number:04}.json"
