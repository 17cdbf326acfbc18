"""The small files beside a record: the user requests, and the notes of a stepwise driver."""

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from awsroll.core.model.user_requests import UserRequests
from awsroll.errors import StateError
from awsroll.stores import codec
from awsroll.stores.backend import Backend, Entry, WriteConflictError
from awsroll.stores.driver_notes import RolloutRequest, Waiting
from awsroll.stores.record_keys import note_key, user_requests_key

_WRITE_ATTEMPTS = 20
Note = TypeVar("Note", RolloutRequest, Waiting)


def load_user_requests(backend: Backend, rollout_id: str) -> UserRequests:
    """Return the user requests of a rollout; the defaults if there are none.

    Raises:
        StateError: if they cannot be used.
    """
    return _load_user_requests(backend, rollout_id)[0]


def change_user_requests(
    backend: Backend, rollout_id: str, change: Callable[[UserRequests], UserRequests]
) -> UserRequests:
    """Change the user requests of a rollout, safe against concurrent changes; return them as stored.

    Raises:
        StateError: if they cannot be read or written.
    """
    key = user_requests_key(rollout_id)
    for _ in range(_WRITE_ATTEMPTS):
        before, entry = _load_user_requests(backend, rollout_id)
        after = change(before)
        if after == before:
            return before
        try:
            backend.write(key, codec.encode(after), None if entry is None else entry.version)
        except WriteConflictError:
            continue
        return after
    problem = f"other processes keep changing the user requests of rollout {rollout_id}; nothing was changed. Try again"
    raise StateError(problem)


def load_note(backend: Backend, rollout_id: str, kind: type[Note]) -> Note | None:
    """Return a note of a stepwise driver; None if there is none.

    Raises:
        StateError: if it cannot be used.
    """
    key = note_key(rollout_id, kind)
    entry = backend.read(key)
    return None if entry is None else codec.decode(entry.data, kind, location=backend.location(key))


def save_note(backend: Backend, rollout_id: str, note: RolloutRequest | Waiting) -> None:
    """Save a note of a stepwise driver; the last write wins.

    Raises:
        StateError: if it cannot be written.
    """
    key = note_key(rollout_id, type(note))
    for _ in range(_WRITE_ATTEMPTS):
        entry = backend.read(key)
        with suppress(WriteConflictError):
            backend.write(key, codec.encode(note), None if entry is None else entry.version)
            return
    problem = f"other processes keep writing {backend.location(key)}; nothing was changed. Try again"
    raise StateError(problem)


def _load_user_requests(backend: Backend, rollout_id: str) -> tuple[UserRequests, Entry | None]:
    key = user_requests_key(rollout_id)
    entry = backend.read(key)
    if entry is None:
        return UserRequests(), None
    return codec.decode(entry.data, UserRequests, location=backend.location(key)), entry
