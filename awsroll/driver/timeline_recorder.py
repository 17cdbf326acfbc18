"""Keeps the course of a rollout in the store, for the report and for `awsroll watch`.

It receives what every sink receives. It writes what the first observation of a rollout shows, then every 15 seconds, in
a directory every 2 seconds, and at the end of a process. A failure to write that lasts ends the recording with a
warning, and never the rollout.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from awsroll.core.model.observation import Observation
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Status
from awsroll.core.timeline.lines import Frame, call_lines, continued, event_line, full_line, read_course
from awsroll.core.timeline.picture import picture
from awsroll.errors import AwsrollError
from awsroll.ports import Clock
from awsroll.stores import Segment, TimelineFiles

if TYPE_CHECKING:
    from awsroll.stores.items import Item

_OBSERVATION_SECONDS = 0.2  # the shortest time between two observations that are recorded
_SEGMENT_CHARACTERS = 64_000  # beyond its opening
_MOST_SEGMENTS = 64
_PATIENCE_SECONDS = 60.0
_MOST_PER_NAME = 100  # events of one name from one process
_IN_LANES = ("instance.", "instances.", "group.instances-", "group.standby-", "command.")
_CALLS = "a "


Warn = Callable[[str], None]


def no_warning(_: str) -> None:
    """Drop a warning."""


def cause_of(error: Exception) -> str:
    """Return what failed: the first sentence of an error. The others are for a rollout that stops."""
    return str(error).split(". ", 1)[0]


class CountedCalls(Protocol):
    """The AWS calls of a process."""

    @property
    def by_operation(self) -> Mapping[str, int]:
        """The number of calls, by operation."""


class TimelineRecorder:
    """A sink that keeps the course of one rollout.

    Args:
        clock: measures the time between two writes.
        warn: receives the reason if the course cannot be kept.

    Attributes:
        continues: whether another process has kept the course before.
    """

    def __init__(self, clock: Clock, warn: Warn = no_warning) -> None:
        self._clock = clock
        self._warn = warn
        self._files: TimelineFiles | None = None
        self._frame: Frame | None = None
        self._early: list[tuple[str, datetime, Mapping[str, object]]] = []
        self._lines: list[str] = []
        self._calls: Counter[str] = Counter()
        self._counted: CountedCalls | None = None
        self._counts_written: Mapping[str, int] = {}
        self._names: Counter[str] = Counter()
        self._number = 0
        self._item: Item[Segment] | None = None
        self._opening = 0
        self._written_at = self._observed_at = float("-inf")
        self._has_news = False
        self._failing_since: float | None = None
        self._patience = _PATIENCE_SECONDS
        self.continues = False

    def keep_in(self, files: TimelineFiles) -> None:
        """Name the place of the timeline. The lease of the rollout is held."""
        self._files = files

    def begin(self, started_at: datetime, calls: CountedCalls) -> None:
        """Continue the timeline of a rollout, or begin it."""
        self._counted = calls
        if self._files is None or self._frame is not None:
            return
        try:
            count = self._files.count()
            self.continues = count > 0
            self._number = max(0, count - 1)
            self._item = self._files.read(self._number) if count else None
        except (AwsrollError, OSError) as error:
            self._give_up(error)
            return
        stored = () if self._item is None else self._item.value.lines
        self._opening = 0 if self._item is None else self._item.value.opening
        self._calls.update(read_course(started_at, stored).calls)
        self._lines = [line for line in stored if not line.startswith(_CALLS)]
        self._frame = continued(started_at, stored)
        for name, at, fields in self._early:
            self.event(name, at, **fields)
        if self.continues:
            self._written_at = self._clock.monotonic()

    def event(self, name: str, at: datetime, **fields: object) -> None:
        """Keep an event, unless the lane of a server shows it."""
        if self._frame is None:
            self._early.append((name, at, fields))
            return
        is_usual = fields.get("answer") in (None, "done")
        if is_usual and name.startswith(_IN_LANES):
            return
        self._names[name] += 1
        if self._names[name] <= _MOST_PER_NAME:
            self._add(event_line(self._frame.seconds(at), name, fields))

    def observed(self, rollout: Rollout, observation: Observation, status: Status) -> None:
        """Keep what an observation changes."""
        if self._frame is None or self._files is None:
            return
        now = self._clock.monotonic()
        if now - self._observed_at < _OBSERVATION_SECONDS and status.ended_at is None:
            return
        self._observed_at = now
        for line in self._frame.add(picture(rollout, observation, status), observation.at):
            self._add(line)
        if self._has_news and now - self._written_at >= self._files.write_seconds:
            self._write(observation.at)

    def finish(self) -> None:
        """Write what is not written yet."""
        if self._frame is not None and self._files is not None:
            self._patience = 0.0  # nothing writes again
            self._write(self._clock.now())

    def _add(self, line: str) -> None:
        self._lines.append(line)
        self._has_news = True

    def _write(self, at: datetime) -> None:
        if self._files is None or self._frame is None:
            return
        if self._counted is not None:
            counts = dict(self._counted.by_operation)
            self._calls.update({name: count - self._counts_written.get(name, 0) for name, count in counts.items()})
            self._counts_written = counts
        self._has_news, self._written_at = False, self._clock.monotonic()
        self._put()
        if sum(map(len, self._lines)) >= self._opening + _SEGMENT_CHARACTERS:
            self._turn_over(at)

    def _turn_over(self, at: datetime) -> None:
        """Begin the next segment; the last one says that the timeline is full."""
        if self._frame is None:
            return
        self._number, self._item, self._calls = self._number + 1, None, Counter()
        self._lines = list(self._frame.opening(at))
        self._opening = sum(map(len, self._lines))
        if self._number == _MOST_SEGMENTS:
            self._lines = [full_line(self._frame.seconds(at))]
            self._put()
            self._files = None

    def _put(self) -> None:
        """Write the current segment. If that fails for a minute, record nothing further: another process may do so."""
        if self._files is None or self._frame is None:
            return
        lines = (*self._lines, *call_lines(self._calls))
        segment = Segment(started_at=self._frame.started_at, lines=lines, opening=self._opening)
        try:
            self._item = self._files.write(self._number, segment, before=self._item)
        except (AwsrollError, OSError) as error:
            now = self._clock.monotonic()
            self._failing_since = now if self._failing_since is None else self._failing_since
            self._has_news = True
            if now - self._failing_since >= self._patience:
                self._give_up(error)
        else:
            self._failing_since = None

    def _give_up(self, error: Exception) -> None:
        self._files = None
        self._warn(f"the report and `awsroll watch` of this rollout lack what follows: {cause_of(error)}")
