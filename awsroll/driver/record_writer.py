"""Writes the record of a rollout: always when a decision or a clock has changed, and otherwise every 20 seconds.

Most observations of a large fleet show what was expected: only the time of the observation changes. Writing the record
for that alone would cost a write for every few seconds of every rollout. The record in memory is always up to date.
"""

from dataclasses import replace

from awsroll.core.model.status import Status
from awsroll.ports import Clock, Record, Store

_LONGEST_UNWRITTEN_SECONDS = 20.0


class RecordWriter:
    """Keeps the record of one rollout in a store.

    Args:
        record: the record as loaded or just created.
        store: keeps it.
        clock: measures the time between two writes.

    Attributes:
        record: the record, with the revision of its last write.
    """

    def __init__(self, record: Record, store: Store, clock: Clock) -> None:
        self.record = record
        self._written = record.status
        self._store = store
        self._clock = clock
        self._written_at = clock.monotonic()

    def save(self, status: Status) -> None:
        """Write the record if it differs from what the store holds. Events are never stored.

        Raises:
            StateError: if the record could not be written.
        """
        status = replace(status, events=())
        if status != self._written or self.record.revision == 0:
            self.record = self._store.save(replace(self.record, status=status))
            self._written, self._written_at = self.record.status, self._clock.monotonic()

    def note(self, status: Status) -> None:
        """Write the record as `save` does, but not at once if only the time of the last observation has changed.

        Raises:
            StateError: if the record could not be written.
        """
        status = replace(status, events=())
        idle = replace(status, observed_at=self._written.observed_at) == self._written
        is_recent = self._clock.monotonic() - self._written_at < _LONGEST_UNWRITTEN_SECONDS
        if idle and is_recent and self.record.revision > 0:
            self.record = replace(self.record, status=status)
        else:
            self.save(status)
