"""Checks that a store enforces the conditions of writes. Locks and records rely on them.

AWS does. An S3-compatible store may ignore the headers `If-None-Match` and `If-Match`: then two drivers would hold one
fleet, and each would overwrite the record of the other.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from uuid import uuid4

from awsroll.errors import AwsrollError, StateError
from awsroll.stores.record_keys import probe_key
from awsroll.stores.remote_backend import ConditionFailedError, Objects

_CONTENT = b"{}"


def check_conditions(objects: Objects) -> None:
    """Make writes whose conditions do not hold; leave nothing behind.

    Raises:
        StateError: if one of them succeeds; no record and no lock was written.
        AwsError: if the store refuses or does not answer.
    """
    key = probe_key()
    _write_new(objects, key)
    try:
        ignored = tuple(_ignored_conditions(objects, key))
    finally:
        _remove(objects, key)
    if ignored:
        problem = (
            f"{objects.address} ignores conditions ({', '.join(ignored)}), so it cannot keep two drivers apart; no "
            "record and no lock was written. Choose another --state: a bucket of Amazon S3, a table, or a directory"
        )
        raise StateError(problem)


def _write_new(objects: Objects, key: str) -> None:
    with suppress(ConditionFailedError):  # the answer to the first attempt was lost: the item is there
        objects.put(key, _CONTENT, writer=uuid4().hex, expected=None)


def _ignored_conditions(objects: Objects, key: str) -> Iterator[str]:
    wrong = f'"{uuid4().hex}"'
    attempts: dict[str, Callable[[], object]] = {
        "If-None-Match of a write": lambda: objects.put(key, _CONTENT, writer=uuid4().hex, expected=None),
        "If-Match of a write": lambda: objects.put(key, _CONTENT, writer=uuid4().hex, expected=wrong),
        "If-Match of a delete": lambda: objects.remove(key, wrong),
    }
    for condition, attempt in attempts.items():
        try:
            attempt()
        except ConditionFailedError:
            continue
        yield condition


def _remove(objects: Objects, key: str) -> None:
    with suppress(AwsrollError, ConditionFailedError):
        current = objects.get(key)
        if current is not None:
            objects.remove(key, current.version)
