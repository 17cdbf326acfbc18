"""The spans of time of one period: which span holds an instant, and when the next one begins.

All instants are in UTC. A cron expression is in the local time of its period, by the rules of Debian's cron: a time
that the change to summer time skips comes right after the change, and a time that occurs twice counts once, the first
time. A duration is elapsed time, so a window of 8 hours is open for 8 hours on these days too.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from awsroll.core.model.period import Period

_MINUTE = timedelta(minutes=1)
_MOST_STARTS = 100_000  # every minute for the longest duration


class WrongPeriodError(ValueError):
    """A period that cannot be evaluated. The message says why."""


class Spans(Protocol):
    """The spans of one period."""

    def end_of(self, at: datetime) -> datetime | None:
        """Return the end of a span that holds an instant; None if no span holds it."""

    def next_start(self, at: datetime) -> datetime | None:
        """Return when the next span after an instant begins; None if none does."""


@dataclass(frozen=True, slots=True)
class CronSpans:
    """A cron expression in local time, with a duration."""

    cron: str
    zone: tzinfo
    duration: timedelta

    def end_of(self, at: datetime) -> datetime | None:
        """Return the end of the earliest span that holds an instant."""
        for start in self._starts(at - self.duration):
            if start > at:
                return None
            if start + self.duration > at:
                return start + self.duration
        return None

    def next_start(self, at: datetime) -> datetime | None:
        """Return the first start after an instant."""
        return next((start for start in self._starts(at) if start > at), None)

    def _starts(self, after: datetime) -> "_Starts":
        return _Starts(CronSim(self.cron, (after - _MINUTE).astimezone(self.zone)))


@dataclass(slots=True)
class _Starts:
    """The starts of a cron expression, in UTC."""

    simulation: CronSim
    left: int = _MOST_STARTS

    def __iter__(self) -> "_Starts":
        return self

    def __next__(self) -> datetime:
        self.left -= 1
        if self.left < 0:
            raise StopIteration
        return next(self.simulation).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class FixedSpan:
    """One span between two instants."""

    start: datetime
    end: datetime

    def end_of(self, at: datetime) -> datetime | None:
        """Return the end if the span holds an instant."""
        return self.end if self.start <= at < self.end else None

    def next_start(self, at: datetime) -> datetime | None:
        """Return the start if it is still to come."""
        return self.start if at < self.start else None


def spans_of(period: Period) -> Spans:
    """Return the spans of a period that is not a calendar.

    Raises:
        WrongPeriodError: if the time zone is unknown, the cron expression means nothing, or the end is not later.
    """
    zone = _zone(period.time_zone)
    if period.cron:
        return _cron(period, zone)
    start, end = (_instant(text, zone) for text in (period.start, period.end))
    if end <= start:
        problem = f"it ends at {period.end}, which is not after its start at {period.start}"
        raise WrongPeriodError(problem)
    return FixedSpan(start, end)


def local(at: datetime, period: Period) -> str:
    """Return an instant in the local time of a period: `2026-12-01 09:00 CET`."""
    return f"{at.astimezone(_zone(period.time_zone)):%Y-%m-%d %H:%M %Z}"


def _cron(period: Period, zone: tzinfo) -> CronSpans:
    try:
        next(CronSim(period.cron, datetime(2000, 1, 1, tzinfo=UTC)))
    except (CronSimError, AssertionError, ValueError, StopIteration) as error:
        problem = f"cron {period.cron!r} names no time ({str(error) or 'it never comes'})"
        raise WrongPeriodError(problem) from error
    return CronSpans(period.cron, zone, timedelta(seconds=period.duration or 0))


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        problem = f"there is no time zone {name!r}: pass a name such as Europe/Zurich"
        raise WrongPeriodError(problem) from error


def _instant(text: str, zone: tzinfo) -> datetime:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        problem = f"{text} is no date or time ({error})"
        raise WrongPeriodError(problem) from error
