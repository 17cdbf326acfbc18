"""A record that cannot be used hides no other record, and holds the fleet of its rollout until that is settled."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from moto import mock_aws

from awsroll.core.model.status import Mode, Outcome
from awsroll.errors import StateError
from awsroll.ports import Record
from awsroll.stores import LocalStore, codec
from awsroll.stores.locks import fleet_parts
from tests.stores.places import HERE, DirectoryPlace, DynamoPlace, Place, S3Place
from tests.stores.records import WEB, record

RECORD = "rollouts/web-1/record.json"


def ended(one: Record) -> Record:
    return replace(one, status=replace(one.status, mode=Mode.ENDED, outcome=Outcome.SUCCEEDED))


def test_it_is_listed_with_its_place_its_reason_and_its_fleet(place: Place) -> None:
    store = place.open()
    store.save(record())
    store.save(record("web-2"))
    place.put(RECORD, b"\x00\xff")

    assert [one.rollout.rollout_id for one in store.list()] == ["web-2"]
    (unreadable,) = store.unreadable()
    assert (unreadable.rollout_id, unreadable.location) == ("web-1", place.location(RECORD))
    assert "truncated or not a JSON object" in unreadable.reason
    assert (unreadable.is_open, unreadable.fleet, unreadable.parts) == (True, "web", (WEB,))
    assert store.unreadable_open() == (unreadable,)
    assert unreadable.may_hold([WEB, "x"])
    assert not unreadable.may_hold(["x"])
    assert store.unreadable_record("web-1") == unreadable
    assert store.unreadable_record("web-2") is store.unreadable_record("web-3") is None


def test_after_the_end_it_holds_no_fleet(place: Place) -> None:
    store = place.open()
    store.save(ended(store.save(record())))
    place.put(RECORD, b"{")

    (unreadable,) = store.unreadable()
    assert not unreadable.is_open
    assert store.unreadable_open() == ()


def test_the_locks_of_a_dead_driver_name_the_fleet_if_the_entry_does_not(place: Place) -> None:
    store = place.open(HERE)
    grouped = record(group="web-asg", target_groups=(WEB,))
    store.save(grouped)
    with store.drive(grouped.rollout):
        place.put(RECORD, b"{")
        place.put("open/web-1.json", b"broken")

        (unreadable,) = store.unreadable_open()
        assert unreadable.parts == fleet_parts(grouped.rollout) == ("123456789012/us-east-1/web-asg",)
        assert unreadable.fleet == ""
    (unreadable,) = store.unreadable_open()
    assert unreadable.is_open
    assert unreadable.may_hold_any_fleet


def test_the_entry_of_an_older_awsroll_names_no_fleet(place: Place) -> None:
    store = place.open()
    store.save(record())
    envelope = json.loads(place.look("open/web-1.json"))
    del envelope["record"]["fleet"], envelope["record"]["parts"]
    place.put("open/web-1.json", codec.encode(envelope["record"]))
    place.put(RECORD, b"{")

    (unreadable,) = store.unreadable_open()
    assert unreadable.may_hold_any_fleet


def test_a_forgotten_rollout_holds_no_fleet_and_keeps_its_record(place: Place) -> None:
    store = place.open()
    store.save(record())
    place.put(RECORD, b"{")

    store.forget_open("web-1")

    assert store.unreadable_open() == ()
    assert len(store.unreadable()) == 1


def test_a_time_without_a_zone_is_refused(place: Place) -> None:
    store = place.open()
    store.save(record())
    envelope = json.loads(place.look(RECORD))
    envelope["record"]["status"]["started_at"] = "2026-01-01T00:00:00"
    content = envelope["record"]
    place.put(RECORD, codec.encode(content, lambda _: {"revision": envelope["revision"]}))

    with pytest.raises(StateError, match="has no time zone"):
        store.load("web-1")
    assert store.list() == ()
    assert store.unfinished() == ()


def _directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


IN_ITS_PLACE: dict[str, Callable[[Path], object]] = {
    "a-directory": _directory,
    "a-named-pipe": _pipe,
    "a-link": _link,
    "nothing-in-it": lambda path: path.write_bytes(b""),
    "binary": lambda path: path.write_bytes(bytes(range(256))),
    "deeply-nested": lambda path: path.write_bytes(b"[" * 100_000),
    "very-large": lambda path: os.truncate(path, 2**33),
}


@pytest.mark.parametrize("change", IN_ITS_PLACE.values(), ids=IN_ITS_PLACE)
@pytest.mark.parametrize("key", [RECORD, "open/web-1.json", "fleets/stray.json"])
def test_whatever_takes_the_place_of_a_file_hides_no_other_rollout(
    key: str, change: Callable[[Path], object], tmp_path: Path
) -> None:
    place = DirectoryPlace(tmp_path / "state")
    place.open().save(record())
    place.open().save(record("web-2"))
    place.put("fleets/stray.json", b"")
    change(place.directory / key)

    store = LocalStore(place.directory)
    names = ["web-1", "web-2"] if key != RECORD else ["web-2"]
    assert sorted(one.rollout.rollout_id for one in store.list()) == names
    assert sorted(one.rollout.rollout_id for one in store.unfinished()) == names
    assert [one.rollout_id for one in store.unreadable_open()] == ([] if key != RECORD else ["web-1"])


def test_a_folder_that_this_user_may_not_read_is_an_unreadable_rollout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = DirectoryPlace(tmp_path / "state")
    place.open().save(record())
    place.open().save(record("web-2"))
    denied, scandir, opened = place.directory / "rollouts" / "web-1", os.scandir, os.open

    def scan(path: Path) -> object:
        if Path(path) == denied:
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    def open_(path: Path, *arguments: object, **more: object) -> int:
        if denied in Path(path).parents:
            raise PermissionError(13, "Permission denied")
        return opened(path, *arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "scandir", scan)
    monkeypatch.setattr(os, "open", open_)
    store = place.open()

    assert [one.rollout.rollout_id for one in store.list()] == ["web-2"]
    (unreadable,) = store.unreadable()
    assert unreadable.rollout_id == "web-1"
    assert "this user has no permission" in unreadable.reason
    assert unreadable.may_hold([WEB])


ITEMS = {
    "no-data": {"version": {"S": "1"}},
    "no-version": {"data": {"B": b"x"}},
    "text-as-data": {"data": {"S": "x"}, "version": {"S": "1"}},
    "nothing": {},
}


@pytest.mark.parametrize("item", ITEMS.values(), ids=ITEMS)
def test_an_item_with_other_attributes_hides_no_other_rollout(item: dict) -> None:
    with mock_aws():
        place = DynamoPlace()
        store = place.open()
        store.save(record("web-2"))
        for partition, key in (("rollouts", "web-1/record.json"), ("open", "web-1.json"), ("fleets", "x.json")):
            name = {"pk": {"S": partition}, "sk": {"S": key}}
            place.wire.client("dynamodb").put_item(TableName=place.TABLE, Item={**name, **item})

        assert [one.rollout.rollout_id for one in store.list()] == ["web-2"]
        assert [one.rollout.rollout_id for one in store.unfinished()] == ["web-2"]
        (unreadable,) = store.unreadable()
        assert "was not written by awsroll" in unreadable.reason
        assert unreadable.may_hold_any_fleet


ODD_KEYS = (
    "rollouts/", "rollouts", "rollouts//record.json", "rollouts/ü\x1b[31m/record.json", "rollouts/a/b/c",
    "rollouts/web-9", "open/", "open/x/y.json", "open/\u202e.json", "fleets/", "fleets/odd key.json",
)  # fmt: skip


def test_odd_keys_in_a_bucket_hide_no_rollout() -> None:
    with mock_aws():
        place = S3Place()
        store = place.open()
        store.save(record())
        for key in ODD_KEYS:
            place.put(key, b"x")

        assert [one.rollout.rollout_id for one in store.list()] == ["web-1"]
        assert [one.rollout.rollout_id for one in store.unfinished()] == ["web-1"]
        assert store.unreadable() == store.unreadable_open() == ()
