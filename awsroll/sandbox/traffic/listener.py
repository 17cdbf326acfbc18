"""A small HTTP server on a loopback port: accept, read requests, answer, keep the connection.

The servers of the instances and the balancer are listeners with an `answer` function. A listener runs in the event loop
that opens it, binds only 127.0.0.1, and closes its connections at its end.
"""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress

from awsroll.sandbox.traffic import wire

LOOPBACK = "127.0.0.1"
_BACKLOG = 256
# SO_LINGER on, zero seconds: closing sends a reset instead of an orderly end.
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Listener:
    """Serves HTTP on a free loopback port from `open()` until `close()`.

    Args:
        answer: returns the response to a request; it may be slow.
        idle_seconds: the idle timeout between two requests of a connection; None for no timeout.
    """

    def __init__(
        self, answer: Callable[[wire.Request], Awaitable[wire.Response]], *, idle_seconds: float | None = None
    ) -> None:
        self._answer = answer
        self._idle_seconds = idle_seconds
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._is_closed = False
        self.port = 0

    async def open(self) -> None:
        """Bind a free port, set `port`, and accept connections."""
        self._server = await asyncio.start_server(
            self._accept, LOOPBACK, 0, limit=wire.HEAD_LIMIT_BYTES, backlog=_BACKLOG, family=socket.AF_INET
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def reset_connections(self) -> None:
        """Reset every TCP connection, as a killed process does. Their requests are lost."""
        dropped = dict(self._connections)
        for task, writer in dropped.items():
            _reset(writer)
            task.cancel()
        await asyncio.gather(*dropped, return_exceptions=True)

    async def close(self) -> None:
        """Stop listening, then reset the remaining connections."""
        self._is_closed = True
        if self._server is not None:
            self._server.close()
        await self.reset_connections()
        if self._server is not None:
            await self._server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_closed:  # accepted while closing
            _reset(writer)
            return
        # Create the task here: asyncio streams of Python 3.11 log an error for each cancelled task of their own.
        task = asyncio.get_running_loop().create_task(self._serve_connection(reader, writer))
        self._connections[task] = writer
        task.add_done_callback(self._connections.pop)

    async def _serve_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._answer_all(reader, writer)
        except wire.MalformedMessageError as error:
            refusal = wire.Response(status=400, body=f"{error}\n".encode())
            writer.write(refusal.render(closes=True))
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            pass  # the client disconnected or timed out
        finally:
            writer.close()

    async def _answer_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            async with asyncio.timeout(self._idle_seconds):
                request = await wire.read_request(reader)
            if request is None:
                return
            response = await self._answer(request)
            writer.write(response.render(method=request.method, closes=request.closes))
            await writer.drain()
            if request.closes:
                return


def _reset(writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):  # the client has already closed the connection
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    writer.transport.abort()
