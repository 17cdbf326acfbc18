"""Values as bytes and back: JSON with a format number and a checksum around the very dataclasses of awsroll.

What is kept says which of somebody's servers may be terminated, so nothing here guesses: what is cut short, written by
a newer awsroll, or edited is refused, and the caller says where it lies and what to do.
"""

import hashlib
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

Content = TypeVar("Content")


class DamagedError(Exception):
    """The bytes are not what `seal` wrote; the message says what is wrong with them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One kind of thing that is kept.

    Attributes:
        name: the key that the content stands under, and what it is called in errors.
        format: the number of the layout that this version writes and reads.
    """

    name: str
    format: int

    def seal(self, content: object) -> bytes:
        """Return the content as indented JSON, with its format number and checksum."""
        body = _canonical(content)
        envelope = {"format": self.format, "checksum": _checksum(body), self.name: msgspec.Raw(body)}
        return msgspec.json.format(msgspec.json.encode(envelope), indent=1) + b"\n"

    def unseal(self, data: bytes, content: type[Content]) -> Content:
        """Read what `seal` wrote.

        Raises:
            DamagedError: if it is anything but whole, unedited, and in a format that this version reads.
        """
        envelope = self._open(data)
        body = _canonical(envelope.get(self.name))
        if envelope.get("checksum") != _checksum(body):
            problem = "it was edited or damaged since it was written (its checksum does not match)"
            raise DamagedError(problem)
        try:
            return msgspec.json.decode(body, type=content)
        except msgspec.ValidationError as error:
            problem = f"it does not make sense ({error})"
            raise DamagedError(problem) from error

    def _open(self, data: bytes) -> dict[str, Any]:
        try:
            envelope = msgspec.json.decode(data, type=dict[str, Any])
        except msgspec.DecodeError as error:
            problem = f"it is cut short or no JSON object ({error})"
            raise DamagedError(problem) from error
        written = envelope.get("format")
        if isinstance(written, int) and written > self.format:
            problem = f"a newer awsroll wrote it (format {written}; this one reads {self.format}): use that version"
            raise DamagedError(problem)
        if written != self.format:
            problem = f"it is no {self.name} of awsroll (no known format number)"
            raise DamagedError(problem)
        return envelope


def _canonical(content: object) -> bytes:
    # Sorted keys: the checksum must not depend on how the file is laid out, only on what it says.
    return msgspec.json.encode(content, order="sorted")


def _checksum(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"
