"""What all handlers share: checked events, the log, named errors, and answers as plain values.

A handler is a function of a checked event. `handles` turns it into the function that AWS Lambda calls.
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
from awsroll.core.model.value_errors import shown
from awsroll.errors import AwsrollError
from named import HandlerError, InvalidEvent, handler_error

LONGEST_MESSAGE = 1000
"""In characters: Step Functions passes messages on, and the size of a state is limited."""

Event = TypeVar("Event")
Answer = TypeVar("Answer")

structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        # Do not log the values of variables: an event may hold credentials.
        structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False)),
        structlog.processors.JSONRenderer(),
    ],
    wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    logger_factory=structlog.PrintLoggerFactory(sys.stdout),
    cache_logger_on_first_use=False,
)
log = structlog.get_logger()


class _Cause(msgspec.Struct, frozen=True, rename="camel"):
    """The cause of an execution's error, as Lambda writes it."""

    error_message: str


class LogSink:
    """Log each event of a rollout as one JSON line. Implements `awsroll.ports.Sink`."""

    def event(self, name: str, at: datetime, **fields: object) -> None:
        """Log an event."""
        log.info(name, at=at.isoformat(), **fields)

    def observed(self, rollout: Rollout, observation: Observation, status: Status) -> None:
        """Do not log observations: there are too many."""


def handles(kind: type[Event]) -> Callable[[Callable[[Event, Any], Answer]], Callable[[Any, Any], Any]]:
    """Turn a function of a checked event and the Lambda context into a handler of AWS Lambda."""

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
                failure = handler_error(error)
                log.warning("handler.failed", error=type(failure).__name__, message=str(error))
                raise type(failure)(_short(str(failure))) from error
            except HandlerError as error:
                raise type(error)(_short(str(error))) from error

        handler.event_type = kind  # type: ignore[attr-defined]  # the schema uses it
        return handler

    return made


def _short(message: str) -> str:
    return message if len(message) <= LONGEST_MESSAGE else f"{message[: LONGEST_MESSAGE - 1]}…"


def check(event: Any, kind: type[Event]) -> Event:
    """Return an event as its type.

    Raises:
        InvalidEvent: if a key is unknown or missing, or a value has the wrong type; with the key.
    """
    try:
        checked = converted(event, kind)
    except ValueError as error:
        problem = f"{error}; nothing was changed"
        raise InvalidEvent(problem) from error
    # A misspelt limit must not be ignored. msgspec checks the keys of structs, but not those of dataclasses.
    unknown = sorted(set(event) - set(get_type_hints(kind)))
    if unknown:
        problem = f"the event has unknown keys ({', '.join(map(shown, unknown))}); nothing was changed"
        raise InvalidEvent(problem)
    return checked


def converted(value: Any, kind: type[Event]) -> Event:
    """Return plain values as their type.

    Raises:
        ValueError: if the values do not have the form of the type, or a text is not Unicode.
    """
    try:
        return msgspec.convert(value, kind, strict=True)
    except UnicodeEncodeError as error:
        problem = f"a text in it is not Unicode ({error.reason})"
        raise ValueError(problem) from error


def readable_cause(cause: str) -> str:
    """Return the message in the cause of a failed call: Lambda's cause is JSON with a stack trace."""
    try:
        return msgspec.json.decode(cause, type=_Cause).error_message
    except ValueError:
        return cause


def seconds_left(context: Any) -> float:
    """Return how many seconds the Lambda function has left; 60 outside of Lambda."""
    left = getattr(context, "get_remaining_time_in_millis", None)
    return 60.0 if left is None else float(left()) / 1000
