"""Windows and freezes: when a rollout may go on, by cron expressions, dates and change calendars, in any time zone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings, strategies as st

from awsroll.core.model.period import CalendarState, Period, problems_of_periods
from awsroll.schedules import schedule_at, wrong_periods

ZURICH = "Europe/Zurich"
WEEKDAYS = Period(cron="0 9 * * MON-FRI", duration=8 * 3600, time_zone=ZURICH)
CHRISTMAS = Period(start="2026-12-20", end="2027-01-04T08:00", time_zone=ZURICH, name="christmas")


def local(text: str, zone: str = ZURICH, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


def opening(periods: tuple[Period, ...], at: datetime) -> tuple[datetime | None, datetime | None]:
    """Return when the present or the next opening begins and ends."""
    schedule = schedule_at(periods, (), {}, at)
    return (at if schedule.is_open else schedule.changes_at), schedule.closes_at


@pytest.mark.parametrize(
    ("at", "is_open", "changes_at"),
    [
        ("2026-12-01T08:59:59", False, "2026-12-01T09:00"),
        ("2026-12-01T09:00:00", True, "2026-12-01T17:00"),
        ("2026-12-01T16:59:59", True, "2026-12-01T17:00"),
        ("2026-12-01T17:00:00", False, "2026-12-02T09:00"),
        ("2026-12-05T12:00:00", False, "2026-12-07T09:00"),  # a Saturday
        ("2026-12-18T16:00:00", True, "2026-12-18T17:00"),
        ("2026-12-19T12:00:00", False, "2027-01-04T09:00"),  # the freeze ends before the window opens
        ("2027-01-04T08:30:00", False, "2027-01-04T09:00"),
    ],
)
def test_a_window_opens_and_closes_at_its_local_times(at: str, is_open: bool, changes_at: str) -> None:
    schedule = schedule_at((WEEKDAYS,), (CHRISTMAS,), {}, local(at))
    assert (schedule.is_open, schedule.changes_at) == (is_open, local(changes_at))


def test_the_reason_names_what_is_waited_for_in_its_local_time() -> None:
    closed = schedule_at((WEEKDAYS,), (CHRISTMAS,), {}, local("2026-12-01T08:00"))
    assert closed.reason == "the window that opens at 2026-12-01 09:00 CET"
    frozen = schedule_at((WEEKDAYS,), (CHRISTMAS,), {}, local("2026-12-24T10:00"))
    assert frozen.reason == "the end of freeze christmas, to go on at 2027-01-04 09:00 CET"


def test_a_window_keeps_its_local_time_and_its_length_when_the_clocks_change() -> None:
    nightly = Period(cron="30 2 * * *", duration=3600, time_zone=ZURICH)
    # On 2026-03-29 the local time jumps from 02:00 to 03:00: 02:30 does not exist, so the window opens at 03:00.
    assert opening((nightly,), local("2026-03-29T01:00")) == (
        datetime(2026, 3, 29, 1, tzinfo=UTC),
        datetime(2026, 3, 29, 2, tzinfo=UTC),
    )
    # On 2026-10-25 02:30 comes twice: the window opens the first time only.
    first, second = datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    assert opening((nightly,), local("2026-10-25T01:00")) == (first, first + timedelta(hours=1))
    assert not schedule_at((nightly,), (), {}, second).is_open
    day = Period(cron="0 9 * * *", duration=24 * 3600, time_zone=ZURICH)
    assert not schedule_at((day,), (), {}, local("2026-10-25T08:30")).is_open  # 24 hours after 09:00 summer time


def test_windows_that_follow_each_other_are_one_opening() -> None:
    morning = Period(cron="0 9 * * *", duration=3600)
    noon = Period(cron="0 10 * * *", duration=2 * 3600)
    at = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
    assert opening((morning, noon), at) == (at, datetime(2026, 12, 1, 12, tzinfo=UTC))
    always = Period(cron="* * * * *", duration=120)
    assert schedule_at((always,), (), {}, at).is_open


def test_a_calendar_counts_as_a_window_and_as_a_freeze() -> None:
    at, later = datetime(2026, 12, 1, tzinfo=UTC), datetime(2026, 12, 2, tzinfo=UTC)
    prod = Period(calendar="prod")
    closed, opened = (CalendarState(is_open=one, changes_at=later) for one in (False, True))
    for periods in (((prod,), ()), ((), (prod,))):
        waiting = schedule_at(*periods, {"prod": closed}, at)
        assert (waiting.is_open, waiting.changes_at) == (False, later)
        assert "calendar prod" in waiting.reason
        assert schedule_at(*periods, {"prod": opened}, at).changes_at == later
        assert not schedule_at(*periods, {}, at).is_open  # an unknown calendar is closed
        assert not schedule_at(*periods, {"prod": CalendarState(is_open=False)}, at).is_open


@pytest.mark.parametrize(
    ("period", "problem"),
    [
        (Period(cron="0 9 * * FUN", duration=60), "names no time"),
        (Period(cron="0 9 31 2 *", duration=60), "names no time"),
        (Period(cron="1/L 9 * * *", duration=60), "names no time"),
        (Period(cron="0 9 * * *", duration=60, time_zone="Europe/Bern"), "there is no time zone 'Europe/Bern'"),
        (Period(cron="0 9 * * *", duration=60, time_zone="/etc/passwd"), "there is no time zone"),
        (Period(start="2026-12-20", end="2026-12-20"), "which is not after its start"),
        (Period(start="2026-13-20", end="2027-12-20"), "is no date or time"),
    ],
)
def test_a_period_that_means_nothing_is_a_problem_and_is_closed(period: Period, problem: str) -> None:
    (found,) = wrong_periods("freeze", (period,))
    assert found.startswith("freeze 1: ")
    assert problem in found
    assert not schedule_at((), (period,), {}, datetime(2026, 12, 1, tzinfo=UTC)).is_open


def test_a_period_has_one_way_to_give_it() -> None:
    none, both = Period(), Period(cron="0 9 * * *", duration=60, calendar="prod")
    alone, half = Period(cron="0 9 * * *"), Period(start="2026-12-20")
    assert problems_of_periods("window", (none, both, alone, half, WEEKDAYS, CHRISTMAS)) == [
        "window 1: it has no time; pass exactly one of cron, start and calendar",
        "window 2: it has cron and calendar; pass exactly one of cron, start and calendar",
        "window 3: pass cron and duration together",
        "window 4: pass start and end together",
    ]


_ZONES = st.sampled_from([ZURICH, "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "UTC"])
_INSTANTS = st.integers(0, 3 * 366 * 24 * 60).map(
    lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)


@settings(deadline=None, max_examples=60)
@given(hour=st.integers(0, 23), minute=st.integers(0, 59), hours=st.integers(1, 22), zone=_ZONES, at=_INSTANTS)
def test_what_is_closed_opens_when_it_says_and_what_is_open_closes(
    hour: int, minute: int, hours: int, zone: str, at: datetime
) -> None:
    window = Period(cron=f"{minute} {hour} * * *", duration=hours * 3600, time_zone=zone)
    schedule = schedule_at((window,), (), {}, at)
    assert schedule.changes_at is not None
    assert at < schedule.changes_at <= at + timedelta(hours=25)
    assert schedule_at((window,), (), {}, schedule.changes_at).is_open is not schedule.is_open
    just_before = schedule.changes_at - timedelta(seconds=1)
    assert schedule_at((window,), (), {}, max(at, just_before)).is_open is schedule.is_open
