"""Which rollouts have not come to an end, without reading the records of all that ever were.

open/<rollout id>.json   written before the first record of a rollout, taken away after the one that ends it

A process may die between the two. So a mark proves nothing by itself: the record does, and a mark without one, or whose
record has ended, is passed over. It is taken away only if it is still the very mark that was read: each one is another.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from awsroll.errors import AwsrollError, StateError
from awsroll.stores import codec
from awsroll.stores.shelf import Entry, Shelf, ShelfConflictError

_FOLDER = "open/"
_ATTEMPTS = 20
_ABANDONED = timedelta(days=1)  # by then a mark that has no record yet will never have one


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mark:
    """What a mark says: when it was written, and which one it is."""

    at: datetime
    token: str


class Marks:
    """The marks of the rollouts on one shelf."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._ours: set[str] = set()

    def put(self, rollout_id: str, at: datetime) -> None:
        """Mark a rollout as open, unless this has done so; afterwards no mark that was read before can be taken away.

        Raises:
            StateError: if it cannot be written.
        """
        if rollout_id in self._ours:
            return
        key = _key(rollout_id)
        data, entry = codec.encode(_Mark(at=at, token=uuid4().hex)), None
        for _ in range(_ATTEMPTS):
            with suppress(ShelfConflictError):
                self._shelf.write(key, data, None if entry is None else entry.version)
                self._ours.add(rollout_id)
                return
            entry = self._shelf.read(key)
        problem = f"others keep writing {self._shelf.where(key)}: nothing was changed; try again"
        raise StateError(problem)

    def read(self) -> dict[str, Entry]:
        """Return the marks that there are, by the id of their rollout."""
        found = ((key.removeprefix(_FOLDER).removesuffix(".json"), key) for key in self._shelf.keys(_FOLDER))
        entries = ((rollout_id, self._shelf.read(key)) for rollout_id, key in found)
        return {rollout_id: entry for rollout_id, entry in entries if entry is not None}

    def forget(self, rollout_id: str) -> None:
        """Write the mark anew the next time: the rollout has ended, and somebody may have taken it away."""
        self._ours.discard(rollout_id)

    def remove(self, rollout_id: str) -> None:
        """Take away the mark of a rollout whose record says that it has ended; one that cannot be is passed over."""
        self.forget(rollout_id)
        with suppress(AwsrollError):
            entry = self._shelf.read(_key(rollout_id))
            if entry is not None:
                self.tidy(rollout_id, entry)

    def tidy(self, rollout_id: str, entry: Entry) -> None:
        """Take away a mark that was read before the record that has ended, if nobody has written it anew since."""
        with suppress(AwsrollError):
            self._shelf.delete(_key(rollout_id), entry.version)

    def tidy_abandoned(self, rollout_id: str, entry: Entry, at: datetime) -> None:
        """Take away a mark that has no record, if it is old: a young one may have one in a moment."""
        with suppress(StateError):
            mark = codec.decode(entry.data, _Mark, where=self._shelf.where(_key(rollout_id)))
            if at - mark.at >= _ABANDONED:
                self.tidy(rollout_id, entry)


def _key(rollout_id: str) -> str:
    return f"{_FOLDER}{rollout_id}.json"
