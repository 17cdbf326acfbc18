"""Parses the times in AWS's answers, for the clients of awsroll only.

botocore tries numbers and RFC 822 dates before the one format that EC2, Elastic Load Balancing and Auto Scaling send,
and does so for each launch time, attach time and activity of a fleet. Its parser factory takes another parser
(`ResponseParserFactory.set_parser_defaults`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

_FACTORY = "response_parser_factory"


def parse_time(value: Any) -> datetime:
    """Return the time of an answer. Other formats than ISO 8601 and seconds are left to botocore."""
    from botocore.utils import parse_timestamp  # noqa: PLC0415  (importing botocore takes 100 ms)

    try:
        if not isinstance(value, str):
            return datetime.fromtimestamp(value, UTC)
        if value[4:5] == "-":  # not a number of seconds, which may look like a date without dashes
            time = datetime.fromisoformat(value)
            return time if time.tzinfo is not None else time.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        pass
    parsed: datetime = parse_timestamp(value)
    return parsed


@contextmanager
def parsing_times(session: Any) -> Iterator[None]:
    """Have the clients that are made in the block parse times with `parse_time`; change no other client of the session.

    A session with a parser factory of its own keeps it.

    Args:
        session: a boto3 session. No other thread may use it in the block.
    """
    inner = getattr(session, "_session", None)
    if inner is None or not hasattr(inner, "register_component"):
        yield  # not boto3's own session
        return
    from botocore.parsers import ResponseParserFactory  # noqa: PLC0415

    before, factory = inner.get_component(_FACTORY), ResponseParserFactory()
    if type(before) is not ResponseParserFactory:
        yield  # for example the sandbox's, which parses no document twice
        return
    factory.set_parser_defaults(timestamp_parser=parse_time)
    inner.register_component(_FACTORY, factory)
    try:
        yield
    finally:
        inner.register_component(_FACTORY, before)
