"""A record as bytes and back. How it is sealed is `envelope`'s; reading and writing files is for `files`."""

from awsroll.errors import StateError
from awsroll.ports import Record
from awsroll.stores.envelope import DamagedError, Envelope

FORMAT = 1
_ENVELOPE = Envelope(name="record", format=FORMAT)


def encode(record: Record) -> bytes:
    """Return the record as indented JSON, with its format number and checksum."""
    return _ENVELOPE.seal(record)


def decode(data: bytes, *, where: str) -> Record:
    """Read what `encode` wrote; `where` names the place in the error.

    Raises:
        StateError: if it is anything but a whole, unedited record in a format that this version reads.
    """
    try:
        return _ENVELOPE.unseal(data, Record)
    except DamagedError as error:
        problem = f"the record {where} cannot be used: {error}; nothing was changed, and the file was left as it is"
        raise StateError(problem) from error
