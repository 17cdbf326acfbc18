"""What a place must do to keep state: bytes under keys, by compare-and-swap."""

import pytest

from awsroll.errors import AwsUnansweredError
from awsroll.stores.shelf import Entry, Shelf, ShelfConflictError
from tests.stores.places import Place
from tests.stores.wire import lost_answer, lost_request, refused

KEY = "rollouts/a/record.json"
PUTS = ("put_object", "put_item")
DELETES = ("delete_object", "delete_item")
MORE_THAN_RETRIED = 20


@pytest.fixture
def shelf(place: Place) -> Shelf:
    return place.open().shelf


def test_what_was_written_is_read_by_everybody(place: Place, shelf: Shelf) -> None:
    version = shelf.write(KEY, b"one", None)

    assert place.open().shelf.read(KEY) == Entry(data=b"one", version=version)
    assert shelf.read("rollouts/b/record.json") is None


def test_a_write_needs_the_version_that_it_replaces(shelf: Shelf) -> None:
    first = shelf.write(KEY, b"one", None)
    second = shelf.write(KEY, b"two", first)

    for expected in (None, first, "0" * 32):
        with pytest.raises(ShelfConflictError, match="written by somebody else"):
            shelf.write(KEY, b"three", expected)
    assert shelf.read(KEY) == Entry(data=b"two", version=second)


def test_what_was_deleted_is_not_written_anew(shelf: Shelf) -> None:
    version = shelf.write(KEY, b"one", None)
    shelf.delete(KEY, version)

    with pytest.raises(ShelfConflictError):
        shelf.write(KEY, b"two", version)
    assert shelf.read(KEY) is None


def test_a_delete_needs_the_version_that_it_deletes(shelf: Shelf) -> None:
    first = shelf.write(KEY, b"one", None)
    second = shelf.write(KEY, b"two", first)

    with pytest.raises(ShelfConflictError):
        shelf.delete(KEY, first)
    assert shelf.read(KEY) == Entry(data=b"two", version=second)


def test_keys_are_those_of_the_folder_in_order(shelf: Shelf) -> None:
    assert shelf.keys("rollouts/") == ()
    for key in ("rollouts/b/record.json", "fleets/x.json", "rollouts/a/wishes.json", "rollouts/a/record.json"):
        shelf.write(key, b"{}", None)

    assert shelf.keys("rollouts/") == ("rollouts/a/record.json", "rollouts/a/wishes.json", "rollouts/b/record.json")


def test_a_place_that_was_made_ready_is_left_clean(place: Place) -> None:
    store = place.open()

    store.create()
    store.create()

    assert store.shelf.keys("probes/") == ()
    assert store.list() == ()


# --- answers that are lost on the way, for the places that AWS keeps ----------------------------------------------


@pytest.mark.parametrize("before", [None, b"zero"], ids=["first-write", "later-write"])
def test_a_write_that_is_answered_no_after_its_own_lost_success_is_a_success(remote: Place, before: bytes) -> None:
    shelf = remote.open().shelf
    expected = None if before is None else shelf.write(KEY, before, None)
    remote.wire.faults = {name: [lost_answer] for name in PUTS}

    version = shelf.write(KEY, b"one", expected)

    assert shelf.read(KEY) == Entry(data=b"one", version=version)


def test_a_write_whose_request_was_lost_is_made_again(remote: Place) -> None:
    shelf = remote.open().shelf
    remote.wire.faults = {name: [lost_request] for name in PUTS}

    version = shelf.write(KEY, b"one", None)

    assert shelf.read(KEY) == Entry(data=b"one", version=version)


def test_equal_bytes_of_somebody_else_are_not_taken_for_our_own_write(remote: Place) -> None:
    mine, other = remote.open().shelf, remote.open().shelf
    first = mine.write(KEY, b"zero", None)
    other.write(KEY, b"one", first)

    with pytest.raises(ShelfConflictError):
        mine.write(KEY, b"one", first)


def test_a_write_that_nobody_answered_is_replaced_by_its_writer_when_it_turns_up(remote: Place) -> None:
    shelf = remote.open().shelf
    first = shelf.write(KEY, b"zero", None)
    remote.wire.faults = {name: [lost_answer, *[lost_request] * MORE_THAN_RETRIED] for name in PUTS}
    with pytest.raises(AwsUnansweredError):
        shelf.write(KEY, b"one", first)
    remote.wire.faults = {}

    version = shelf.write(KEY, b"two", first)

    assert shelf.read(KEY) == Entry(data=b"two", version=version)


def test_a_write_that_nobody_answered_gives_way_to_somebody_else(remote: Place) -> None:
    mine, other = remote.open().shelf, remote.open().shelf
    first = mine.write(KEY, b"zero", None)
    remote.wire.faults = {name: [lost_request] * MORE_THAN_RETRIED for name in PUTS}
    with pytest.raises(AwsUnansweredError):
        mine.write(KEY, b"one", first)
    remote.wire.faults = {}
    other.write(KEY, b"theirs", first)

    with pytest.raises(ShelfConflictError):
        mine.write(KEY, b"two", first)


def test_a_delete_whose_answer_was_lost_has_deleted(remote: Place) -> None:
    shelf = remote.open().shelf
    version = shelf.write(KEY, b"one", None)
    remote.wire.faults = {name: [lost_answer] for name in DELETES}

    shelf.delete(KEY, version)

    assert shelf.read(KEY) is None


def test_a_write_that_met_another_one_under_way_is_made_again(remote: Place) -> None:
    remote.wire.faults = {
        "put_object": [refused("ConditionalRequestConflict", 409)] * 2,
        "put_item": [refused("TransactionConflictException", 400)] * 2,
    }

    remote.open().shelf.write(KEY, b"one", None)

    assert remote.look(KEY) == b"one"
    assert len([name for name in remote.wire.calls if name in PUTS]) == 3
