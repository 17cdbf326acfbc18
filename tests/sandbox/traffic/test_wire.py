"""HTTP messages: parsing, limits and connection headers."""

import asyncio

import pytest

from awsroll.sandbox.traffic import wire


def read(sent: bytes) -> wire.Request | None:
    return asyncio.run(_read_request(sent))


async def _read_request(sent: bytes) -> wire.Request | None:
    return await wire.read_request(_reader(sent))


async def _read_response(sent: bytes, method: str) -> wire.Response:
    return await wire.read_response(_reader(sent), method=method)


def _reader(sent: bytes) -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=wire.HEAD_LIMIT_BYTES)
    reader.feed_data(sent)
    reader.feed_eof()
    return reader


def test_a_rendered_request_is_read_back_whole() -> None:
    request = wire.Request(method="POST", path="/a?b=c", headers={"x-one": "1"}, body=b"payload")
    assert read(request.render()) == wire.Request(
        method="POST", path="/a?b=c", headers={"host": "127.0.0.1", "x-one": "1"}, body=b"payload"
    )


def test_a_rendered_response_is_read_back_whole() -> None:
    response = wire.Response(status=502, headers={"x-cause": "reset"}, body=b"sorry")
    assert asyncio.run(_read_response(response.render(), "GET")) == response


def test_the_answer_to_head_has_a_length_and_no_body() -> None:
    sent = wire.Response(body=b"12345").render(method="HEAD")
    assert sent == b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"
    assert asyncio.run(_read_response(sent, "HEAD")).body == b""


def test_a_connection_closed_between_requests_is_no_request() -> None:
    assert read(b"") is None


def test_a_connection_closed_inside_a_request_is_an_error() -> None:
    with pytest.raises(asyncio.IncompleteReadError):
        read(b"GET / HTTP/1.1\r\nhost: a")


@pytest.mark.parametrize(
    ("head", "closes"),
    [
        ("GET / HTTP/1.1\r\n\r\n", False),
        ("GET / HTTP/1.1\r\nConnection: Close\r\n\r\n", True),
        ("GET / HTTP/1.0\r\n\r\n", True),
        ("GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n", False),
    ],
    ids=["http-1.1", "http-1.1-close", "http-1.0", "http-1.0-keep-alive"],
)
def test_the_protocol_and_the_connection_header_say_who_closes(head: str, *, closes: bool) -> None:
    request = read(head.encode())
    assert request is not None
    assert request.closes is closes
    assert "connection" not in request.headers


@pytest.mark.parametrize(
    ("sent", "complaint"),
    [
        (b"hello\r\n\r\n", "not an HTTP/1.1 request line"),
        (b"GET / HTTP/1.1\r\nno colon here\r\n\r\n", "not a header line"),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n", "transfer-encoding is not supported"),
        (b"POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n", "not a number up to"),
        (b"POST / HTTP/1.1\r\ncontent-length: 99999999\r\n\r\n", "not a number up to"),
        (b"GET / HTTP/1.1\r\nx: " + b"y" * wire.HEAD_LIMIT_BYTES + b"\r\n\r\n", "is longer than"),
    ],
    ids=["no-request-line", "no-colon", "chunked", "negative-length", "huge-body", "huge-head"],
)
def test_an_invalid_message_is_refused(sent: bytes, complaint: str) -> None:
    with pytest.raises(wire.MalformedMessageError, match=complaint):
        read(sent)


def test_a_status_line_that_is_none_is_refused() -> None:
    with pytest.raises(wire.MalformedMessageError, match=r"not an HTTP/1\.1 status line"):
        asyncio.run(_read_response(b"SSH-2.0-server\r\n\r\n", "GET"))
