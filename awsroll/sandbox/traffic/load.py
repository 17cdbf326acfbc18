"""The load generator: fast and slow requests at a steady rate.

The rate does not depend on responses, as with many independent users, up to a bound on requests in flight. Requests are
not retried: a request that a browser might retry counts as dropped.
"""

import asyncio
import random
from dataclasses import dataclass
from http import HTTPStatus

from awsroll.sandbox.traffic import wire
from awsroll.sandbox.traffic.applications import CAUSE_HEADER, INSTANCE_HEADER, VERSION_HEADER
from awsroll.sandbox.traffic.connections import Connection, ConnectionPool
from awsroll.sandbox.traffic.tally import Tally
from awsroll.sandbox.traffic.traffic_report import Outcome

_MOST_IN_FLIGHT = 512
# Half of the balancer's idle timeout, so that no request uses a connection that the balancer is closing.
_KEEP_SECONDS = 30.0
_ANSWERS = {502: Outcome.BAD_GATEWAY, 503: Outcome.UNAVAILABLE, 504: Outcome.GATEWAY_TIMEOUT}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadShape:
    """The shape of the load. Seconds are wall-clock time."""

    requests_per_second: float
    slow_fraction: float
    """The share of slow requests, 0 to 1."""
    slow_seconds: float
    """How long a slow request takes."""
    patience_seconds: float
    """How long a client waits for the response beyond `slow_seconds`."""


class LoadGenerator:
    """Sends requests to a loopback port while `run()` runs, and reports their results to the tally."""

    def __init__(self, port: int, shape: LoadShape, tally: Tally) -> None:
        self._port = port
        self._shape = shape
        self._tally = tally
        self._pool = ConnectionPool(idle_seconds=_KEEP_SECONDS)
        self._requests: set[asyncio.Task[None]] = set()
        self._random = random.Random(1)  # noqa: S311 (the choice of slow requests is no secret, and must repeat)

    async def run(self) -> None:
        """Send requests until cancelled. Requests in flight continue; `finish()` waits for them."""
        loop = asyncio.get_running_loop()
        interval = 1 / self._shape.requests_per_second
        due = loop.time()
        while True:
            if len(self._requests) < _MOST_IN_FLIGHT:
                request = loop.create_task(self._send(self._choose_hold()))
                self._requests.add(request)
                request.add_done_callback(self._requests.discard)
            # After a stall (such as a laptop's sleep) the missed requests are skipped, not sent in one burst.
            due = max(due + interval, loop.time() - 10 * interval)
            await asyncio.sleep(due - loop.time())

    async def finish(self) -> None:
        """Wait for the requests in flight after `run()` has ended, then close the connections."""
        await asyncio.gather(*self._requests)
        self._pool.close()

    def _choose_hold(self) -> float:
        return self._shape.slow_seconds if self._random.random() < self._shape.slow_fraction else 0.0

    async def _send(self, hold: float) -> None:
        self._tally.request_began()
        request = wire.Request(path=f"/?hold={hold:g}" if hold else "/")
        connection: Connection | None = None
        try:
            async with asyncio.timeout(hold + self._shape.patience_seconds):
                connection = await self._pool.take(self._port)
                response = await connection.exchange(request)
        except TimeoutError:
            self._dropped(Outcome.TIMED_OUT, f"no answer after {hold + self._shape.patience_seconds:g} s")
        except asyncio.IncompleteReadError:
            self._dropped(Outcome.CUT_SHORT, "the connection ended before the complete response")
        except wire.MalformedMessageError as error:
            self._dropped(Outcome.OTHER_ANSWER, str(error))
        except OSError as error:
            outcome = Outcome.RESET if connection else Outcome.REFUSED
            self._dropped(outcome, error.strerror or "the connection was lost")
        else:
            self._count(response)
            self._pool.give_back(connection)
            return
        if connection is not None:
            connection.close()

    def _count(self, response: wire.Response) -> None:
        version = response.headers.get(VERSION_HEADER)
        if response.status == HTTPStatus.OK and version is not None:
            self._tally.request_served(version, response.headers.get(INSTANCE_HEADER))
            return
        outcome = _ANSWERS.get(response.status, Outcome.OTHER_ANSWER)
        cause = response.headers.get(CAUSE_HEADER, f"answered with status {response.status}")
        self._dropped(outcome, cause, response.headers.get(INSTANCE_HEADER))

    def _dropped(self, outcome: Outcome, cause: str, instance_id: str | None = None) -> None:
        self._tally.request_dropped(outcome, cause, instance_id)
