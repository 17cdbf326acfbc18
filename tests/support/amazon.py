"""Connections for tests that never reach AWS: botocore's Stubber, the sandbox, or nothing answers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3
from botocore.stub import Stubber

from awsroll.aws.connection import Connection
from awsroll.sandbox import Sandbox, SandboxOptions
from awsroll.testing.clock import VirtualClock


@cache
def session() -> Any:
    return boto3.Session(aws_access_key_id="none", aws_secret_access_key="none", region_name="us-east-1")


def connection(**options: Any) -> Connection:
    """Return a connection without an endpoint: stub its clients before making a call."""
    return Connection(session(), clock=options.pop("clock", VirtualClock()), **options)


def client_of(aws: Connection, service: str) -> Any:
    return aws._clients.client(service)


@contextmanager
def stubbed(aws: Connection, service: str) -> Iterator[Stubber]:
    """Answer a service's calls from a queue; fail if answers are left at the end."""
    with Stubber(client_of(aws, service)) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@contextmanager
def sandbox(**options: Any) -> Iterator[tuple[Sandbox, Connection]]:
    """Start a sandbox in virtual time; yield it with a connection to it."""
    with Sandbox(clock=VirtualClock(), options=SandboxOptions(**options)) as made:
        yield made, Connection(made.session(), clock=made.clock)


class Requests:
    """The requests that a sandbox receives."""

    def __init__(self, made: Sandbox) -> None:
        self.seen: list[tuple[str, dict[str, Any]]] = []
        made.on_call(self._note)

    def _note(self, service: str, operation: str, parameters: Any) -> None:
        self.seen.append((f"{service}:{operation}", dict(parameters)))

    def of(self, operation: str) -> list[dict[str, Any]]:
        return [parameters for name, parameters in self.seen if name == operation]

    def clear(self) -> None:
        self.seen.clear()


def once(failure: Exception, operation: str) -> Callable[[str, str, Any], None]:
    """Return a listener that fails the first call of an operation only."""
    left = [failure]

    def fail(service: str, name: str, _: Any) -> None:
        if f"{service}:{name}" == operation and left:
            raise left.pop()

    return fail
