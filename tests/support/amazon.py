"""Connections to AWS that never reach it: answered by botocore's Stubber, by the sandbox, or by nobody."""

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
    """A connection whose calls go nowhere: stub its clients before making any."""
    return Connection(session(), clock=options.pop("clock", VirtualClock()), **options)


def client_of(aws: Connection, service: str) -> Any:
    return aws._clients.client(service)


@contextmanager
def stubbed(aws: Connection, service: str) -> Iterator[Stubber]:
    """Answer a service's calls with what is queued; every queued answer must have been asked for at the end."""
    with Stubber(client_of(aws, service)) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@contextmanager
def sandbox(**options: Any) -> Iterator[tuple[Sandbox, Connection]]:
    """A sandbox in virtual time, and a connection to it."""
    with Sandbox(clock=VirtualClock(), options=SandboxOptions(**options)) as made:
        yield made, Connection(made.session(), clock=made.clock)


class Requests:
    """The requests that a sandbox is sent, as its services see them."""

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
    """A listener that fails the first call of an operation, and lets all others through."""
    left = [failure]

    def fail(service: str, name: str, _: Any) -> None:
        if f"{service}:{name}" == operation and left:
            raise left.pop()

    return fail
