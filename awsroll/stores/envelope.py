"""Values as JSON with a format number and a checksum.

The content decides which servers may be terminated, so nothing here guesses: bytes that are truncated, edited, or
written by a newer awsroll are refused. The caller adds the location and what to do.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from awsroll.errors import SpecError
from awsroll.stores.value_bounds import bounds_problem

Content = TypeVar("Content")


class DamagedError(Exception):
    """Raised when the bytes are not what `seal` wrote; the message gives the cause."""


class OldFormatError(DamagedError):
    """Raised when an older awsroll wrote the bytes."""


def _nothing_more(_: bytes) -> Mapping[str, object]:
    return {}


def _unchecked(_: bytes, __: Mapping[str, object]) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """The envelope of one kind of content.

    Attributes:
        name: the JSON key of the content, and its name in errors.
        format: the number of the format that this version writes and reads.
        is_indented: it is for people; a record that is written at each step is not.
    """

    name: str
    format: int
    is_indented: bool = True

    def seal(self, content: object, more: Callable[[bytes], Mapping[str, object]] = _nothing_more) -> bytes:
        """Return the content as JSON, with its format number and checksum.

        Args:
            content: the content.
            more: returns further keys of the envelope, from the canonical bytes of the content.
        """
        body = _canonical(content)
        envelope = {"format": self.format, "checksum": _checksum(body), **more(body), self.name: msgspec.Raw(body)}
        encoded = msgspec.json.encode(envelope)
        return (msgspec.json.format(encoded, indent=1) if self.is_indented else encoded) + b"\n"

    def unseal(
        self,
        data: bytes,
        content: type[Content],
        check: Callable[[bytes, Mapping[str, object]], None] = _unchecked,
    ) -> Content:
        """Return the content that `seal` wrote.

        Args:
            data: the bytes.
            content: the type of the content.
            check: called with the canonical bytes of the content and the envelope, before the content is decoded.

        Raises:
            DamagedError: if the bytes are not complete, unedited, and in a format that this version reads.
        """
        envelope = self._open(data)
        body = _canonical(envelope.get(self.name))
        if envelope.get("checksum") != _checksum(body):
            problem = "it was edited or damaged since it was written (its checksum does not match)"
            raise DamagedError(problem)
        check(body, envelope)
        try:
            value = msgspec.json.decode(body, type=content)
        except (msgspec.ValidationError, SpecError) as error:
            problem = f"a value in it is not valid ({error})"
            raise DamagedError(problem) from error
        if problem := bounds_problem(body, value):
            problem = f"a value in it is not valid ({problem})"
            raise DamagedError(problem)
        return value

    def _open(self, data: bytes) -> dict[str, Any]:
        try:
            envelope = msgspec.json.decode(data, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            problem = f"it is truncated or not a JSON object ({error})"
            raise DamagedError(problem) from error
        written = envelope.get("format")
        if isinstance(written, int) and written > self.format:
            problem = f"a newer awsroll wrote it (format {written}; this version reads {self.format}): use that version"
            raise DamagedError(problem)
        if isinstance(written, int) and written < self.format:
            problem = (
                f"an older awsroll wrote it (format {written}; this one reads {self.format}): finish it with the "
                "version that began it"
            )
            raise OldFormatError(problem)
        if written != self.format:
            problem = f"it is not a {self.name} of awsroll (unknown format number)"
            raise DamagedError(problem)
        return envelope


def _canonical(content: object) -> bytes:
    # Sorted keys: the checksum depends on the content, not on its layout.
    return msgspec.json.encode(content, order="sorted")


def _checksum(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"
