"""The timeline of a rollout: its course, in segments beside the record.

A segment is rewritten until it is full, and then the next one begins. No decision depends on a timeline, so a segment
that cannot be used is left out, and a driver that cannot write one continues.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from awsroll.core.request.store_address import StoreKind
from awsroll.errors import StateError
from awsroll.stores.items import Item, Items
from awsroll.stores.record_keys import timeline_folder, timeline_key

_LOCAL_WRITE_SECONDS, _REMOTE_WRITE_SECONDS = 2.0, 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A part of a timeline: lines as `core.timeline.lines` writes them.

    Attributes:
        started_at: the start of the rollout.
        opening: the number of characters of the lines that say what the segments before have said.
    """

    started_at: datetime
    lines: tuple[str, ...]
    opening: int = 0


class TimelineFiles:
    """The timeline of one rollout in a store.

    Args:
        items: the items of the store.
        rollout_id: the rollout.
    """

    def __init__(self, items: Items, rollout_id: str) -> None:
        self._items = items
        self._rollout_id = rollout_id

    @property
    def write_seconds(self) -> float:
        """The shortest time between two writes: a write into a directory costs nothing."""
        is_directory = self._items.backend.address.kind is StoreKind.DIRECTORY
        return _LOCAL_WRITE_SECONDS if is_directory else _REMOTE_WRITE_SECONDS

    def count(self) -> int:
        """Return the number of segments.

        Raises:
            StateError, AwsError: if the store cannot be read.
        """
        return len(self._items.backend.keys(timeline_folder(self._rollout_id)))

    def read(self, number: int) -> Item[Segment] | None:
        """Return a segment, counted from 0; None if there is none.

        Raises:
            StateError, AwsError: if it cannot be used.
        """
        return self._items.read(timeline_key(self._rollout_id, number), Segment)

    def write(self, number: int, segment: Segment, *, before: Item[Segment] | None) -> Item[Segment]:
        """Write a segment in the place of `before`, and return it as stored.

        Raises:
            WriteConflictError: if another process has written it meanwhile; nothing was changed.
            StateError, AwsError: if it cannot be written.
        """
        revision, expected = (0, None) if before is None else (before.revision, before.version)
        key = timeline_key(self._rollout_id, number)
        version = self._items.write(key, segment, revision=revision + 1, expected=expected)
        return Item(value=segment, version=version, revision=revision + 1)

    def segments(self) -> tuple[Segment, ...]:
        """Return the segments that can be used, in order.

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
