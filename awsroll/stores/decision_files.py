"""The recorded decisions of a rollout in a store: a ring of segments beside the record.

A segment is rewritten until it is full, and then the next one begins. If the ring is full, the next segment takes the
place of the oldest. So a recording has a bounded size, and holds the last decisions. Each segment can be read alone.

No decision depends on a recording. A segment that cannot be used is left out, and a driver that cannot write one
continues.
"""

from bisect import bisect_left
from contextlib import suppress
from dataclasses import dataclass

from awsroll.errors import StateError
from awsroll.stores.items import Item, Items
from awsroll.stores.record_keys import decisions_folder, decisions_key


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionSegment:
    """A part of a recording.

    Attributes:
        sequence: its number since the start of the rollout, from 0.
        data: its lines, compressed, as `awsroll.recording` writes them.
    """

    sequence: int
    data: bytes


class DecisionFiles:
    """The recorded decisions of one rollout in a store.

    Args:
        items: the items of the store.
        rollout_id: the rollout.
    """

    def __init__(self, items: Items, rollout_id: str) -> None:
        self._items = items
        self._rollout_id = rollout_id

    def newest(self) -> Item[DecisionSegment] | None:
        """Return the newest segment; None if there is none.

        Raises:
            StateError, AwsError: if the store cannot be read.
        """
        count = len(self._items.backend.keys(decisions_folder(self._rollout_id)))
        if not count:
            return None
        last = self.read(count - 1)
        if last is None or last.value.sequence == count - 1:  # the ring has not gone round
            return last
        first = self.read(0)
        if first is None:
            return last
        turn = first.value.sequence

        def is_older(slot: int) -> bool:
            found = self.read(slot)
            return found is None or found.value.sequence < turn

        place = bisect_left(range(count), True, key=is_older)  # noqa: FBT003 - the value that is searched
        return self.read(place - 1) if place else first

    def read(self, slot: int) -> Item[DecisionSegment] | None:
        """Return the segment in a place of the ring, counted from 0; None if there is none.

        Raises:
            StateError, AwsError: if it cannot be used.
        """
        return self._items.read(decisions_key(self._rollout_id, slot), DecisionSegment)

    def write(
        self, slot: int, segment: DecisionSegment, *, before: Item[DecisionSegment] | None
    ) -> Item[DecisionSegment]:
        """Write a segment into a place of the ring, instead of `before`; return it as stored.

        Raises:
            WriteConflictError: if another process has written it meanwhile; nothing was changed.
            StateError, AwsError: if it cannot be written.
        """
        revision, expected = (0, None) if before is None else (before.revision, before.version)
        key = decisions_key(self._rollout_id, slot)
        version = self._items.write(key, segment, revision=revision + 1, expected=expected)
        return Item(value=segment, version=version, revision=revision + 1)

    def segments(self) -> tuple[DecisionSegment, ...]:
        """Return the segments that can be used, oldest first.

        Raises:
            StateError, AwsError: if the store cannot be read at all.
        """
        found = []
        for slot in range(len(self._items.backend.keys(decisions_folder(self._rollout_id)))):
            with suppress(StateError):
                item = self.read(slot)
                if item is not None:
                    found.append(item.value)
        return tuple(sorted(found, key=lambda segment: segment.sequence))
