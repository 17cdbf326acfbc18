"""Converts values to bytes and back, sealed in an envelope. The backends store the bytes.

A record decides which servers may be terminated, so nothing here guesses: bytes that are truncated, edited, or written
by a newer awsroll are refused with their location.
"""

from typing import TypeVar

from awsroll.errors import StateError
from awsroll.stores.envelope import DamagedError, Envelope

FORMAT = 2
Value = TypeVar("Value")
_ENVELOPE = Envelope(name="record", format=FORMAT)


def encode(value: object) -> bytes:
    """Return a value as indented JSON, with its format number and checksum."""
    return _ENVELOPE.seal(value)


def decode(data: bytes, kind: type[Value], *, location: str) -> Value:
    """Return the value that `encode` wrote; `location` is for the error message.

    Raises:
        StateError: if the bytes are not a complete, unedited value in a format that this version reads.
    """
    try:
        return _ENVELOPE.unseal(data, kind)
    except DamagedError as error:
        problem = f"the record {location} cannot be used: {error}; nothing was changed, also not the record"
        raise StateError(problem) from error
