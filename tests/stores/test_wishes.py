"""What people want of a rollout is kept beside its record, whoever says it and how many at once."""

from dataclasses import replace

import pytest

from awsroll.core.model.user_requests import UserRequests
from awsroll.errors import RolloutNotFoundError, StateError
from awsroll.stores import RecordStore
from tests.stores.places import Place
from tests.stores.records import record


def test_nobody_has_said_anything_at_first(store: RecordStore) -> None:
    store.save(record())

    assert store.user_requests("web-1") == UserRequests()


def test_a_wish_is_heard_in_another_process_and_changes_no_record(place: Place) -> None:
    saved = place.open().save(record())

    said = place.open().change_user_requests("web-1", lambda user_requests: replace(user_requests, pause=True))

    assert said == UserRequests(pause=True)
    assert place.open().user_requests("web-1") == said
    assert place.open().load("web-1") == saved


def test_wishes_add_up(store: RecordStore) -> None:
    store.save(record())
    for _ in range(3):
        store.change_user_requests(
            "web-1", lambda user_requests: replace(user_requests, approved=user_requests.approved + 1)
        )
    store.change_user_requests("web-1", lambda user_requests: replace(user_requests, abort=True))

    assert store.user_requests("web-1") == UserRequests(abort=True, approved=3)


def test_two_wishes_at_once_are_both_kept(place: Place) -> None:
    first, second = place.open(), place.open()
    first.save(record())
    seen = []

    def approve(user_requests: UserRequests) -> UserRequests:
        seen.append(user_requests)
        if len(seen) == 1:
            second.change_user_requests("web-1", lambda theirs: replace(theirs, pause=True))
        return replace(user_requests, approved=user_requests.approved + 1)

    assert first.change_user_requests("web-1", approve) == UserRequests(pause=True, approved=1)
    assert seen == [UserRequests(), UserRequests(pause=True)]


def test_who_never_gets_a_turn_is_told(place: Place) -> None:
    first, second = place.open(), place.open()
    first.save(record())

    def outrun(user_requests: UserRequests) -> UserRequests:
        second.change_user_requests("web-1", lambda theirs: replace(theirs, approved=theirs.approved + 1))
        return replace(user_requests, pause=True)

    with pytest.raises(StateError, match="others keep writing"):
        first.change_user_requests("web-1", outrun)
    assert not first.user_requests("web-1").pause


def test_a_wish_that_changes_nothing_writes_nothing(place: Place) -> None:
    place.open().save(record())

    place.open().change_user_requests("web-1", lambda user_requests: user_requests)

    assert place.look("rollouts/web-1/wishes.json") is None


def test_an_unknown_rollout_cannot_be_wished_anything(place: Place) -> None:
    with pytest.raises(RolloutNotFoundError, match="no rollout web-7"):
        place.open().change_user_requests("web-7", lambda user_requests: replace(user_requests, pause=True))
    assert place.look("rollouts/web-7/wishes.json") is None


def test_wishes_of_one_rollout_are_not_those_of_another(store: RecordStore) -> None:
    for name in ("web-1", "web-2"):
        store.save(record(name))
    store.change_user_requests("web-1", lambda user_requests: replace(user_requests, rollback=True, rejected=True))

    assert store.user_requests("web-2") == UserRequests()
