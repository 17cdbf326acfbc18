"""User requests are stored beside the record, from any process and from several at once."""

from dataclasses import replace

import pytest

from awsroll.core.model.user_requests import UserRequests
from awsroll.errors import RolloutNotFoundError, StateError
from awsroll.stores import RecordStore
from tests.stores.places import Place
from tests.stores.records import record


def test_a_new_rollout_has_no_user_requests(store: RecordStore) -> None:
    store.save(record())

    assert store.user_requests("web-1") == UserRequests()


def test_a_request_reaches_another_process_and_changes_no_record(place: Place) -> None:
    saved = place.open().save(record())

    stored = place.open().change_user_requests("web-1", lambda user_requests: replace(user_requests, pause=True))

    assert stored == UserRequests(pause=True)
    assert place.open().user_requests("web-1") == stored
    assert place.open().load("web-1") == saved


def test_requests_add_up(store: RecordStore) -> None:
    store.save(record())
    for _ in range(3):
        store.change_user_requests(
            "web-1", lambda user_requests: replace(user_requests, approved=user_requests.approved + 1)
        )
    store.change_user_requests("web-1", lambda user_requests: replace(user_requests, abort=True))

    assert store.user_requests("web-1") == UserRequests(abort=True, approved=3)


def test_two_requests_at_once_are_both_stored(place: Place) -> None:
    first, second = place.open(), place.open()
    first.save(record())
    seen = []

    def approve(user_requests: UserRequests) -> UserRequests:
        seen.append(user_requests)
        if len(seen) == 1:
            second.change_user_requests("web-1", lambda other: replace(other, pause=True))
        return replace(user_requests, approved=user_requests.approved + 1)

    assert first.change_user_requests("web-1", approve) == UserRequests(pause=True, approved=1)
    assert seen == [UserRequests(), UserRequests(pause=True)]


def test_a_writer_that_always_loses_gets_an_error(place: Place) -> None:
    first, second = place.open(), place.open()
    first.save(record())

    def outrun(user_requests: UserRequests) -> UserRequests:
        second.change_user_requests("web-1", lambda other: replace(other, approved=other.approved + 1))
        return replace(user_requests, pause=True)

    with pytest.raises(StateError, match="other processes keep changing"):
        first.change_user_requests("web-1", outrun)
    assert not first.user_requests("web-1").pause


def test_a_request_that_changes_nothing_writes_nothing(place: Place) -> None:
    place.open().save(record())

    place.open().change_user_requests("web-1", lambda user_requests: user_requests)

    assert place.look("requests/web-1.json") is None


def test_an_unknown_rollout_takes_no_requests(place: Place) -> None:
    with pytest.raises(RolloutNotFoundError, match="no rollout web-7"):
        place.open().change_user_requests("web-7", lambda user_requests: replace(user_requests, pause=True))
    assert place.look("requests/web-7.json") is None


def test_the_requests_of_one_rollout_are_not_those_of_another(store: RecordStore) -> None:
    for name in ("web-1", "web-2"):
        store.save(record(name))
    store.change_user_requests("web-1", lambda user_requests: replace(user_requests, rollback=True, rejected=True))

    assert store.user_requests("web-2") == UserRequests()
