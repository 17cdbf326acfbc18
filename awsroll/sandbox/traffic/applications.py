"""The applications on the instances: one real HTTP server per instance and traffic port.

A server listens while its application is up. When the instance stops, or a reload restarts the application with another
version, the server resets its connections and their requests are lost. Draining prevents this loss. A request
`/?hold=SECONDS` takes that long, in wall-clock time.
"""

import asyncio
import random
from functools import partial
from typing import assert_never
from urllib.parse import parse_qs, urlsplit

from awsroll.sandbox.instance import Health
from awsroll.sandbox.traffic import wire
from awsroll.sandbox.traffic.feed import InstanceFact
from awsroll.sandbox.traffic.listener import Listener

INSTANCE_HEADER = "x-instance-id"
VERSION_HEADER = "x-version"
CAUSE_HEADER = "x-cause"
"""The header of a failed response that describes the cause."""

LONGEST_HOLD_SECONDS = 900.0


class _Application:
    """The application of one instance: a listener for each port on which it is up."""

    def __init__(self, fact: InstanceFact) -> None:
        self.fact = fact
        self.listeners: dict[int, Listener] = {}
        self._random = random.Random(fact.instance_id)  # noqa: S311 (no secret)

    async def apply(self, fact: InstanceFact) -> None:
        """Apply a fact: listen on the ports that answer, and restart the application if the version changes."""
        restarted = self.fact.version != fact.version
        self.fact = fact
        if restarted:
            await asyncio.gather(*(listener.reset_connections() for listener in self.listeners.values()))
        for port, health in fact.answers.items():
            if health is Health.REFUSES:
                if (listener := self.listeners.pop(port, None)) is not None:
                    await listener.close()
            elif port not in self.listeners:
                listener = Listener(partial(self._answer, port))
                await listener.open()
                self.listeners[port] = listener

    async def close(self) -> None:
        """Stop listening on every port."""
        await asyncio.gather(*(listener.close() for listener in self.listeners.values()))
        self.listeners.clear()

    async def _answer(self, port: int, request: wire.Request) -> wire.Response:
        """Return the response of the version that runs when the request arrives."""
        fact = self.fact
        headers = {INSTANCE_HEADER: fact.instance_id, VERSION_HEADER: fact.version}
        match fact.answers[port]:
            case Health.HEALTHY:
                await asyncio.sleep(_held_seconds(request.path))
                if self._random.random() < fact.error_share:
                    return wire.Response(status=500, headers={**headers, CAUSE_HEADER: "the application failed"})
                return wire.Response(headers=headers, body=f"{fact.instance_id} {fact.version}\n".encode())
            case Health.UNHEALTHY:
                refusal = {**headers, CAUSE_HEADER: "the application is unhealthy"}
                return wire.Response(status=503, headers=refusal)
            case Health.NEVER_ANSWERS | Health.REFUSES:
                await asyncio.Event().wait()
                raise AssertionError  # the event is never set: the wait ends by cancellation
            case unknown:
                assert_never(unknown)


class InstanceServers:
    """Starts and stops the servers by facts about the instances."""

    def __init__(self) -> None:
        self._applications: dict[str, _Application] = {}

    async def apply(self, fact: InstanceFact) -> None:
        """Apply the current state of an instance: listen, restart or stop listening."""
        application = self._applications.setdefault(fact.instance_id, _Application(fact))
        await application.apply(fact)
        if not application.listeners:
            del self._applications[fact.instance_id]

    def address(self, instance_id: str, port: int) -> int | None:
        """Return the loopback port of a traffic port, or None if no server listens there."""
        application = self._applications.get(instance_id)
        listener = application.listeners.get(port) if application else None
        return listener.port if listener else None

    def healthy_version(self, instance_id: str) -> str | None:
        """Return the version that the instance serves, or None unless it is healthy on all its ports."""
        application = self._applications.get(instance_id)
        if application is None or set(application.fact.answers.values()) != {Health.HEALTHY}:
            return None
        return application.fact.version

    async def close(self) -> None:
        """Stop every server."""
        while self._applications:
            _, application = self._applications.popitem()
            await application.close()


def _held_seconds(path: str) -> float:
    requested = parse_qs(urlsplit(path).query).get("hold", ["0"])[-1]
    try:
        return min(max(float(requested), 0.0), LONGEST_HOLD_SECONDS)
    except ValueError:
        return 0.0
