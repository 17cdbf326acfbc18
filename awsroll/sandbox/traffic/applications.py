"""The applications on the instances: one real HTTP server per instance and traffic port.

A server listens while its application is up. When the instance stops, or a reload restarts the application (its version
changes), the server resets every connection it holds, and the requests in them are lost: exactly what draining is there
to prevent. A request may ask to be held: `/?hold=SECONDS`, wall-clock time.
"""

import asyncio
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
"""Set on an answer that is no success: what went wrong, in words."""

LONGEST_HOLD_SECONDS = 900.0


class _Application:
    """The application of one instance: a listener for each port on which it is up."""

    def __init__(self, fact: InstanceFact) -> None:
        self.fact = fact
        self.listeners: dict[int, Listener] = {}

    async def become(self, fact: InstanceFact) -> None:
        """Listen where the fact says so; another version means that the application restarts."""
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
        """Fall silent on every port."""
        await asyncio.gather(*(listener.close() for listener in self.listeners.values()))
        self.listeners.clear()

    async def _answer(self, port: int, request: wire.Request) -> wire.Response:
        """Answer as the version that runs when the request comes in."""
        fact = self.fact
        headers = {INSTANCE_HEADER: fact.instance_id, VERSION_HEADER: fact.version}
        match fact.answers[port]:
            case Health.HEALTHY:
                await asyncio.sleep(_held_seconds(request.path))
                return wire.Response(headers=headers, body=f"{fact.instance_id} {fact.version}\n".encode())
            case Health.UNHEALTHY:
                refusal = {**headers, CAUSE_HEADER: "the application is unhealthy"}
                return wire.Response(status=503, headers=refusal)
            case Health.NEVER_ANSWERS | Health.REFUSES:
                await asyncio.Event().wait()
                raise AssertionError  # nothing sets it: the wait ends by cancellation
            case unknown:
                assert_never(unknown)


class InstanceServers:
    """Starts and stops the servers as facts about the instances come in."""

    def __init__(self) -> None:
        self._applications: dict[str, _Application] = {}

    async def apply(self, fact: InstanceFact) -> None:
        """Take in what an instance is like now: listen, restart or fall silent accordingly."""
        application = self._applications.setdefault(fact.instance_id, _Application(fact))
        await application.become(fact)
        if not application.listeners:
            del self._applications[fact.instance_id]

    def address(self, instance_id: str, port: int) -> int | None:
        """Return the loopback port that stands for a traffic port, or None if nothing listens there."""
        application = self._applications.get(instance_id)
        listener = application.listeners.get(port) if application else None
        return listener.port if listener else None

    def healthy_version(self, instance_id: str) -> str | None:
        """Return the version that the instance serves, or None unless it answers well on all its ports."""
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
    asked = parse_qs(urlsplit(path).query).get("hold", ["0"])[-1]
    try:
        return min(max(float(asked), 0.0), LONGEST_HOLD_SECONDS)
    except ValueError:
        return 0.0
