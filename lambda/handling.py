"""What all handlers share: the event checked, the log set up, errors named, the answer made plain.

A handler is a function of a checked event; `handles` makes it what AWS Lambda calls.
"""

import functools
import logging
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar, get_type_hints

import msgspec
import structlog
import structlog.tracebacks

from awsroll.core.model.observation import Observation
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Status
from awsroll.errors import AwsrollError
from named import InvalidEvent, named

LONGEST_MESSAGE = 1000
"""Characters: Step Functions hands a message on, and a state must not grow beyond what it may."""

Event = TypeVar("Event")
Answer = TypeVar("Answer")

structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        # Without the values of variables: an event may hold credentials.
        structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False)),
        structlog.processors.JSONRenderer(),
    ],
    wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    logger_factory=structlog.PrintLoggerFactory(sys.stdout),
    cache_logger_on_first_use=False,
)
log = structlog.get_logger()


class LogSink:
    """Tells what happens as one JSON line each. Fits `awsroll.ports.Sink`."""

    def event(self, name: str, at: datetime, **fields: object) -> None:
        """Log one fact."""
        log.info(name, at=at.isoformat(), **fields)

    def observed(self, rollout: Rollout, observation: Observation, status: Status) -> None:
        """Say nothing of looks: there are many."""


def handles(kind: type[Event]) -> Callable[[Callable[[Event, Any], Answer]], Callable[[Any, Any], Any]]:
    """Make a handler of AWS Lambda out of a function of a checked event and the Lambda context."""

    def made(function: Callable[[Event, Any], Answer]) -> Callable[[Any, Any], Any]:
        @functools.wraps(function)
        def handler(event: Any, context: Any = None) -> Any:
            structlog.contextvars.clear_contextvars()
            structlog.contextvars.bind_contextvars(request_id=str(getattr(context, "aws_request_id", "")))
            try:
                checked = check(event, kind)
                structlog.contextvars.bind_contextvars(rollout_id=getattr(checked, "rollout_id", ""))
                return msgspec.to_builtins(function(checked, context))
            except AwsrollError as error:
                failure = named(error)
                log.warning("handler.failed", error=type(failure).__name__, message=str(error))
                raise type(failure)(_short(str(failure))) from error

        handler.event_type = kind  # type: ignore[attr-defined]  # the schema is made of it
        return handler

    return made


def _short(message: str) -> str:
    return message if len(message) <= LONGEST_MESSAGE else f"{message[: LONGEST_MESSAGE - 1]}…"


def check(event: Any, kind: type[Event]) -> Event:
    """Return an event as its type; unknown keys, missing ones and wrong types are refused.

    Raises:
        InvalidEvent: naming the key.
    """
    try:
        checked = msgspec.convert(event, kind, strict=True)
    except msgspec.ValidationError as error:
        problem = f"{error}; nothing was changed"
        raise InvalidEvent(problem) from error
    # A misspelt limit must not be passed over. Structs say so themselves; dataclasses do not.
    unknown = sorted(set(event) - set(get_type_hints(kind)))
    if unknown:
        problem = f"the event has unknown keys ({', '.join(unknown)}); nothing was changed"
        raise InvalidEvent(problem)
    return checked


def seconds_left(context: Any) -> float:
    """Return how much time the Lambda function has left, in seconds; a minute where nothing tells."""
    left = getattr(context, "get_remaining_time_in_millis", None)
    return 60.0 if left is None else float(left()) / 1000
