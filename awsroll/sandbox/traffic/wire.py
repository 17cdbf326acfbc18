"""HTTP/1.1 messages as values, read from and written to asyncio streams.

This file implements what the sandbox's servers, balancer and clients need, and curl or a browser in front of them:
bodies by Content-Length, kept-alive connections, bounded sizes. Chunked bodies are refused.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

HEAD_LIMIT_BYTES = 16 * 1024
BODY_LIMIT_BYTES = 1024 * 1024

# The headers of a single connection, which a balancer does not forward.
_HOP_HEADERS = frozenset({"connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade", "content-length"})


class MalformedMessageError(ValueError):
    """A message is not valid HTTP/1.1, not supported, or too large."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request. Header names are lower case."""

    method: str = "GET"
    path: str = "/"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    closes: bool = False
    """Whether the client wants the connection closed after the response."""

    def render(self) -> bytes:
        """Return the bytes to send on a connection that stays open."""
        return _render(f"{self.method} {self.path} HTTP/1.1", {"host": "127.0.0.1", **self.headers}, self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A response. Header names are lower case."""

    status: int = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def render(self, *, method: str = "GET", closes: bool = False) -> bytes:
        """Return the bytes to send. The response to HEAD has a content length and no body."""
        status = f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}"
        headers = {**self.headers, "connection": "close"} if closes else self.headers
        sent = _render(status, headers, self.body)
        return sent[: len(sent) - len(self.body)] if method == "HEAD" else sent


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """Return the next request, or None if the client closed the connection between two requests.

    Raises:
        MalformedMessageError: the request is not valid.
        asyncio.IncompleteReadError: the connection ended during the request.
    """
    try:
        start, headers = await _read_head(reader)
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None
    words = start.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):  # noqa: PLR2004 (method, path, protocol)
        message = f"not an HTTP/1.1 request line: {start[:80]!r}"
        raise MalformedMessageError(message)
    connection = headers.get("connection", "").lower()
    return Request(
        method=words[0],
        path=words[1],
        closes=connection == "close" or (words[2] == "HTTP/1.0" and connection != "keep-alive"),
        body=await _read_body(reader, headers),
        headers=_without_hop_headers(headers),
    )


async def read_response(reader: asyncio.StreamReader, *, method: str = "GET") -> Response:
    """Return the complete response to a request with `method`.

    Raises:
        MalformedMessageError: the response is not valid.
        asyncio.IncompleteReadError: the connection ended before the response; `partial` has the received bytes.
    """
    start, headers = await _read_head(reader)
    words = start.split(" ", 2)
    if not words[0].startswith("HTTP/1.") or not words[1:2] or not words[1].isdecimal():
        message = f"not an HTTP/1.1 status line: {start[:80]!r}"
        raise MalformedMessageError(message)
    body = b"" if method == "HEAD" else await _read_body(reader, headers)
    return Response(status=int(words[1]), headers=_without_hop_headers(headers), body=body)


def _render(start: str, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [start, *(f"{name}: {value}" for name, value in headers.items()), f"content-length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


async def _read_head(reader: asyncio.StreamReader) -> tuple[str, dict[str, str]]:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError as error:
        message = f"the head of the message is longer than {HEAD_LIMIT_BYTES} bytes"
        raise MalformedMessageError(message) from error
    start, *lines = head[:-4].decode("latin-1").split("\r\n")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            message = f"not a header line: {line[:80]!r}"
            raise MalformedMessageError(message)
        headers[name.lower()] = value.strip()
    return start, headers


async def _read_body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    if "transfer-encoding" in headers:
        message = "bodies need a content-length; transfer-encoding is not supported"
        raise MalformedMessageError(message)
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > BODY_LIMIT_BYTES:
        message = f"content-length {length[:20]!r} is not a number up to {BODY_LIMIT_BYTES}"
        raise MalformedMessageError(message)
    return await reader.readexactly(int(length))


def _without_hop_headers(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in _HOP_HEADERS}
