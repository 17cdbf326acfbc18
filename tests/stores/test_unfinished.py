"""Which rollouts have not come to an end: known from marks, right whenever a process died, cheap whatever there was."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from awsroll.clock import SystemClock
from awsroll.core.model.status import Mode, Outcome
from awsroll.ports import Record
from awsroll.stores import RecordStore
from awsroll.stores.shelf import Entry, ShelfConflictError
from awsroll.stores.unfinished_index import Marks
from tests.stores.places import Place
from tests.stores.records import record


def ended(one: Record) -> Record:
    return replace(one, status=replace(one.status, mode=Mode.ENDED, outcome=Outcome.SUCCEEDED))


def reopen(one: Record) -> Record:
    return replace(one, status=replace(one.status, mode=Mode.ROLLING, outcome=Outcome.RUNNING))


def names(store: RecordStore) -> list[str]:
    return [one.rollout.rollout_id for one in store.unfinished()]


def marks(store: RecordStore) -> tuple[str, ...]:
    return store.shelf.keys("open/")


def test_rollouts_that_have_not_ended_are_found_the_newest_first(store: RecordStore) -> None:
    for number in (2, 1, 3):
        store.save(record(f"web-{number}", hours=number))
    store.save(ended(store.load("web-2")))

    assert names(store) == ["web-3", "web-1"]
    assert marks(store) == ("open/web-1.json", "open/web-3.json")


def test_a_place_that_was_never_written_has_none(place: Place) -> None:
    assert place.open().unfinished() == ()


def test_a_rollout_that_is_taken_up_after_its_end_is_found_again(place: Place) -> None:
    first, second = place.open(), place.open()
    first.save(ended(first.save(record())))
    assert names(second) == []

    second.save(reopen(second.load("web-1")))

    assert names(first) == ["web-1"]


def test_a_mark_that_was_left_when_the_rollout_had_ended_is_taken_away(store: RecordStore) -> None:
    store.save(ended(store.save(record())))
    Marks(store.shelf).put("web-1", SystemClock().now())

    assert names(store) == []
    assert marks(store) == ()


@pytest.mark.parametrize(("hours", "stays"), [(23, True), (24, False)], ids=["young", "old"])
def test_a_mark_without_a_record_is_passed_over_and_stays_while_one_may_still_come(
    store: RecordStore, hours: int, *, stays: bool
) -> None:
    Marks(store.shelf).put("web-1", SystemClock().now() - timedelta(hours=hours))

    assert names(store) == []
    assert marks(store) == (("open/web-1.json",) if stays else ())


def test_a_mark_that_cannot_be_read_is_as_good_as_any_other(place: Place) -> None:
    store = place.open()
    store.save(record())
    place.put("open/web-1.json", b"broken")
    place.put("open/web-2.json", b"broken")

    assert names(store) == ["web-1"]


def test_a_record_that_cannot_be_used_is_left_out(place: Place) -> None:
    store = place.open()
    store.save(record())
    place.put("rollouts/web-1/record.json", b"{")

    assert store.unfinished() == ()
    assert marks(store) == ("open/web-1.json",)


def test_whoever_takes_a_rollout_up_keeps_its_mark_from_one_who_saw_it_ended(place: Place) -> None:
    reader, store = Marks(place.open().shelf), place.open()
    store.save(ended(store.save(record())))
    reader.put("web-1", SystemClock().now())  # left by a process that died
    seen = reader.read()["web-1"]

    store.save(reopen(store.load("web-1")))
    reader.tidy("web-1", seen)

    assert names(store) == ["web-1"]


class Counting:
    """A shelf in memory that counts what is asked of it."""

    place = "memory"

    def __init__(self) -> None:
        self.kept: dict[str, tuple[bytes, int]] = {}
        self.calls: Counter[str] = Counter()
        self.writes = 0

    def where(self, key: str) -> str:
        return key

    def read(self, key: str) -> Entry | None:
        self.calls["read"] += 1
        return Entry(data=self.kept[key][0], version=str(self.kept[key][1])) if key in self.kept else None

    def write(self, key: str, data: bytes, expected: str | None) -> str:
        self._compare(key, expected)
        self.writes += 1
        self.kept[key] = (data, self.writes)
        return str(self.writes)

    def delete(self, key: str, expected: str) -> None:
        self._compare(key, expected)
        del self.kept[key]

    def keys(self, prefix: str) -> tuple[str, ...]:
        self.calls["keys"] += 1
        return tuple(sorted(key for key in self.kept if key.startswith(prefix)))

    def create(self) -> tuple[str, ...]:
        return ()

    def _compare(self, key: str, expected: str | None) -> None:
        if expected != (str(self.kept[key][1]) if key in self.kept else None):
            raise ShelfConflictError(key)


def test_a_thousand_rollouts_that_have_ended_are_not_read() -> None:
    shelf = Counting()
    store = RecordStore(shelf)
    for number in range(1000):
        store.save(ended(store.save(record(f"web-{number}"))))
    store.save(record("api-1"))
    shelf.calls.clear()

    assert names(RecordStore(shelf)) == ["api-1"]
    assert shelf.calls == {"keys": 1, "read": 2}


def test_a_rollout_is_marked_once_and_costs_nothing_more_while_it_goes_on() -> None:
    shelf = Counting()
    store = RecordStore(shelf)
    saved = store.save(record())
    shelf.calls.clear()
    store.save(saved)

    assert shelf.calls == {}
    assert shelf.writes == 3
