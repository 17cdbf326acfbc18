"""The contract of a backend: bytes under keys, by compare-and-swap."""

import pytest

from awsroll.errors import AwsUnansweredError
from awsroll.stores.backend import Backend, Entry, WriteConflictError
from tests.stores.places import Place
from tests.stores.wire import Fault, lost_answer, lost_request, refused

KEY = "rollouts/a/record.json"
PUTS = ("put_object", "put_item")
DELETES = ("delete_object", "delete_item")
MORE_THAN_RETRIED = 20


@pytest.fixture
def backend(place: Place) -> Backend:
    return place.open().backend


def test_every_process_reads_what_was_written(place: Place, backend: Backend) -> None:
    version = backend.write(KEY, b"one", None)

    assert place.open().backend.read(KEY) == Entry(data=b"one", version=version)
    assert backend.read("rollouts/b/record.json") is None


def test_a_write_needs_the_current_version(backend: Backend) -> None:
    first = backend.write(KEY, b"one", None)
    second = backend.write(KEY, b"two", first)

    for expected in (None, first, "0" * 32):
        with pytest.raises(WriteConflictError, match="another process"):
            backend.write(KEY, b"three", expected)
    assert backend.read(KEY) == Entry(data=b"two", version=second)


def test_a_deleted_key_is_not_written_again(backend: Backend) -> None:
    version = backend.write(KEY, b"one", None)
    backend.delete(KEY, version)

    with pytest.raises(WriteConflictError):
        backend.write(KEY, b"two", version)
    assert backend.read(KEY) is None


def test_a_delete_needs_the_current_version(backend: Backend) -> None:
    first = backend.write(KEY, b"one", None)
    second = backend.write(KEY, b"two", first)

    with pytest.raises(WriteConflictError):
        backend.delete(KEY, first)
    assert backend.read(KEY) == Entry(data=b"two", version=second)


def test_the_keys_of_a_folder_are_listed_in_order(backend: Backend) -> None:
    assert backend.keys("rollouts/") == ()
    for key in ("rollouts/b/record.json", "fleets/x.json", "rollouts/a/user_requests.json", "rollouts/a/record.json"):
        backend.write(key, b"{}", None)

    assert backend.keys("rollouts/") == (
        "rollouts/a/record.json",
        "rollouts/a/user_requests.json",
        "rollouts/b/record.json",
    )


def test_create_leaves_no_probe_behind(place: Place) -> None:
    store = place.open()

    store.create()
    store.create()

    assert store.backend.keys("probes/") == ()
    assert store.list() == ()


# --- lost answers, for the backends in AWS --------------------------------------------------------------------------


@pytest.mark.parametrize("before", [None, b"zero"], ids=["first-write", "later-write"])
def test_a_write_that_is_reported_as_failed_after_its_own_lost_success_has_succeeded(
    remote: Place, before: bytes
) -> None:
    backend = remote.open().backend
    expected = None if before is None else backend.write(KEY, before, None)
    remote.wire.faults = {name: [lost_answer] for name in PUTS}

    version = backend.write(KEY, b"one", expected)

    assert backend.read(KEY) == Entry(data=b"one", version=version)


def test_a_write_whose_request_was_lost_is_repeated(remote: Place) -> None:
    backend = remote.open().backend
    remote.wire.faults = {name: [lost_request] for name in PUTS}

    version = backend.write(KEY, b"one", None)

    assert backend.read(KEY) == Entry(data=b"one", version=version)


def test_equal_bytes_of_another_process_are_not_taken_for_our_own_write(remote: Place) -> None:
    mine, other = remote.open().backend, remote.open().backend
    first = mine.write(KEY, b"zero", None)
    other.write(KEY, b"one", first)

    with pytest.raises(WriteConflictError):
        mine.write(KEY, b"one", first)


def test_an_unanswered_write_that_takes_effect_later_is_replaced_by_its_writer(remote: Place) -> None:
    backend = remote.open().backend
    first = backend.write(KEY, b"zero", None)
    remote.wire.faults = {name: [lost_answer, *[lost_request] * MORE_THAN_RETRIED] for name in PUTS}
    with pytest.raises(AwsUnansweredError):
        backend.write(KEY, b"one", first)
    remote.wire.faults = {}

    version = backend.write(KEY, b"two", first)

    assert backend.read(KEY) == Entry(data=b"two", version=version)


def test_an_unanswered_write_does_not_replace_the_write_of_another_process(remote: Place) -> None:
    mine, other = remote.open().backend, remote.open().backend
    first = mine.write(KEY, b"zero", None)
    remote.wire.faults = {name: [lost_request] * MORE_THAN_RETRIED for name in PUTS}
    with pytest.raises(AwsUnansweredError):
        mine.write(KEY, b"one", first)
    remote.wire.faults = {}
    other.write(KEY, b"other", first)

    with pytest.raises(WriteConflictError):
        mine.write(KEY, b"two", first)


def test_a_delete_whose_answer_was_lost_has_deleted(remote: Place) -> None:
    backend = remote.open().backend
    version = backend.write(KEY, b"one", None)
    remote.wire.faults = {name: [lost_answer] for name in DELETES}

    backend.delete(KEY, version)

    assert backend.read(KEY) is None


@pytest.mark.parametrize(
    ("by_s3", "by_dynamodb"),
    [
        (refused("ConditionalRequestConflict", 409), refused("TransactionConflictException", 400)),
        (refused("OperationAborted", 409), refused("ReplicatedWriteConflictException", 400)),
        (refused("RequestTimeout", 400), refused("RequestTimeout", 400)),
    ],
    ids=["conflict", "replicated", "timeout"],
)
def test_a_write_during_another_write_is_repeated(remote: Place, by_s3: Fault, by_dynamodb: Fault) -> None:
    remote.wire.faults = {"put_object": [by_s3] * 2, "put_item": [by_dynamodb] * 2}

    remote.open().backend.write(KEY, b"one", None)

    assert remote.look(KEY) == b"one"
    assert len([name for name in remote.wire.calls if name in PUTS]) == 3
