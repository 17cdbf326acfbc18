"""The time of AWS, from the `Date` header of its answers."""

from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from awsroll.aws.aws_time import AwsTime
from awsroll.testing.clock import VirtualClock


class Wrong(VirtualClock):
    """A clock that is wrong by some seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.by = timedelta(seconds=seconds)

    def now(self) -> datetime:
        return super().now() + self.by

    def true(self) -> datetime:
        return super().now()


def answer(at: datetime) -> dict[str, Any]:
    return {"ResponseMetadata": {"HTTPHeaders": {"date": format_datetime(at, usegmt=True)}}}


@pytest.mark.parametrize("seconds", [240, -240, 0, 3.5])
def test_the_time_is_that_of_aws_to_the_second(seconds: float) -> None:
    clock = Wrong(seconds)
    time = AwsTime(clock)
    for _ in range(20):
        clock.jump(0.3)
        time.note(answer(clock.true()), clock.now())
    assert abs(time.now() - clock.true()) <= timedelta(seconds=1)


def test_a_clock_that_is_right_is_not_corrected() -> None:
    clock = Wrong(0)
    time = AwsTime(clock)
    for _ in range(20):
        sent = clock.now()
        clock.jump(0.7)
        time.note(answer(clock.true() - timedelta(seconds=0.2)), sent)
    assert time.offset == timedelta(0)


@pytest.mark.parametrize("headers", [{}, {"date": ""}, {"date": "soon"}], ids=["none", "empty", "unreadable"])
def test_an_answer_without_a_date_corrects_nothing(headers: dict[str, str]) -> None:
    clock = Wrong(240)
    time = AwsTime(clock)
    time.note({"ResponseMetadata": {"HTTPHeaders": headers}}, clock.now())
    time.note({}, clock.now())
    assert time.offset == timedelta(0)


def test_a_date_that_aws_would_not_accept_a_signature_for_corrects_nothing() -> None:
    clock = Wrong(0)
    time = AwsTime(clock)
    time.note(answer(clock.now() + timedelta(hours=3)), clock.now())
    assert time.offset == timedelta(0)
