"""Sinks for the events of a rollout: several sinks at once, a log, or one JSON object for each line.

A sink never stops a rollout: if its reader is gone, it drops the events.
"""

import json
import logging
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any, TextIO

from awsroll.core.model.observation import Observation
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Status
from awsroll.ports import Sink
from awsroll.printable import printable

_SHOWN_WITHOUT_KEY = ("instance_id", "instance_ids", "message", "rollout_id", "cause", "change")
_IN_MESSAGES = ("checkpoint", "checkpoints", "updated", "servers", "command")  # the message says the same
_VERSIONS = ("from_version", "to_version", "from_name", "to_name")
_USUAL_ANSWER = "done"
_UNDECIDED = "running"
_WARNINGS = frozenset(
    {
        "aws.fallback",
        "aws.unanswered",
        "fleet.refused",
        "hook.left",
        "budget.awaited",
        "lease.awaited",
        "preflight.warning",
        "rollout.failure",
        "rollout.paused",
        "rollout.stopping",
        "rollout.warning",
        "wave.failed",
        "wave.stopped",
        "wave.warning",
    }
)
_LOGGER = logging.getLogger("awsroll")


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


class RolloutIds:
    """Adds the id of its rollout to each event. Only the events that begin a rollout carry it by themselves.

    Of many fleets, each has a rollout of its own: the field `fleet_name` tells which.
    """

    def __init__(self) -> None:
        self._known: dict[object, object] = {}

    def added_to(self, fields: Mapping[str, object]) -> dict[str, object]:
        """Return the fields of an event with `rollout_id` first, if the rollout has begun."""
        fleet = fields.get("fleet_name", "")
        if "rollout_id" in fields:
            self._known[fleet] = fields["rollout_id"]
        return {"rollout_id": self._known[fleet], **fields} if fleet in self._known else dict(fields)


class LogLines:
    """Logs each event as one line with the standard library, at the levels INFO and WARNING.

    Args:
        logger: the logger; None: the logger `awsroll`. Each log record has the attributes `event`, the event's name,
            `at`, its time in UTC, and `fields`, its fields.
    """

    def __init__(self, logger: logging.Logger | None = None) -> None:
        self._logger = _LOGGER if logger is None else logger
        self._rollouts = RolloutIds()

    def event(self, name: str, at: datetime, **fields: object) -> None:
        """Log one line."""
        level = logging.WARNING if name in _WARNINGS else logging.INFO
        known = self._rollouts.added_to(fields)
        if self._logger.isEnabledFor(level):
            extra = {"event": name, "at": at, "fields": known}
            self._logger.log(level, "%s", printable(in_words(name, fields)), extra=extra)

    def observed(self, rollout: Rollout, observation: Observation, status: Status) -> None:
        """Log nothing: an observation alone is not an event."""


class JsonLines:
    """Writes each event as one line of JSON, with `event`, `at` (RFC 3339, UTC) and `rollout_id` (null if none).

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
        self._rollouts = RolloutIds()
        self._on_failure = on_failure

    def event(self, name: str, at: datetime, **fields: object) -> None:
        """Write one line."""
        if not self._open:
            return
        try:
            self._log.info(name, at=rfc3339(at), **{"rollout_id": None, **self._rollouts.added_to(fields)})
        except (OSError, ValueError) as error:  # the reader is gone, or the stream is closed: the rollout continues
            self._open = False
            if self._on_failure is not None:
                self._on_failure(error)

    def observed(self, rollout: Rollout, observation: Observation, status: Status) -> None:
        """Write nothing: observations are for views."""


def in_words(name: str, fields: dict[str, object]) -> str:
    """Return an event as one readable line, such as `instance deregistered: i-0abc, reason outdated`."""
    shown = {key: value for key, value in fields.items() if value not in (None, "", (), [], _USUAL_ANSWER)}
    if shown.get("outcome") == _UNDECIDED:
        del shown["outcome"]
    if "to_name" in shown:
        shown = _with_versions(shown)
    if "message" in shown:
        shown = {key: value for key, value in shown.items() if key not in _IN_MESSAGES}
    details = [_detail(key, value) for key, value in shown.items()]
    fact = name.replace(".", " ")
    return f"{fact}: {', '.join(details)}" if details else fact


def _with_versions(fields: Mapping[str, object]) -> dict[str, object]:
    """Return the fields of a start with its versions as people read them: `web:1 -> web:3`."""
    versions = f"{fields.get('from_name', '(none)')} -> {fields['to_name']}"
    return {key: value for key, value in fields.items() if key not in _VERSIONS} | {"versions": versions}


def _detail(key: str, value: object) -> str:
    text = " ".join(str(item) for item in value) if isinstance(value, (tuple, list)) else str(value)
    return text if key in _SHOWN_WITHOUT_KEY else f"{key.replace('_', ' ')} {text}"


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
