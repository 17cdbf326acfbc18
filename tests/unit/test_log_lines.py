"""Events in the log of the standard library, for programs that call awsroll."""

import io
import json
import logging
from datetime import UTC, datetime

import pytest

from awsroll.events import JsonLines, LogLines

AT = datetime(2026, 1, 1, tzinfo=UTC)


def test_each_event_is_one_record_with_its_name_and_fields(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="awsroll")

    LogLines().event("instance.deregistered", AT, instance_id="i-1", reason="outdated")

    (record,) = caplog.records
    assert (record.name, record.levelname) == ("awsroll", "INFO")
    assert record.getMessage() == "instance deregistered: i-1, reason outdated"
    assert vars(record)["event"] == "instance.deregistered"
    assert vars(record)["fields"] == {"instance_id": "i-1", "reason": "outdated"}


def test_warnings_have_their_level_and_text_from_outside_is_escaped(caplog: pytest.LogCaptureFixture) -> None:
    LogLines().event("rollout.warning", AT, message="100 % of \x1b[31m\nforged line")

    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage() == r"rollout warning: 100 % of \x1b[31m\nforged line"


def test_a_given_logger_is_used_and_its_level_holds(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("deploy")
    logger.setLevel(logging.ERROR)

    LogLines(logger).event("rollout.warning", AT, message="unseen")
    logger.setLevel(logging.INFO)
    LogLines(logger).event("instance.serving", AT, instance_id="i-1")

    assert [(record.name, record.getMessage()) for record in caplog.records] == [("deploy", "instance serving: i-1")]


def test_each_later_event_carries_the_id_of_its_rollout_and_each_fleet_has_its_own() -> None:
    stream = io.StringIO()
    lines = JsonLines(stream)

    lines.event("preflight.warning", AT, message="m")
    lines.event("rollout.created", AT, rollout_id="web-1")
    lines.event("instance.serving", AT, instance_id="i-1")
    lines.event("rollout.created", AT, rollout_id="api-1", fleet_name="api")
    lines.event("instance.serving", AT, instance_id="i-2", fleet_name="api")

    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [event.get("rollout_id") for event in events] == [None, "web-1", "web-1", "api-1", "api-1"]
    assert list(events[2]) == ["event", "at", "rollout_id", "instance_id"]
