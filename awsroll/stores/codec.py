"""What is stored as bytes and back, sealed in an envelope. Where the bytes go is for the shelves.

A record says which of somebody's servers may be terminated, so nothing here guesses: what is cut short, written by a
newer awsroll, or edited is refused with the place where it lies.
"""

from typing import TypeVar

from awsroll.errors import StateError
from awsroll.stores.envelope import DamagedError, Envelope

FORMAT = 1
Kept = TypeVar("Kept")
_ENVELOPE = Envelope(name="record", format=FORMAT)


def encode(value: object) -> bytes:
    """Return a value as indented JSON, with its format number and checksum."""
    return _ENVELOPE.seal(value)


def decode(data: bytes, kind: type[Kept], *, where: str) -> Kept:
    """Read what `encode` wrote; `where` names the place in the error.

    Raises:
        StateError: if it is anything but a whole, unedited value in a format that this version reads.
    """
    try:
        return _ENVELOPE.unseal(data, kind)
    except DamagedError as error:
        problem = f"the record {where} cannot be used: {error}; nothing was changed, and it was left as it is"
        raise StateError(problem) from error
