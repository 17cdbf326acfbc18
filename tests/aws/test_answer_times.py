"""The clients of awsroll parse times fast and as botocore does; the other clients of a session are unchanged."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import boto3
import pytest
from botocore.utils import parse_timestamp

from awsroll.aws.answer_times import parse_time, parsing_times
from awsroll.sandbox.inprocess import sandbox_session
from awsroll.sandbox.repeated_answers import parser_factory


@pytest.mark.parametrize(
    "value",
    [
        "2026-01-01T12:00:00Z",
        "2026-01-01T12:00:00.123Z",
        "2026-01-01T12:00:00.123456Z",
        "2026-01-01T12:00:00+02:00",
        "20260101T120000Z",
        "Thu, 01 Jan 2026 12:00:00 GMT",
        1767268800,
        1767268800.25,
        "1767268800",
        "20260101",
        -1.5,
    ],
)
def test_each_format_gives_the_time_that_botocore_gives(value: Any) -> None:
    assert parse_time(value) == parse_timestamp(value)


def test_a_time_has_a_zone() -> None:
    assert parse_time("2026-01-01T12:00:00").tzinfo is UTC
    assert parse_time("2026-01-01T12:00:00+02:00") == datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))


def test_what_is_no_time_is_refused_as_by_botocore() -> None:
    with pytest.raises(ValueError, match="soon"):
        parse_time("soon")


def test_only_the_clients_of_the_block_use_the_parser() -> None:
    session = boto3.Session(aws_access_key_id="none", aws_secret_access_key="none", region_name="eu-west-1")
    components: Any = session._session
    before: Any = components.get_component("response_parser_factory")
    with parsing_times(session):
        inside: Any = components.get_component("response_parser_factory")

    assert inside.create_parser("ec2")._timestamp_parser is parse_time
    assert components.get_component("response_parser_factory") is before
    assert before.create_parser("ec2")._timestamp_parser is not parse_time


def test_the_clients_in_the_sandbox_keep_its_memory_of_parsed_answers() -> None:
    session = sandbox_session("us-east-1")
    own: Any = session._session.get_component("response_parser_factory")
    with parsing_times(session):
        assert session._session.get_component("response_parser_factory") is own is parser_factory()


def test_a_session_of_another_kind_is_left_alone() -> None:
    with parsing_times(object()):
        pass
    assert parse_time(0) == datetime(1970, 1, 1, tzinfo=UTC)
