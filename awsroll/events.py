"""Sinks for the events of a rollout: several sinks at once, or one JSON object for each line.

A sink never stops a rollout: if its reader is gone, it drops the events.
"""

import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any, TextIO

from awsroll.core.model.observation import Observation
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Status
from awsroll.ports import Sink


class Tee:
    """Passes all events to each of several sinks; without sinks, events are dropped."""

    def __init__(self, *sinks: Sink) -> None:
        self._sinks = sinks

    def event(self, name: str, at: datetime, **fields: object) -> None:
        """Pass on one event."""
        for sink in self._sinks:
            sink.event(name, at, **fields)

    def observed(self, rollout: Rollout, observation: Observation, status: Status) -> None:
        """Pass on one observation."""
        for sink in self._sinks:
            sink.observed(rollout, observation, status)


class JsonLines:
    """Writes each event as one line of JSON, with `event` and `at` (RFC 3339, UTC).

    Args:
        stream: a text stream; each line is flushed, so that a reader can follow.
        on_failure: receives the error if the stream cannot be written.
    """

    def __init__(self, stream: TextIO, *, on_failure: Callable[[Exception], None] | None = None) -> None:
        import structlog  # noqa: PLC0415 - imported only for JSON lines: it is slow

        self._log = structlog.wrap_logger(
            structlog.PrintLogger(stream),
            processors=[structlog.processors.JSONRenderer(serializer=_serialized)],
            wrapper_class=structlog.BoundLogger,
        )
        self._open = True
        self._on_failure = on_failure

    def event(self, name: str, at: datetime, **fields: object) -> None:
        """Write one line."""
        if not self._open:
            return
        try:
            self._log.info(name, at=rfc3339(at), **fields)
        except (OSError, ValueError) as error:  # the reader is gone, or the stream is closed: the rollout continues
            self._open = False
            if self._on_failure is not None:
                self._on_failure(error)

    def observed(self, rollout: Rollout, observation: Observation, status: Status) -> None:
        """Write nothing: observations are for views."""


def rfc3339(at: datetime) -> str:
    """Return an instant as RFC 3339 in UTC, to the millisecond."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _serialized(event: dict[str, Any], **_: Any) -> str:
    first = {"event": event.pop("event"), "at": event.pop("at")}
    return json.dumps(_plain({**first, **event}))


def _plain(value: object) -> object:
    """Return a value as JSON has it, with text as its keys."""
    if isinstance(value, Mapping):
        return {str(_plain(key)): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, set | frozenset):
        return sorted(str(_plain(each)) for each in value)
    return _plain_scalar(value.value if isinstance(value, Enum) else value)


def _plain_scalar(value: object) -> object:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON does not know this number
    return value if value is None or isinstance(value, str | int | float) else str(value)
