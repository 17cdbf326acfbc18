"""A record that outgrows an item of DynamoDB is stored in several. A crash at any call loses nothing."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from awsroll.errors import StaleRecordError, StateError
from awsroll.ports import Record
from awsroll.stores import RecordStore, dynamodb_parts
from awsroll.stores.dynamodb_parts import is_part
from tests.stores.places import DynamoPlace
from tests.stores.records import record
from tests.stores.wire import lost_answer

_WRITES = ("put_item", "delete_item")


class _KilledError(BaseException):
    """The process dies here."""


@pytest.fixture
def place() -> Iterator[DynamoPlace]:
    with mock_aws(), patch.object(dynamodb_parts, "PART_BYTES", 300):
        yield DynamoPlace()


def _later(before: Record, reason: str) -> Record:
    return replace(before, status=replace(before.status, reason=reason))


def _keys(place: DynamoPlace) -> list[str]:
    items = place.wire.client("dynamodb").scan(TableName=place.TABLE)["Items"]
    return sorted(item["sk"]["S"] for item in items if item["pk"]["S"] == "rollouts")


def _kill(place: DynamoPlace, at: int, *, after: bool) -> None:
    """Let the process die at a writing call, counted from 0, before or after it takes effect."""
    made = 0

    def fault(call: Callable[[], Any]) -> Any:
        nonlocal made
        made += 1
        if made <= at:
            return call()
        with suppress(ClientError):
            if after:
                call()
        raise _KilledError

    place.wire.faults = {name: [fault] * (at + 1) for name in _WRITES}


def _saved(place: DynamoPlace) -> tuple[RecordStore, Record]:
    store = place.open()
    return store, store.save(record())


def test_a_large_record_comes_back_and_leaves_no_old_parts(place: DynamoPlace) -> None:
    store, first = _saved(place)
    second = store.save(_later(first, "because"))

    assert place.open().load("web-1") == second
    keys = _keys(place)
    assert len(keys) > 2
    assert [key for key in keys if not is_part(key)] == ["web-1/record.json"]
    assert len({key.split("-")[-2] for key in keys if is_part(key)}) == 1
    assert [one.rollout.rollout_id for one in store.list()] == ["web-1"]


def test_a_record_that_becomes_small_again_has_no_parts(place: DynamoPlace) -> None:
    store, first = _saved(place)
    with patch.object(dynamodb_parts, "PART_BYTES", 400_000):
        second = store.save(first)

    assert (_keys(place), place.open().load("web-1")) == (["web-1/record.json"], second)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_process_that_dies_at_any_call_leaves_the_old_or_the_new_record(place: DynamoPlace, *, after: bool) -> None:
    _, kept = _saved(place)
    outcomes = list[bool]()
    for at in range(20):
        store = place.open()
        changed = replace(_later(store.load("web-1"), f"write {at}"), revision=kept.revision)
        _kill(place, at, after=after)
        try:
            kept = store.save(changed)
        except _KilledError:
            place.wire.faults = {}
            found = place.open().load("web-1")
            assert found in (kept, replace(changed, revision=changed.revision + 1))
            outcomes.append(found != kept)
            kept = found
        else:
            break
        finally:
            place.wire.faults = {}
    else:
        pytest.fail("no write was complete")

    assert place.open().load("web-1") == kept
    assert outcomes == sorted(outcomes)  # the old record, up to the call that writes the head; then the new one
    assert {*outcomes} == {False, True}


def test_a_lost_answer_of_the_head_is_settled(place: DynamoPlace) -> None:
    store, first = _saved(place)
    parts = sum(map(is_part, _keys(place)))
    place.wire.faults = {"put_item": [*[lambda call: call()] * parts, lost_answer]}
    second = store.save(_later(first, "again"))

    assert place.open().load("web-1") == second
    assert sum(map(is_part, _keys(place))) == parts


def test_the_slower_of_two_writers_does_not_touch_the_parts_of_the_winner(place: DynamoPlace) -> None:
    store, first = _saved(place)
    winner = place.open().save(_later(first, "winner"))

    with pytest.raises(StaleRecordError):
        store.save(_later(first, "too late"))
    assert place.open().load("web-1") == winner


def test_a_reader_that_meets_a_write_reads_the_new_record(place: DynamoPlace) -> None:
    store, first = _saved(place)
    written = list[Record]()

    def meet(call: Callable[[], Any]) -> Any:
        head = call()
        place.wire.faults = {}
        written.append(store.save(_later(first, "meanwhile")))
        return head

    reader = place.open()
    place.wire.faults = {"get_item": [meet]}
    assert reader.load("web-1") == written[0]


def test_a_missing_part_is_an_error_and_never_an_older_record(place: DynamoPlace) -> None:
    store, _ = _saved(place)
    client = place.wire.client("dynamodb")
    part = next(filter(is_part, _keys(place)))
    client.delete_item(TableName=place.TABLE, Key={"pk": {"S": "rollouts"}, "sk": {"S": part}})

    with pytest.raises(StateError, match=r"a part of the item .* is missing; nothing was changed"):
        store.load("web-1")


def test_data_for_more_than_ten_items_is_refused_before_anything_is_written(place: DynamoPlace) -> None:
    store, first = _saved(place)
    before = _keys(place)

    with (
        patch.object(dynamodb_parts, "PART_BYTES", 20),
        pytest.raises(StateError, match=r"more than 10 items of DynamoDB; nothing was written"),
    ):
        store.save(_later(first, "too large"))
    assert _keys(place) == before
    assert place.open().load("web-1") == first
