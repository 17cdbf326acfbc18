"""A store of the version before: ended rollouts can be read, an unfinished one is never overlooked."""

from dataclasses import replace
from pathlib import Path

import pytest

from awsroll.core.model.status import Mode, Outcome
from awsroll.core.model.user_requests import UserRequests
from awsroll.errors import OldItemError, UntrustedItemError
from awsroll.ports import Record
from awsroll.stores.envelope import Envelope
from awsroll.stores.signing import FileSigner
from tests.stores.places import Place
from tests.stores.records import record

BEFORE = Envelope(name="record", format=2)


def put(place: Place, key: str, value: object) -> None:
    place.put(key, BEFORE.seal(value))


def put_rollout(place: Place, rollout_id: str, *, ended: bool) -> Record:
    one = replace(record(rollout_id), revision=3)
    if ended:
        one = replace(one, status=replace(one.status, mode=Mode.ENDED, outcome=Outcome.SUCCEEDED))
    put(place, f"rollouts/{rollout_id}/record.json", one)
    put(place, f"rollouts/{rollout_id}/user_requests.json", UserRequests(approved=1))
    put(place, f"open/{rollout_id}.json", {"at": "2026-01-01T00:00:00Z", "token": "x"})
    return one


def test_an_unfinished_rollout_is_refused_by_name_with_advice(place: Place) -> None:
    put_rollout(place, "web-1", ended=False)
    store = place.open()

    for use in (store.unfinished, lambda: store.load("web-1")):
        with pytest.raises(OldItemError, match="finish it with the version that began it") as refusal:
            use()
        assert place.location("rollouts/web-1/record.json") in str(refusal.value)
    assert store.list() == ()
    assert len(store.unreadable()) == 1


def test_a_rollout_that_has_ended_is_read_and_keeps_no_other_from_starting(place: Place) -> None:
    ended = put_rollout(place, "web-1", ended=True)
    store = place.open()

    assert store.load("web-1") == ended
    assert store.unfinished() == ()
    assert store.list() == (ended,)


def test_a_rollout_that_has_ended_is_reopened_in_the_new_layout(place: Place) -> None:
    ended = put_rollout(place, "web-1", ended=True)
    store = place.open()
    loaded = store.load("web-1")
    saved = store.save(replace(loaded, status=replace(loaded.status, mode=Mode.ROLLING, outcome=Outcome.RUNNING)))

    assert saved.revision == ended.revision + 1
    assert place.open().load("web-1") == saved


def test_with_a_key_nothing_of_the_version_before_is_trusted(place: Place, tmp_path: Path) -> None:
    put_rollout(place, "web-1", ended=True)
    (tmp_path / "key").write_bytes(b"k" * 32)
    (tmp_path / "key").chmod(0o600)
    place.signer = FileSigner(tmp_path / "key")

    with pytest.raises((OldItemError, UntrustedItemError)):
        place.open().load("web-1")


def test_the_record_of_a_still_older_version_is_refused(place: Place) -> None:
    place.put("rollouts/web-1/record.json", Envelope(name="record", format=1).seal(record()))

    with pytest.raises(OldItemError, match="format 1"):
        place.open().load("web-1")


def test_a_stray_item_hides_no_rollout(place: Place) -> None:
    place.open().save(record())
    for key in ("rollouts/stray.json", "rollouts/web-2/more/record.json", "rollouts/-/record.json"):
        place.put(key, b"{}")

    assert [one.rollout.rollout_id for one in place.open().list()] == ["web-1"]
    assert place.open().unreadable() == ()
