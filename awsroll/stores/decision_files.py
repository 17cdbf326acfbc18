"""The recorded decisions of a rollout in a store: a ring of segments beside the record.

A segment is rewritten until it is full, and then the next one begins. If the ring is full, the next segment takes the
place of the oldest. So a recording has a bounded size, and holds the last decisions. Each segment can be read alone.

No decision depends on a recording. A segment that cannot be used is left out, and a driver that cannot write one
continues.
"""

from bisect import bisect_left
from dataclasses import dataclass

from awsroll.stores.items import Item, Items
from awsroll.stores.record_keys import decisions_folder
from awsroll.stores.segment_files import SegmentFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionSegment:
    """A part of a recording.

    Attributes:
        sequence: its number since the start of the rollout, from 0.
        data: its lines, compressed, as `awsroll.recording` writes them.
    """

    sequence: int
    data: bytes


class DecisionFiles(SegmentFiles[DecisionSegment]):
    """The recorded decisions of one rollout in a store.

    Args:
        items: the items of the store.
        rollout_id: the rollout.
    """

    def __init__(self, items: Items, rollout_id: str) -> None:
        super().__init__(items, decisions_folder(rollout_id), DecisionSegment)

    def newest(self) -> Item[DecisionSegment] | None:
        """Return the newest segment; None if there is none.

        Raises:
            StateError, AwsError: if the store cannot be read.
        """
        count = self.count()
        if not count:
            return None
        last, first = self.read(count - 1), self.read(0)
        if last is None or first is None or first.value.sequence == 0:  # the ring has not gone round
            return last
        turn = first.value.sequence

        def is_older(slot: int) -> bool:
            found = self.read(slot)
            return found is None or found.value.sequence < turn

        place = bisect_left(range(count), True, key=is_older)  # noqa: FBT003 - the value that is searched
        return self.read(place - 1) if place else first

    def segments(self) -> tuple[DecisionSegment, ...]:
        """Return the segments that can be used, oldest first.

        Raises:
            StateError, AwsError: if the store cannot be read at all.
        """
        return tuple(sorted(super().segments(), key=lambda segment: segment.sequence))
