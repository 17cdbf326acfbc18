"""Compresses large items of a remote store, and reads them again within a bound.

A record of 1,000 servers has several hundred kilobytes of JSON, and repeats its keys and identifiers.
"""

import zlib

WORTH_IT = 32 * 1024
"""Smaller items stay readable in the console of AWS."""
LONGEST = 64 * 1024 * 1024
"""The most bytes of an item, far above any true one: a small item may not become a large one in memory."""

_GZIP = 31  # wbits of zlib
_GZIP_OR_ZLIB = 47


def compressed(data: bytes) -> bytes:
    """Return the bytes as gzip, which `gunzip` reads; small ones unchanged."""
    if len(data) < WORTH_IT:
        return data
    packer = zlib.compressobj(wbits=_GZIP)
    return packer.compress(data) + packer.flush()


def decompressed(data: bytes) -> bytes:
    """Return the bytes that `compressed` or zlib has compressed.

    Other bytes, damaged ones and those that would become too long are returned unchanged: decoding them refuses them.
    """
    reader = zlib.decompressobj(wbits=_GZIP_OR_ZLIB)
    try:
        plain = reader.decompress(data, LONGEST)
    except zlib.error:
        return data
    return plain if reader.eof and not reader.unused_data else data
