"""The small files beside a record: the user requests, and the notes of a stepwise driver."""

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from awsroll.core.model.user_requests import UserRequests
from awsroll.errors import StateError, UntrustedItemError
from awsroll.stores.backend import WriteConflictError
from awsroll.stores.items import Item, Items
from awsroll.stores.record_keys import note_key, user_requests_key

if TYPE_CHECKING:
    from awsroll.stores.driver_notes import Notified, RolloutRequest, Waiting
    from awsroll.stores.fleets_notes import KeptFleet, WavesProgress

_WRITE_ATTEMPTS = 20
Note = TypeVar("Note", "RolloutRequest", "Waiting", "Notified", "WavesProgress", "KeptFleet")
Content = TypeVar("Content")


def load_user_requests(items: Items, rollout_id: str) -> UserRequests:
    """Return the user requests of a rollout; the defaults if there are none.

    Raises:
        StateError: if they cannot be used.
    """
    item = load_item(items, user_requests_key(rollout_id), UserRequests)
    return UserRequests() if item is None else item.value


def change_user_requests(items: Items, rollout_id: str, change: Callable[[UserRequests], UserRequests]) -> UserRequests:
    """Change the user requests of a rollout, safe against concurrent changes; return them as stored.

    Raises:
        StateError: if they cannot be read or written.
    """
    about = f"the user requests of rollout {rollout_id}"
    _, after = change_item(items, user_requests_key(rollout_id), UserRequests(), change, about=about)
    return after


def load_note(items: Items, rollout_id: str, kind: type[Note]) -> Note | None:
    """Return a note of a stepwise driver; None if there is none.

    Raises:
        StateError: if it cannot be used.
    """
    item = load_item(items, note_key(rollout_id, kind), kind)
    return None if item is None else item.value


def save_note(items: Items, rollout_id: str, note: Note) -> None:
    """Save a note of a stepwise driver; the last write wins.

    Raises:
        StateError: if it cannot be written.
    """
    key = note_key(rollout_id, type(note))
    for _ in range(_WRITE_ATTEMPTS):
        item = load_item(items, key, type(note))
        with suppress(WriteConflictError):
            items.replace(key, note, item)
            return
    problem = f"other processes keep writing {items.backend.location(key)}; nothing was changed. Try again"
    raise StateError(problem)


def replace_note(items: Items, rollout_id: str, before: Note | None, note: Note) -> bool:
    """Save a note if the stored note is still `before` (None: there is none); return whether it was saved.

    Raises:
        StateError: if the stored note cannot be used, or the note cannot be written.
    """
    key = note_key(rollout_id, type(note))
    item = load_item(items, key, type(note))
    if before != (None if item is None else item.value):
        return False
    try:
        items.replace(key, note, item)
    except WriteConflictError:
        return False
    return True


def load_item(items: Items, key: str, kind: type[Content]) -> Item[Content] | None:
    """Read a small item; None if there is none.

    Raises:
        StateError: if it cannot be used, or was deleted since this process has read it.
    """
    item = items.read(key, kind)
    if item is None and items.has_seen(key):
        problem = f"{items.backend.location(key)} was deleted while this process used it; nothing was changed"
        raise UntrustedItemError(problem)
    return item


def change_item(
    items: Items, key: str, default: Content, change: Callable[[Content], Content], *, about: str
) -> tuple[Content, Content]:
    """Change a small item, safe against concurrent changes; return its value before and after.

    Args:
        items: the items of the store.
        key: the key.
        default: the value if there is no item.
        change: returns the new value for the stored one; called again after a concurrent change.
        about: what the item is, for a message.

    Raises:
        StateError: if the item cannot be read or written.
    """
    for _ in range(_WRITE_ATTEMPTS):
        item = load_item(items, key, type(default))
        before = default if item is None else item.value
        after = change(before)
        if after == before:
            return before, before
        with suppress(WriteConflictError):
            items.replace(key, after, item)
            return before, after
    problem = f"other processes keep changing {about}; nothing was changed. Try again"
    raise StateError(problem)
