"""The lines of a recording as compressed bytes, and back within a bound. `zcat` shows them."""

import zlib
from collections.abc import Iterable

from awsroll.recording.documents import DocumentError

MOST_TEXT = 512 * 1024 * 1024
"""The most bytes of the text of a recording: a small file may not become a large one in memory."""
_GZIP = 31  # wbits of zlib


class Packer:
    """Compresses lines as they come."""

    def __init__(self) -> None:
        self._packer = zlib.compressobj(wbits=_GZIP)
        self._packed = bytearray()

    def add(self, line: str) -> None:
        """Add a line."""
        self._packed += self._packer.compress(f"{line}\n".encode())

    def packed(self) -> bytes:
        """Return all lines so far, compressed."""
        return bytes(self._packed) + self._packer.copy().flush()


def packed(lines: Iterable[str]) -> bytes:
    """Return lines, compressed."""
    packer = Packer()
    for line in lines:
        packer.add(line)
    return packer.packed()


def unpacked(data: bytes) -> tuple[str, ...]:
    """Return the lines of compressed bytes. The last part may have been cut off, as by a crash.

    Raises:
        DocumentError: if they are not the compressed lines of a text, or too many.
    """
    text, left = bytearray(), data
    while left:
        reader = zlib.decompressobj(wbits=_GZIP)
        try:
            text += reader.decompress(left, MOST_TEXT - len(text))
        except zlib.error as error:
            problem = f"it is damaged or not a gzip file ({error})"
            raise DocumentError(problem) from error
        if reader.unconsumed_tail:
            problem = f"it has more than {MOST_TEXT} bytes of text"
            raise DocumentError(problem)
        left = reader.unused_data
    try:
        whole, _, _ = text.decode().rpartition("\n")
    except UnicodeDecodeError as error:
        problem = "it is not a text"
        raise DocumentError(problem) from error
    return tuple(whole.split("\n")) if whole else ()
