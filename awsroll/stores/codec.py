"""Converts values to bytes and back, sealed in an envelope. The backends store the bytes.

A record decides which servers may be terminated, so nothing here guesses: bytes that are truncated, edited, or written
by a newer awsroll are refused with their location.
"""

from collections.abc import Callable, Mapping
from typing import TypeVar

from awsroll.errors import OldItemError, StateError
from awsroll.stores.decoded_times import has_local_times
from awsroll.stores.envelope import DamagedError, Envelope, OldFormatError

FORMAT = 3
Value = TypeVar("Value")
_NAME = "record"
_ENVELOPE = Envelope(name=_NAME, format=FORMAT, is_indented=False)
_BEFORE_KINDS = Envelope(name=_NAME, format=2)  # all items of a rollout in one folder; records without a digest


def encode(value: object, more: Callable[[bytes], Mapping[str, object]] | None = None) -> bytes:
    """Return a value as JSON, with its format number and checksum; `more` as for `Envelope.seal`."""
    return _ENVELOPE.seal(value) if more is None else _ENVELOPE.seal(value, more)


def decode(
    data: bytes,
    kind: type[Value],
    *,
    location: str,
    check: Callable[[bytes, Mapping[str, object]], None] | None = None,
) -> Value:
    """Return the value that `encode` wrote; `location` is for the error message, `check` as for `Envelope.unseal`.

    Raises:
        OldItemError: if an older awsroll wrote it.
        StateError: if the bytes are not a complete, unedited value in a format that this version reads.
    """
    return _decode(_ENVELOPE, data, kind, location, check)


def decode_before_kinds(data: bytes, kind: type[Value], *, location: str) -> Value:
    """Return the value that the version before the three kinds of items wrote.

    Raises:
        StateError: if the bytes are not a complete, unedited value in that format.
    """
    return _decode(_BEFORE_KINDS, data, kind, location, None)


def _decode(
    envelope: Envelope,
    data: bytes,
    kind: type[Value],
    location: str,
    check: Callable[[bytes, Mapping[str, object]], None] | None,
) -> Value:
    try:
        value = envelope.unseal(data, kind) if check is None else envelope.unseal(data, kind, check)
    except DamagedError as error:
        raised = OldItemError if isinstance(error, OldFormatError) else StateError
        raise raised(_unusable(location, error)) from error
    if has_local_times(value):
        raise StateError(_unusable(location, "a time in it has no time zone"))
    return value


def _unusable(location: str, cause: object) -> str:
    return f"the record {location} cannot be used: {cause}; nothing was changed, also not the record"
