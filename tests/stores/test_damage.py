"""A record that is not exactly what was written is refused."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from moto import mock_aws

from awsroll.errors import StateError
from awsroll.stores import LocalStore, atomic_files as store_files
from tests.stores.places import DynamoPlace, Place
from tests.stores.records import busy_record, record


def _edited(change: Callable[[dict], object]) -> Callable[[bytes], bytes]:
    def edit(data: bytes) -> bytes:
        envelope = json.loads(data)
        change(envelope)
        return json.dumps(envelope).encode()

    return edit


RECORD = "rollouts/web-1/record.json"
DAMAGES = {
    "truncated": (lambda data: data[: len(data) // 2], "truncated"),
    "empty": (lambda data: b"", "truncated"),
    "not-json": (lambda data: b"asg: web\n", "truncated or not a JSON"),
    "another-json": (lambda data: b"{}", "not a record of awsroll"),
    "newer-format": (_edited(lambda one: one.update(format=4)), "a newer awsroll wrote it"),
    "older-format": (_edited(lambda one: one.update(format=2)), "an older awsroll wrote it"),
    "edited-value": (_edited(lambda one: one["record"]["rollout"].update(fleet="db")), "edited or damaged"),
    "removed-part": (_edited(lambda one: one["record"]["status"].pop("servers")), "edited or damaged"),
    "record-missing": (_edited(lambda one: one.pop("record")), "edited or damaged"),
}


@pytest.mark.parametrize(("damage", "says"), DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_record_is_refused_and_left_unchanged(
    place: Place, damage: Callable[[bytes], bytes], says: str
) -> None:
    store = place.open()
    saved = store.save(busy_record())
    damaged = damage(place.look(RECORD))
    place.put(RECORD, damaged)

    with pytest.raises(StateError, match=says) as refusal:
        store.load("web-1")
    with pytest.raises(StateError):
        store.save(saved)
    with pytest.raises(StateError):
        place.open().save(saved)

    assert place.location(RECORD) in str(refusal.value)
    assert place.look(RECORD) == damaged


def test_the_layout_of_the_json_does_not_matter(place: Place) -> None:
    saved = place.open().save(busy_record())
    place.put(RECORD, json.dumps(json.loads(place.look(RECORD)), indent=8, sort_keys=True).encode())

    assert place.open().load("web-1") == saved


def test_a_record_under_the_name_of_another_rollout_is_refused(place: Place) -> None:
    place.open().save(record())
    place.put("rollouts/web-2/record.json", place.look(RECORD))

    with pytest.raises(StateError, match="another rollout"):
        place.open().load("web-2")


def test_one_damaged_record_does_not_hide_the_others(place: Place) -> None:
    store = place.open()
    store.save(record("web-1"))
    store.save(record("web-2"))
    place.put(RECORD, b"")

    assert [one.rollout.rollout_id for one in store.list()] == ["web-2"]
    assert len(store.unreadable()) == 1


def test_a_damaged_lock_is_refused_and_not_taken(place: Place) -> None:
    rollout = record().rollout
    with place.open().drive(rollout):
        (key,) = place.open().backend.keys("fleets/")
        place.put(key, b"{}")

    with pytest.raises(StateError, match="cannot be used") as refusal, place.open().drive(rollout):
        pytest.fail("an unreadable lock is not free")
    assert place.location(key) in str(refusal.value)


def test_damaged_user_requests_are_refused(place: Place) -> None:
    store = place.open()
    store.save(record())
    place.put("requests/web-1.json", b"pause please")

    with pytest.raises(StateError, match="cannot be used"):
        store.user_requests("web-1")
    with pytest.raises(StateError, match="cannot be used"):
        store.change_user_requests("web-1", lambda user_requests: user_requests)


def test_bytes_in_a_table_that_are_not_compressed_are_refused() -> None:
    with mock_aws():
        place = DynamoPlace()
        place.open().save(record())
        item = {"pk": {"S": "rollouts"}, "sk": {"S": "web-1/record.json"}, "data": {"B": b"x"}, "version": {"S": "1"}}
        place.wire.client("dynamodb").put_item(TableName=place.TABLE, Item=item)

        with pytest.raises(StateError, match="truncated"):
            place.open().load("web-1")


def test_a_writer_that_dies_during_a_write_leaves_the_old_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path)
    saved = store.save(record())

    class Killed(BaseException):
        pass

    def die(_: int) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(store_files.os, "fsync", die)
        with pytest.raises(Killed):
            store.save(saved)

    assert store.load("web-1") == saved
    assert sorted(path.name for path in (tmp_path / "rollouts" / "web-1").iterdir()) == ["record.json", "write.lock"]


def test_the_partial_file_of_a_killed_writer_is_ignored(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    saved = store.save(record())
    (tmp_path / "rollouts" / "web-1" / ".partial-abc").write_bytes(b'{"format": 1')

    assert store.load("web-1") == saved
    assert store.list() == (saved,)


def test_a_directory_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file is in the way")

    with pytest.raises(StateError, match="Choose another --state"):
        LocalStore(tmp_path / "state").save(record())
