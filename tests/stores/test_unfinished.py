"""The index of unfinished rollouts: correct wherever a process died, and cheap beside thousands of ended rollouts."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from awsroll.clock import SystemClock
from awsroll.core.model.status import Mode, Outcome
from awsroll.core.request.store_address import StoreAddress, StoreKind
from awsroll.ports import Record
from awsroll.stores import RecordStore
from awsroll.stores.backend import Entry, WriteConflictError
from awsroll.stores.unfinished_index import UnfinishedIndex
from tests.stores.places import Place
from tests.stores.records import record


def ended(one: Record) -> Record:
    return replace(one, status=replace(one.status, mode=Mode.ENDED, outcome=Outcome.SUCCEEDED))


def reopen(one: Record) -> Record:
    return replace(one, status=replace(one.status, mode=Mode.ROLLING, outcome=Outcome.RUNNING))


def names(store: RecordStore) -> list[str]:
    return [one.rollout.rollout_id for one in store.unfinished()]


def index_keys(store: RecordStore) -> tuple[str, ...]:
    return store.backend.keys("open/")


def test_unfinished_rollouts_are_listed_newest_first(store: RecordStore) -> None:
    for number in (2, 1, 3):
        store.save(record(f"web-{number}", hours=number))
    store.save(ended(store.load("web-2")))

    assert names(store) == ["web-3", "web-1"]
    assert index_keys(store) == ("open/web-1.json", "open/web-3.json")


def test_an_empty_store_has_no_unfinished_rollout(place: Place) -> None:
    assert place.open().unfinished() == ()


def test_a_reopened_rollout_is_unfinished_again(place: Place) -> None:
    first, second = place.open(), place.open()
    first.save(ended(first.save(record())))
    assert names(second) == []

    second.save(reopen(second.load("web-1")))

    assert names(first) == ["web-1"]


def test_the_leftover_entry_of_an_ended_rollout_is_removed(store: RecordStore) -> None:
    store.save(ended(store.save(record())))
    UnfinishedIndex(store.backend).add(record().rollout, SystemClock().now())

    assert names(store) == []
    assert index_keys(store) == ()


@pytest.mark.parametrize(("hours", "stays"), [(23, True), (24, False)], ids=["young", "old"])
def test_an_entry_without_a_record_is_skipped_and_removed_only_after_a_day(
    store: RecordStore, hours: int, *, stays: bool
) -> None:
    UnfinishedIndex(store.backend).add(record().rollout, SystemClock().now() - timedelta(hours=hours))

    assert names(store) == []
    assert index_keys(store) == (("open/web-1.json",) if stays else ())


def test_an_unreadable_entry_still_marks_its_rollout_as_unfinished(place: Place) -> None:
    store = place.open()
    store.save(record())
    place.put("open/web-1.json", b"broken")
    place.put("open/web-2.json", b"broken")

    assert names(store) == ["web-1"]


def test_an_unreadable_record_is_left_out(place: Place) -> None:
    store = place.open()
    store.save(record())
    place.put("rollouts/web-1/record.json", b"{")

    assert store.unfinished() == ()
    assert index_keys(store) == ("open/web-1.json",)


def test_a_process_that_read_the_end_does_not_remove_the_entry_of_a_reopened_rollout(place: Place) -> None:
    reader, store = UnfinishedIndex(place.open().backend), place.open()
    store.save(ended(store.save(record())))
    reader.add(record().rollout, SystemClock().now())  # left by a process that died
    seen = reader.entries()["web-1"]

    store.save(reopen(store.load("web-1")))
    reader.remove_entry("web-1", seen)

    assert names(store) == ["web-1"]


class Counting:
    """A backend in memory that counts its calls."""

    address = StoreAddress(kind=StoreKind.DIRECTORY, name="memory")

    def __init__(self) -> None:
        self.entries: dict[str, tuple[bytes, int]] = {}
        self.calls: Counter[str] = Counter()
        self.writes = 0

    def location(self, key: str) -> str:
        return key

    def read(self, key: str) -> Entry | None:
        self.calls["read"] += 1
        return Entry(data=self.entries[key][0], version=str(self.entries[key][1])) if key in self.entries else None

    def write(self, key: str, data: bytes, expected: str | None) -> str:
        self._compare(key, expected)
        self.writes += 1
        self.entries[key] = (data, self.writes)
        return str(self.writes)

    def delete(self, key: str, expected: str) -> None:
        self._compare(key, expected)
        del self.entries[key]

    def keys(self, prefix: str) -> tuple[str, ...]:
        self.calls["keys"] += 1
        return tuple(sorted(key for key in self.entries if key.startswith(prefix)))

    def create(self) -> tuple[str, ...]:
        return ()

    def _compare(self, key: str, expected: str | None) -> None:
        if expected != (str(self.entries[key][1]) if key in self.entries else None):
            raise WriteConflictError(key)


def test_a_thousand_ended_rollouts_are_not_read() -> None:
    backend = Counting()
    store = RecordStore(backend)
    for number in range(1000):
        store.save(ended(store.save(record(f"web-{number}"))))
    store.save(record("api-1"))
    backend.calls.clear()

    assert names(RecordStore(backend)) == ["api-1"]
    assert backend.calls == {"keys": 1, "read": 2}


def test_a_rollout_is_added_once_and_later_saves_cost_nothing_more() -> None:
    backend = Counting()
    store = RecordStore(backend)
    saved = store.save(record())
    backend.calls.clear()
    store.save(saved)

    assert backend.calls == {}
    assert backend.writes == 3
