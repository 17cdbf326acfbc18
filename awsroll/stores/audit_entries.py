"""The history of a store: who started, approved, paused and ended its rollouts, as a chain of entries.

Theory of operation. Entry n is the item `history/<n>.json`, and holds the digest of entry n-1. It is written only if no
item has this key, and never again. So:

- Two drivers that append at once want the same number. The store gives it to one of them; the other reads the new entry
  and takes the next number.
- `history/head.json` names an entry near the end, so that an append does not list the whole history. It is written
  after that entry, so it never names one that was not written, and shows a removed end. A driver that is killed in
  between leaves an outdated head: the next append looks for later entries. A lost head costs one list.
- A driver that is killed has written its entry or has not: nothing is half written.
- A changed entry no longer has the digest that its successor holds. A removed one leaves a gap in the numbers.
- Removed entries at the end leave no gap. The head and the records of their rollouts show them, unless these are
  changed, too. Who keeps the digest of the last entry elsewhere (`awsroll history --verify` prints it) notices that as
  well.

The entry of the end of a rollout holds the digest of its record. With a signing key, entries are signed as records are.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from awsroll.core.request.store_parts import HISTORY
from awsroll.errors import AwsrollError, StateError
from awsroll.stores.backend import WriteConflictError
from awsroll.stores.items import Items
from awsroll.stores.request_digest import digest_of

_FOLDER = f"{HISTORY}/"
_HEAD = f"{_FOLDER}head.json"
_WRITE_ATTEMPTS = 50
_MOST_AFTER_HEAD = 20


class Act(StrEnum):
    """What an entry is about."""

    STARTED = "started"
    RESUMED = "resumed"
    APPROVED = "approved"
    PAUSED = "paused"
    ROLLBACK_STARTED = "rollback-started"
    STOPPING = "stopping"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What happened to a rollout, before it has its place in the history.

    Attributes:
        by: who did it: the ARN of the caller of AWS, or the user and the host. For an approval: who approved. For a
            pause and an end: who drove the rollout; `reason` names the person who requested it.
        place: where the driver runs: the host, or the ARN of the execution.
        from_name: the version before with the name of its launch template; empty in entries of older versions.
        to_name: the new version with the name of its launch template; empty in entries of older versions.
        request: the digest of the request of the rollout.
        record: of an end: the digest of the record.
    """

    act: Act
    at: datetime
    rollout_id: str
    fleet: str
    account: str = ""
    region: str = ""
    by: str = ""
    place: str = ""
    from_version: str = ""
    to_version: str = ""
    request: str = ""
    outcome: str = ""
    reason: str = ""
    checkpoint: int = 0
    message: str = ""
    ref: str = ""
    changes: tuple[str, ...] = ()
    record: str = ""
    from_name: str = ""
    to_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of the history.

    Attributes:
        number: its place, from 0.
        previous: the digest of the entry before; empty for the first.
    """

    number: int
    previous: str
    deed: Deed

    @property
    def digest(self) -> str:
        """The digest of the entry, which its successor holds."""
        return digest_of(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The number and the digest of an entry near the end of the history."""

    number: int
    digest: str


class HistoryFiles:
    """The history of one store.

    Args:
        items: the items of the store.
    """

    def __init__(self, items: Items) -> None:
        self._items = items

    def append(self, deed: Deed) -> Entry:
        """Append an entry; return it.

        Raises:
            StateError, AwsError: if it cannot be written.
        """
        previous = self._last_near_head() or self._last_listed()
        number = 0 if previous is None else previous.number + 1
        for _ in range(_WRITE_ATTEMPTS):
            entry = Entry(number=number, previous="" if previous is None else previous.digest, deed=deed)
            try:
                self._items.write(_key(number), entry, revision=1, expected=None)
            except WriteConflictError:  # another driver was faster, or this write was reported as failed
                previous = self.read(number)
                if previous is not None and previous.deed == deed:
                    return previous
                number += 1
            else:
                self._note_head(entry)
                return entry
        problem = f"other processes keep writing {self._items.backend.location(_FOLDER)}; the entry was not written"
        raise StateError(problem)

    def _last_near_head(self) -> Entry | None:
        """Return the last entry, found from the hint; None if the hint does not lead there."""
        with suppress(StateError):
            head = self.head()
            last = None if head is None else self.read(head.number)
            for _ in range(_MOST_AFTER_HEAD):
                if last is None or (following := self.read(last.number + 1)) is None:
                    return last
                last = following
        return None

    def _last_listed(self) -> Entry | None:
        numbers = self.numbers()
        return self.read(numbers[-1]) if numbers else None

    def _note_head(self, entry: Entry) -> None:
        with suppress(AwsrollError, WriteConflictError, OSError):  # the next append looks further, or lists the history
            before = self._items.read(_HEAD, Head)
            if before is None or before.value.number < entry.number:
                self._items.replace(_HEAD, Head(number=entry.number, digest=entry.digest), before)

    def head(self) -> Head | None:
        """Return the head of the history; None if there is none, as in a history of an older awsroll.

        Raises:
            StateError, AwsError: if it cannot be used.
        """
        item = self._items.read(_HEAD, Head)
        return None if item is None else item.value

    def numbers(self) -> tuple[int, ...]:
        """Return the numbers of the entries that exist, in order.

        Raises:
            StateError, AwsError: if the store cannot be read.
        """
        names = (key.removeprefix(_FOLDER).removesuffix(".json") for key in self._items.backend.keys(_FOLDER))
        return tuple(sorted(int(name) for name in names if name.isascii() and name.isdigit()))

    def read(self, number: int) -> Entry | None:
        """Return an entry; None if it does not exist.

        Raises:
            StateError, AwsError: if it cannot be used.
        """
        item = self._items.read(_key(number), Entry)
        return None if item is None else item.value

    def entries(self) -> Iterator[Entry | tuple[int, str]]:
        """Yield the entries, oldest first; for one that cannot be used, its number and why.

        Raises:
            StateError, AwsError: if the store cannot be read at all.
        """
        for number in self.numbers():
            try:
                entry = self.read(number)
            except StateError as error:
                yield number, str(error)
            else:
                yield (number, "it was removed meanwhile") if entry is None else entry


def _key(number: int) -> str:
    return f"{_FOLDER}{number:010}.json"
