"""The timeline of a rollout: its course, in segments beside the record.

A segment is rewritten until it is full, and then the next one begins. No decision depends on a timeline, so a segment
that cannot be used is left out, and a driver that cannot write one continues.
"""

from dataclasses import dataclass
from datetime import datetime

from awsroll.core.request.store_address import StoreKind
from awsroll.stores.items import Items
from awsroll.stores.record_keys import timeline_folder
from awsroll.stores.segment_files import SegmentFiles

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


class TimelineFiles(SegmentFiles[Segment]):
    """The timeline of one rollout in a store.

    Args:
        items: the items of the store.
        rollout_id: the rollout.
    """

    def __init__(self, items: Items, rollout_id: str) -> None:
        super().__init__(items, timeline_folder(rollout_id), Segment)

    @property
    def write_seconds(self) -> float:
        """The shortest time between two writes: a write into a directory costs nothing."""
        is_directory = self._items.backend.address.kind is StoreKind.DIRECTORY
        return _LOCAL_WRITE_SECONDS if is_directory else _REMOTE_WRITE_SECONDS
