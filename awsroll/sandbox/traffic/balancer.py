"""A local load balancer: real HTTP on one loopback port, routed as an Application Load Balancer would.

The balancer routes each request separately, also on kept-alive connections. Failed requests get the status of an ALB:
503 for no registered target, 502 for a connection that is refused, reset, or cut at the end of the deregistration
delay, 504 for a timeout. The balancer reads a complete response before it forwards it.
"""

import asyncio
from dataclasses import replace

from awsroll.sandbox.traffic import wire
from awsroll.sandbox.traffic.applications import CAUSE_HEADER, INSTANCE_HEADER, InstanceServers
from awsroll.sandbox.traffic.connections import Connection, ConnectionPool
from awsroll.sandbox.traffic.feed import TargetFact
from awsroll.sandbox.traffic.listener import Listener
from awsroll.sandbox.traffic.target_table import GONE, HEALTHY, TargetKey, TargetTable

IDLE_TIMEOUT_SECONDS = 60.0
"""The default idle timeout of an ALB, for connections to clients and to targets."""

_CUT = "the deregistration delay ended while the request was running"


class Balancer:
    """Routes requests on `port` to the targets of `table`.

    Args:
        table: the target states, which `apply` updates.
        servers: the servers of the targets.
    """

    def __init__(self, table: TargetTable, servers: InstanceServers) -> None:
        self._table = table
        self._servers = servers
        self._listener = Listener(self._answer, idle_seconds=IDLE_TIMEOUT_SECONDS)
        self._pools: dict[TargetKey, ConnectionPool] = {}
        self._in_flight: dict[TargetKey, set[Connection]] = {}

    @property
    def port(self) -> int:
        """The loopback port that clients connect to."""
        return self._listener.port

    def requests_of(self, instance_id: str) -> int:
        """Return how many requests an instance holds. Other threads may ask."""
        held = [connections for key, connections in list(self._in_flight.items()) if key.instance_id == instance_id]
        return sum(map(len, held))

    async def open(self) -> None:
        """Start to accept requests."""
        await self._listener.open()

    def apply(self, fact: TargetFact) -> None:
        """Apply a new target state to the next requests, and cut the requests of a target that is gone."""
        self._table.apply(fact.key, fact.state)
        if fact.state != HEALTHY and (pool := self._pools.pop(fact.key, None)) is not None:
            pool.close()
        if fact.state == GONE:
            for connection in self._in_flight.pop(fact.key, set()):
                connection.cut(_CUT)

    async def close(self) -> None:
        """Stop accepting requests, and close every connection on both sides."""
        await self._listener.close()
        for pool in self._pools.values():
            pool.close()

    async def _answer(self, request: wire.Request) -> wire.Response:
        key = self._table.next_target()
        if key is None:
            return _failure(503, "the target group has no registered target that is in use")
        port = self._servers.address(key.instance_id, key.port)
        if port is None:
            return _failure(502, "connection refused: the application is not up", key)
        try:
            async with asyncio.timeout(IDLE_TIMEOUT_SECONDS):
                return await self._forward(request, key, port)
        except TimeoutError:
            return _failure(504, f"no answer within {IDLE_TIMEOUT_SECONDS:g} s", key)

    async def _forward(self, request: wire.Request, key: TargetKey, port: int) -> wire.Response:
        pool = self._pools.setdefault(key, ConnectionPool(idle_seconds=IDLE_TIMEOUT_SECONDS))
        try:
            connection = await pool.take(port)
        except OSError as error:
            return _failure(502, f"connection refused: {error.strerror}", key)
        in_flight = self._in_flight.setdefault(key, set())
        in_flight.add(connection)
        answered = False
        try:
            response = await connection.exchange(replace(request, closes=False))
            answered = True
        except (ConnectionError, asyncio.IncompleteReadError, wire.MalformedMessageError):
            response = _failure(502, connection.cut_because or "the target closed the connection with the request", key)
        finally:
            in_flight.discard(connection)
            if answered and self._pools.get(key) is pool:
                pool.give_back(connection)
            else:
                connection.close()
        return response


def _failure(status: int, cause: str, key: TargetKey | None = None) -> wire.Response:
    headers = {CAUSE_HEADER: cause, **({INSTANCE_HEADER: key.instance_id} if key else {})}
    return wire.Response(status=status, headers=headers, body=f"{status}: {cause}\n".encode())
