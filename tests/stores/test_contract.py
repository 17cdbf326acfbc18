"""The contract of a store, the same for every backend."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from awsroll.errors import RolloutNotFoundError, StaleRecordError
from awsroll.stores import LocalStore, RecordStore, Waiting
from tests.stores.places import Place
from tests.stores.records import busy_record, record


def test_a_record_comes_back_as_it_was_saved(store: RecordStore) -> None:
    saved = store.save(busy_record())

    assert saved == replace(busy_record(), revision=1)
    assert store.load("web-1") == saved


def test_each_write_counts_one_revision(store: RecordStore) -> None:
    first = store.save(record())
    second = store.save(replace(first, status=replace(first.status, reason="because")))

    assert second.revision == 2
    assert store.load("web-1").status.reason == "because"


def test_the_slower_of_two_writers_fails_and_changes_nothing(store: RecordStore) -> None:
    first = store.save(record())
    winner = store.save(first)

    with pytest.raises(StaleRecordError, match="another process"):
        store.save(replace(first, status=replace(first.status, reason="too late")))
    assert store.load("web-1") == winner


def test_a_new_rollout_cannot_use_an_existing_id(store: RecordStore) -> None:
    store.save(record())

    with pytest.raises(StaleRecordError):
        store.save(record())


def test_a_deleted_record_is_not_written_again(store: RecordStore) -> None:
    with pytest.raises(StaleRecordError):
        store.save(replace(record(), revision=3))


def test_an_unknown_rollout_is_named_in_the_error(store: RecordStore) -> None:
    with pytest.raises(RolloutNotFoundError, match="no rollout web-7"):
        store.load("web-7")


@pytest.mark.parametrize("rollout_id", ["../web", "", ".hidden", "a/b", "a" * 200], ids=repr)
def test_an_id_that_is_not_a_file_name_is_not_a_rollout(store: RecordStore, rollout_id: str) -> None:
    with pytest.raises(RolloutNotFoundError):
        store.load(rollout_id)


def test_the_newest_rollout_is_listed_first(store: RecordStore) -> None:
    for number in (2, 1, 3):
        store.save(record(f"web-{number}", hours=number))

    assert [one.rollout.rollout_id for one in store.list()] == ["web-3", "web-2", "web-1"]


def test_an_empty_store_lists_nothing(store: RecordStore) -> None:
    assert store.list() == ()
    assert store.unreadable() == ()


def test_reading_creates_no_directory(tmp_path: Path) -> None:
    assert LocalStore(tmp_path / "state").list() == ()
    assert not (tmp_path / "state").exists()


def test_a_later_process_continues_from_the_stored_record(place: Place) -> None:
    first = place.open().save(record())
    loaded = place.open().load("web-1")

    assert loaded == first
    assert place.open().save(loaded).revision == 2


def test_a_record_of_thousands_of_servers_in_flight_can_be_stored(store: RecordStore) -> None:
    plain = busy_record()
    flights = {f"i-{number:017x}": plain.status.servers["i-1"] for number in range(2000)}
    large = replace(plain, status=replace(plain.status, servers=flights))

    assert store.save(large).status == store.load("web-1").status


def test_locks_and_user_requests_are_not_listed_as_records(store: RecordStore) -> None:
    saved = store.save(record())
    store.change_user_requests("web-1", lambda user_requests: replace(user_requests, pause=True))

    with store.drive(saved.rollout):
        assert store.list() == (saved,)
        assert store.unreadable() == ()


def test_a_note_is_replaced_only_if_it_is_still_as_it_was_read(place: Place) -> None:
    first, second = place.open(), place.open()

    assert first.replace_note("web", None, Waiting(task_token="1"))
    assert not second.replace_note("web", None, Waiting(task_token="2"))
    assert second.replace_note("web", Waiting(task_token="1"), Waiting(task_token="3"))
    assert not first.replace_note("web", Waiting(task_token="1"), Waiting(task_token="4"))
    assert first.note("web", Waiting) == Waiting(task_token="3")


def test_of_two_that_replace_a_note_at_once_one_does(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = place.open(), place.open()
    really, done = first.backend.write, []

    def write(*values: Any) -> str:
        if not done:
            done.append(second.replace_note("web", None, Waiting(task_token="2")))
        return really(*values)

    monkeypatch.setattr(first.backend, "write", write)

    assert not first.replace_note("web", None, Waiting(task_token="1"))
    assert done == [True]
    assert first.note("web", Waiting) == Waiting(task_token="2")
