"""A record that is not exactly what was written is refused, never guessed at."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from awsroll.errors import StateError
from awsroll.stores import LocalStore
from awsroll.stores import files as store_files
from tests.stores.records import busy_record, record


def _edited(change: Callable[[dict], object]) -> Callable[[bytes], bytes]:
    def edit(data: bytes) -> bytes:
        envelope = json.loads(data)
        change(envelope)
        return json.dumps(envelope).encode()

    return edit


DAMAGES = {
    "cut-short": (lambda data: data[: len(data) // 2], "cut short"),
    "empty": (lambda data: b"", "cut short"),
    "not-json": (lambda data: b"asg: web\n", "cut short or no JSON"),
    "another-json": (lambda data: b"{}", "no record of awsroll"),
    "newer-format": (_edited(lambda one: one.update(format=2)), "a newer awsroll wrote it"),
    "edited-value": (_edited(lambda one: one["record"]["rollout"].update(fleet="db")), "edited or damaged"),
    "removed-part": (_edited(lambda one: one["record"]["status"].pop("flights")), "edited or damaged"),
    "record-missing": (_edited(lambda one: one.pop("record")), "edited or damaged"),
}


@pytest.mark.parametrize(("damage", "says"), DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_record_is_refused_and_left_as_it_is(
    tmp_path: Path, damage: Callable[[bytes], bytes], says: str
) -> None:
    store = LocalStore(tmp_path)
    saved = store.save(busy_record())
    path = tmp_path / "rollouts" / "web-1" / "record.json"
    path.write_bytes(damage(path.read_bytes()))
    damaged = path.read_bytes()

    with pytest.raises(StateError, match=says) as refusal:
        store.load("web-1")
    with pytest.raises(StateError):
        store.save(saved)

    assert str(path) in str(refusal.value)
    assert path.read_bytes() == damaged


def test_a_laid_out_anew_record_says_the_same(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    saved = store.save(busy_record())
    path = tmp_path / "rollouts" / "web-1" / "record.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()), indent=8, sort_keys=True))

    assert store.load("web-1") == saved


def test_a_record_in_the_wrong_folder_is_refused(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.save(record())
    (tmp_path / "rollouts" / "web-1").rename(tmp_path / "rollouts" / "web-2")

    with pytest.raises(StateError, match="another rollout"):
        store.load("web-2")


def test_one_damaged_record_does_not_hide_the_others(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.save(record("web-1"))
    store.save(record("web-2"))
    (tmp_path / "rollouts" / "web-1" / "record.json").write_bytes(b"")

    assert [one.rollout.rollout_id for one in store.list()] == ["web-2"]
    assert len(store.unreadable()) == 1


def test_a_writer_that_dies_in_the_middle_leaves_the_old_record(
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


def test_what_a_killed_writer_left_behind_is_ignored(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    saved = store.save(record())
    (tmp_path / "rollouts" / "web-1" / ".partial-abc").write_bytes(b'{"format": 1')

    assert store.load("web-1") == saved
    assert store.list() == (saved,)


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file is in the way")

    with pytest.raises(StateError, match="name another --state"):
        LocalStore(tmp_path / "state").save(record())
