"""What is stored as bytes and back: JSON with a format number and a checksum around the very dataclasses.

A record says which of somebody's servers may be terminated, so nothing here guesses: what is cut short, written by a
newer awsroll, or edited is refused with the place where it lies. Where the bytes go is for the shelves.
"""

import hashlib
from typing import Any, TypeVar

import msgspec

from awsroll.errors import StateError

FORMAT = 1
Kept = TypeVar("Kept")


def encode(value: object) -> bytes:
    """Return a value as indented JSON, with its format number and checksum."""
    body = _canonical(value)
    envelope = {"format": FORMAT, "checksum": _checksum(body), "record": msgspec.Raw(body)}
    return msgspec.json.format(msgspec.json.encode(envelope), indent=1) + b"\n"


def decode(data: bytes, kind: type[Kept], *, where: str) -> Kept:
    """Read what `encode` wrote; `where` names the place in the error.

    Raises:
        StateError: if it is anything but a whole, unedited value in a format that this version reads.
    """
    envelope = _envelope(data, where)
    body = _canonical(envelope.get("record"))
    if envelope.get("checksum") != _checksum(body):
        raise _refused(where, "it was edited or damaged since it was written (its checksum does not match)")
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise _refused(where, f"it does not make sense ({error})") from error


def _envelope(data: bytes, where: str) -> dict[str, Any]:
    try:
        envelope = msgspec.json.decode(data, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise _refused(where, f"it is cut short or no JSON object ({error})") from error
    written = envelope.get("format")
    if isinstance(written, int) and written > FORMAT:
        raise _refused(where, f"a newer awsroll wrote it (format {written}; this one reads {FORMAT}): use that version")
    if written != FORMAT:
        raise _refused(where, "it is no record of awsroll (no known format number)")
    return envelope


def _canonical(value: object) -> bytes:
    # Sorted keys: the checksum must not depend on how the file is laid out, only on what it says.
    return msgspec.json.encode(value, order="sorted")


def _checksum(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def _refused(where: str, why: str) -> StateError:
    return StateError(f"the record {where} cannot be used: {why}; nothing was changed, and it was left as it is")
