"""A boto3 session to moto whose answers can be lost: before the call takes effect, or after."""

from collections.abc import Callable
from functools import cache
from typing import Any

import boto3
from botocore.exceptions import ClientError, ConnectionClosedError

REGION = "us-east-1"
KEYS = {"aws_access_key_id": "AKIAFAKE", "aws_secret_access_key": "fake"}

Fault = Callable[[Callable[[], Any]], Any]


def lost_answer(call: Callable[[], Any]) -> Any:
    """Let the call take effect, and lose its answer."""
    call()
    raise _connection_lost()


def lost_request(call: Callable[[], Any]) -> Any:
    """Lose the call itself."""
    raise _connection_lost()


def refused(code: str, status: int) -> Fault:
    """Answer with an error instead."""

    def fault(call: Callable[[], Any]) -> Any:
        answer = {"Error": {"Code": code, "Message": "made up"}, "ResponseMetadata": {"HTTPStatusCode": status}}
        raise ClientError(answer, "Operation")

    return fault


def _connection_lost() -> Exception:
    return ConnectionClosedError(endpoint_url="https://moto.invalid")


class Wire:
    """A session: what it is asked for goes to moto, through the faults that wait for that call.

    Attributes:
        faults: by the method's name, the next ones first; one that is used up is gone.
        calls: the methods called so far.
    """

    region_name = REGION

    def __init__(self) -> None:
        self.faults: dict[str, list[Fault]] = {}
        self.calls: list[str] = []

    def client(self, service: str, **_: Any) -> Any:
        return _Client(_client(service), self)


class _Client:
    def __init__(self, real: Any, wire: Wire) -> None:
        self._real = real
        self._wire = wire
        self.meta = real.meta

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._real, name)

        def call(**parameters: Any) -> Any:
            self._wire.calls.append(name)
            waiting = self._wire.faults.get(name, [])
            if not waiting:
                return method(**parameters)
            return waiting.pop(0)(lambda: method(**parameters))

        return call


@cache
def _client(service: str) -> Any:
    import moto  # noqa: F401 - clients made before it would miss its hooks

    return boto3.Session(region_name=REGION, **KEYS).client(service)
