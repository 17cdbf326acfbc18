"""Periods: the times at which a rollout may go on (windows), or may not (freezes). Values only.

A period is given in one of three ways: by a cron expression and a duration, by a start and an end, or by the name of a
change calendar of Systems Manager. `awsroll.schedules` evaluates periods for an instant. The core gets the result in
each observation, so that it needs neither a clock nor a table of time zones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from awsroll.core.model.composed_values import Many, Nested
from awsroll.core.model.keys import named as named_keys
from awsroll.core.model.options import option, read_fields
from awsroll.core.model.values import LONGEST_SECONDS, NAME, ONE_LINE, Seconds, Text

_LEAST_SECONDS = 60
_CRON = Text(
    says="five cron fields (minute, hour, day, month, day of the week), such as '0 9 * * MON-FRI'",
    form=r" *[0-9A-Za-z*/,#\-]+(?: +[0-9A-Za-z*/,#\-]+){4} *|",
    most=200,
    metavar="CRON",
)
_LOCAL_TIME = Text(
    says="a date or a time such as 2026-12-20 or 2026-12-20T18:00",
    form=r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?)?)?",
    most=30,
)
_TIME_ZONE = Text(says="the name of a time zone, such as Europe/Zurich", form=r"[A-Za-z0-9_+/\-]+", most=60)
_PERIOD_NAME = Text(says="a name in one line", form=ONE_LINE, most=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """One window or freeze: `cron` with `duration`, or `start` with `end`, or `calendar`. See docs/windows.md."""

    cron: str = option(_CRON, "When it begins: minute, hour, day of the month, month, day of the week.", default="")
    duration: float | None = option(
        Seconds(least=_LEAST_SECONDS, most=LONGEST_SECONDS), "With `cron`: how long it lasts.", default=None
    )
    start: str = option(_LOCAL_TIME, "When it begins, as a date or a local time.", default="")
    end: str = option(_LOCAL_TIME, "With `start`: when it ends.", default="")
    time_zone: str = option(_TIME_ZONE, "Time zone of `cron`, `start` and `end` (default: UTC).", default="UTC")
    calendar: str = option(NAME, "Name or ARN of a change calendar of AWS Systems Manager.", default="")
    name: str = option(_PERIOD_NAME, "Name of the period in messages (default: what it is given by).", default="")

    def __post_init__(self) -> None:
        read_fields(self, where="a period: ")

    @property
    def label(self) -> str:
        """What messages call the period."""
        return self.name or self.calendar or self.cron or self.start


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """What the windows and freezes of a rollout say at the instant of an observation.

    Attributes:
        is_open: the rollout may go on.
        changes_at: when that changes, as far as it is known.
        closes_at: when the present or the next opening ends, as far as it is known.
        reason: if it is closed: what it waits for, such as `the window that opens at 2026-12-01 09:00 CET`.
    """

    is_open: bool = True
    changes_at: datetime | None = None
    closes_at: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarState:
    """The state of a change calendar now.

    Attributes:
        is_open: None if Systems Manager does not know the calendar.
        changes_at: when the state changes next, as far as it is known.
    """

    is_open: bool | None
    changes_at: datetime | None = None


def period_of(values: Mapping[Any, Any]) -> Period:
    """Return the period that plain values define, as a file and an event have it.

    Raises:
        SpecError: if a key is unknown, or a value is wrong.
    """
    given = named_keys(values, [field.name for field in fields(Period)], where="a period", listed_by="awsroll schema")
    return Period(**{name: value for name, value in given.items() if value is not None})


def calendars_of(periods: Sequence[Period]) -> tuple[str, ...]:
    """Return the names of the change calendars of windows and freezes, each once."""
    return tuple(dict.fromkeys(period.calendar for period in periods if period.calendar))


PERIODS = Many(Nested(Period, period_of), wraps=False, most=100)


def problems_of_periods(kind: str, periods: Sequence[Period]) -> list[str]:
    """Return the problems of windows or freezes that concern several values, one line each."""
    problems = []
    for number, period in enumerate(periods, 1):
        what = f"{kind} {period.name or number}"
        kinds = [name for name in ("cron", "start", "calendar") if getattr(period, name)]
        if len(kinds) != 1:
            given = f"it has {' and '.join(kinds)}" if kinds else "it has no time"
            problems.append(f"{what}: {given}; pass exactly one of cron, start and calendar")
        elif bool(period.cron) is (period.duration is None):
            problems.append(f"{what}: pass cron and duration together")
        elif bool(period.start) is not bool(period.end):
            problems.append(f"{what}: pass start and end together")
    return problems
