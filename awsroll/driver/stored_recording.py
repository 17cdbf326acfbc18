"""Writes a recording of decisions into a store, segment by segment, within its bound."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from awsroll.core.model.rollout import Rollout
from awsroll.recording.recording_bytes import Packer, unpacked
from awsroll.stores import DecisionFiles, DecisionSegment

if TYPE_CHECKING:
    from awsroll.stores.items import Item

MOST_BYTES = 1_000_000
"""The most bytes of a recording in a store, for each hundred servers."""
SEGMENT_BYTES = 90_000
"""The compressed bytes from which a segment is full."""

_SERVERS = 100
_STORED = 1.5  # bytes in a store for each compressed byte: base64, and what the last write goes beyond the limit
_MOST_SLOTS = 140


class StoredRecording:
    """The recording of one rollout in a store.

    Args:
        files: the segments.
        rollout: the rollout, as it was started.
    """

    def __init__(self, files: DecisionFiles, rollout: Rollout) -> None:
        self._files = files
        self._slots = slots_for(rollout)
        self._packer = Packer()
        self._sequence = 0
        self._item: Item[DecisionSegment] | None = None

    def begin(self, *, is_new: bool) -> tuple[str, ...]:
        """Return the lines of the segment that goes on; none if a new segment begins.

        Args:
            is_new: no process has driven the rollout yet, so there is nothing to continue.

        Raises:
            StateError, AwsError, DocumentError: if the last segment cannot be read.
        """
        newest = None if is_new else self._files.newest()
        if newest is None:
            return ()
        self._sequence, self._item = newest.value.sequence, newest
        lines = unpacked(newest.value.data)
        for line in lines:
            self._packer.add(line)
        return lines

    def write(self, lines: Sequence[str]) -> bool:
        """Add lines to the segment and write it; return whether the next line must begin a new segment.

        Raises:
            StateError, AwsError: if it cannot be written.
        """
        for line in lines:
            self._packer.add(line)
        data = self._packer.packed()
        slot = self._sequence % self._slots
        segment = DecisionSegment(sequence=self._sequence, data=data)
        self._item = self._files.write(slot, segment, before=self._item)
        if len(data) < SEGMENT_BYTES:
            return False
        self._sequence, self._packer = self._sequence + 1, Packer()
        self._item = self._files.read(self._sequence % self._slots) if self._sequence >= self._slots else None
        return True


def slots_for(rollout: Rollout) -> int:
    """Return the number of segments of a recording."""
    servers = sum(count.count for count in rollout.baseline)
    most = MOST_BYTES * max(1, math.ceil(servers / _SERVERS))
    return min(_MOST_SLOTS, int(most / (SEGMENT_BYTES * _STORED)))
