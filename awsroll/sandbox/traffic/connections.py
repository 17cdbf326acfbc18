"""The client side of a kept-alive HTTP connection, and a pool of them.

The balancer has pools of connections to instances; the load generator has one to the balancer. A connection carries one
request at a time. Failed requests are not retried; the caller counts them.
"""

import asyncio

from awsroll.sandbox.traffic import wire
from awsroll.sandbox.traffic.listener import LOOPBACK


class Connection:
    """One open connection to a loopback port."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        self._reader = reader
        self._writer = writer
        self._idle_since = asyncio.get_running_loop().time()
        self.port = port
        self.cut_because = ""
        """Why this side cut the connection during a request; empty if it did not."""

    @classmethod
    async def open(cls, port: int) -> "Connection":
        """Return a new connection, or raise ConnectionRefusedError if no server listens on the port."""
        reader, writer = await asyncio.open_connection(LOOPBACK, port, limit=wire.HEAD_LIMIT_BYTES)
        return cls(reader, writer, port)

    async def exchange(self, request: wire.Request) -> wire.Response:
        """Send the request and return the complete response.

        Raises:
            ConnectionError: the other side reset the connection.
            asyncio.IncompleteReadError: the connection ended before the response.
        """
        self._writer.write(request.render())
        await self._writer.drain()
        response = await wire.read_response(self._reader, method=request.method)
        self._idle_since = asyncio.get_running_loop().time()
        return response

    def is_usable(self, *, idle_seconds: float) -> bool:
        """Return whether the connection is open and was used within the last `idle_seconds`."""
        idle = asyncio.get_running_loop().time() - self._idle_since
        return idle < idle_seconds and not (self._reader.at_eof() or self._writer.is_closing())

    def cut(self, because: str) -> None:
        """Abort the connection, so that the exchange in progress fails."""
        self.cut_because = because
        self._writer.transport.abort()

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()


class ConnectionPool:
    """The idle connections of a client to a server, most recently used first.

    Args:
        idle_seconds: the longest idle time of a reused connection. Keep it below the server's idle timeout, so that no
            request uses a connection that the server is closing.
    """

    def __init__(self, *, idle_seconds: float) -> None:
        self._idle_seconds = idle_seconds
        self._idle: list[Connection] = []

    async def take(self, port: int) -> Connection:
        """Return a connection to `port`, from the pool or new."""
        while self._idle:
            connection = self._idle.pop()
            if connection.port == port and connection.is_usable(idle_seconds=self._idle_seconds):
                return connection
            connection.close()
        return await Connection.open(port)

    def give_back(self, connection: Connection) -> None:
        """Return a connection to the pool after a successful exchange."""
        self._idle.append(connection)

    def close(self) -> None:
        """Close the idle connections. Their users close the others."""
        while self._idle:
            self._idle.pop().close()
