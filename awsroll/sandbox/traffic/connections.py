"""The client side of a kept-alive HTTP connection, and a pool of them.

The balancer keeps pools towards instances; the load generator keeps one towards the balancer. A connection carries one
request at a time. Nothing here retries: a request that fails has failed, and its caller counts it.
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
        """Why this side ended the connection while a request was on it; empty if it did not."""

    @classmethod
    async def open(cls, port: int) -> "Connection":
        """Connect; raises ConnectionRefusedError when nothing listens there."""
        reader, writer = await asyncio.open_connection(LOOPBACK, port, limit=wire.HEAD_LIMIT_BYTES)
        return cls(reader, writer, port)

    async def exchange(self, request: wire.Request) -> wire.Response:
        """Send the request and return the whole answer.

        Raises:
            ConnectionError: the other side reset the connection.
            asyncio.IncompleteReadError: the connection ended before the answer did.
        """
        self._writer.write(request.render())
        await self._writer.drain()
        response = await wire.read_response(self._reader, method=request.method)
        self._idle_since = asyncio.get_running_loop().time()
        return response

    def is_usable(self, *, idle_seconds: float) -> bool:
        """Say whether another request may be sent: still open, and used within the last `idle_seconds`."""
        idle = asyncio.get_running_loop().time() - self._idle_since
        return idle < idle_seconds and not (self._reader.at_eof() or self._writer.is_closing())

    def cut(self, because: str) -> None:
        """End the connection at once, whatever is on it; the exchange in progress fails."""
        self.cut_because = because
        self._writer.transport.abort()

    def close(self) -> None:
        """End the connection in an orderly way."""
        self._writer.close()


class ConnectionPool:
    """Idle connections of one client to one server, the most recently used first.

    Args:
        idle_seconds: an idle connection older than this is not used again; keep it below the server's own limit, so
            that a request never meets a connection the server is just closing.
    """

    def __init__(self, *, idle_seconds: float) -> None:
        self._idle_seconds = idle_seconds
        self._idle: list[Connection] = []

    async def take(self, port: int) -> Connection:
        """Return a connection to `port`, kept or new."""
        while self._idle:
            connection = self._idle.pop()
            if connection.port == port and connection.is_usable(idle_seconds=self._idle_seconds):
                return connection
            connection.close()
        return await Connection.open(port)

    def give_back(self, connection: Connection) -> None:
        """Keep a connection whose exchange has ended well, for the next request."""
        self._idle.append(connection)

    def close(self) -> None:
        """Close the idle connections; those in use are their user's to end."""
        while self._idle:
            self._idle.pop().close()
