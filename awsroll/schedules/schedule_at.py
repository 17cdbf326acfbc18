"""The schedule of a rollout at an instant: its windows and freezes together.

A rollout with windows may go on while at least one of them is open. It may not go on in a freeze. A change calendar is
open or closed, as Systems Manager says: closed, it is no window and it is a freeze. Beyond its next transition nothing
is known about it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from awsroll.core.model.period import CalendarState, Period, Schedule
from awsroll.schedules.spans import Spans, WrongPeriodError, local, spans_of

_NEVER = datetime.max.replace(tzinfo=UTC)
_MOST_STEPS = 100  # for windows and freezes that follow each other; what comes after that is not known


def schedule_at(
    windows: Sequence[Period], freezes: Sequence[Period], calendars: Mapping[str, CalendarState], at: datetime
) -> Schedule:
    """Return what windows and freezes say at an instant. What cannot be evaluated is closed."""
    try:
        return _Times.of(windows, freezes, calendars).schedule(at)
    except WrongPeriodError as error:
        return Schedule(is_open=False, reason=f"a window or freeze that awsroll can evaluate: {error}")


def wrong_periods(kind: str, periods: Sequence[Period]) -> list[str]:
    """Return why windows or freezes cannot be evaluated, one line each."""
    problems = []
    for number, period in enumerate(periods, 1):
        if period.calendar:
            continue
        try:
            spans_of(period)
        except WrongPeriodError as error:
            problems.append(f"{kind} {period.name or number}: {error}")
    return problems


@dataclass(frozen=True, slots=True)
class _Calendar:
    """A change calendar, as spans in which it is in a state."""

    state: CalendarState
    holds_open: bool

    def end_of(self, at: datetime) -> datetime | None:
        """Return the end of a span: the next transition, or an instant that never comes."""
        changes_at, is_open = self.state.changes_at, self.state.is_open
        if is_open is None:  # unknown: as a freeze it holds, as a window it does not
            return None if self.holds_open else _NEVER
        if changes_at is not None and at >= changes_at:
            return _NEVER if is_open is not self.holds_open else None
        return (changes_at or _NEVER) if is_open is self.holds_open else None

    def next_start(self, at: datetime) -> datetime | None:
        """Return the next transition, if a span begins there."""
        changes_at = self.state.changes_at
        begins = self.state.is_open is not None and self.state.is_open is not self.holds_open
        return changes_at if begins and changes_at is not None and at < changes_at else None


@dataclass(frozen=True, slots=True)
class _Times:
    windows: list[tuple[Period, Spans]] = field(default_factory=list)
    freezes: list[tuple[Period, Spans]] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        windows: Sequence[Period],
        freezes: Sequence[Period],
        calendars: Mapping[str, CalendarState],
    ) -> "_Times":
        """Return the spans of windows and freezes."""

        def spans(period: Period, *, holds_open: bool) -> Spans:
            if not period.calendar:
                return spans_of(period)
            state = calendars.get(period.calendar, CalendarState(is_open=None))
            return _Calendar(state, holds_open)

        return cls(
            [(period, spans(period, holds_open=True)) for period in windows],
            [(period, spans(period, holds_open=False)) for period in freezes],
        )

    def schedule(self, at: datetime) -> Schedule:
        """Return the schedule at an instant."""
        cause = self.closed_by(at)
        if cause is None:
            closes_at = self.next_close(at)
            return Schedule(is_open=True, changes_at=closes_at, closes_at=closes_at)
        opens_at = self.next_open(at)
        closes_at = None if opens_at is None else self.next_close(opens_at)
        reason = self._words(cause, opens_at)
        return Schedule(is_open=False, changes_at=opens_at, closes_at=closes_at, reason=reason)

    def closed_by(self, at: datetime) -> Period | None:
        """Return what closes an instant: a freeze, or the window that opens next; None if it is open."""
        freeze = next((period for period, spans in self.freezes if spans.end_of(at) is not None), None)
        if freeze is not None:
            return freeze
        if not self.windows or any(spans.end_of(at) is not None for _, spans in self.windows):
            return None
        starts = [(start, number) for number, start in self._window_starts(at)]
        return self.windows[min(starts)[1] if starts else 0][0]

    def next_open(self, at: datetime) -> datetime | None:
        """Return the first open instant after a closed one; None if it is not known."""
        for _ in range(_MOST_STEPS):
            ends = [end for _, spans in self.freezes if (end := spans.end_of(at)) is not None]
            if ends:
                at = max(ends)
                if at == _NEVER:
                    return None
            elif not self.windows or any(spans.end_of(at) is not None for _, spans in self.windows):
                return at
            else:
                starts = [start for _, start in self._window_starts(at)]
                if not starts:
                    return None
                at = min(starts)
        return None

    def next_close(self, at: datetime) -> datetime | None:
        """Return when an open instant ends: at the next freeze, or with the last window of a row; None: never."""
        freezes = [start for _, spans in self.freezes if (start := spans.next_start(at)) is not None]
        ends = [*freezes, *self._end_of_windows(at)]
        return min(ends, default=None)

    def _end_of_windows(self, at: datetime) -> list[datetime]:
        last = at
        for _ in range(_MOST_STEPS):
            ends = [end for _, spans in self.windows if (end := spans.end_of(last)) is not None]
            if not ends:
                return [last] if self.windows else []
            last = max(ends)
            if last == _NEVER:
                return []
        return []

    def _window_starts(self, at: datetime) -> list[tuple[int, datetime]]:
        numbered = enumerate(spans for _, spans in self.windows)
        return [(number, start) for number, spans in numbered if (start := spans.next_start(at)) is not None]

    def _words(self, cause: Period, opens_at: datetime | None) -> str:
        is_freeze = any(period is cause for period, _ in self.freezes)
        when = "" if opens_at is None else local(opens_at, cause)
        if is_freeze:
            ends = f", to go on at {when}" if when else ""
            return f"the end of {'calendar' if cause.calendar else 'freeze'} {cause.label}{ends}"
        what = f"change calendar {cause.calendar}" if cause.calendar else "the window"
        return f"{what} that opens at {when}" if when else f"{what}: no opening is known"
