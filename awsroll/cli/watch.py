"""`awsroll watch`: the live view of a rollout that another process drives, from the store. No calls to AWS."""

import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from awsroll.cli.arguments import newest_rollout_argument
from awsroll.cli.common_options import READING_GROUP, CommonOptions
from awsroll.cli.exit_codes import exit_of_outcome
from awsroll.cli.flags import takes
from awsroll.cli.listing import newest_rollout
from awsroll.cli.local_time import clock_time
from awsroll.cli.output import Output, shows_live_view
from awsroll.core.model.status import Mode, Outcome

if TYPE_CHECKING:
    from awsroll.cli.countdown import Timers
    from awsroll.cli.live import LiveView
    from awsroll.cli.live_fleets import FleetLine
    from awsroll.core.model.rollout import Rollout
    from awsroll.core.timeline.course import Course
    from awsroll.core.timeline.picture import Picture
    from awsroll.ports import Record
    from awsroll.stores import RecordStore

_SECONDS = 2.0  # between two reads of the record
_COURSE_SECONDS = 6.0  # between two reads of the timeline in AWS


@takes(READING_GROUP)
@newest_rollout_argument
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Show each unfinished rollout on one line: on a terminal until all have ended, elsewhere once.",
)
def watch(common: CommonOptions, rollout: str | None, *, everything: bool) -> int:
    """Watch a rollout that another process drives, until it ends or rests.

    Reads the store alone, and changes nothing. Ends with the exit code of the rollout; Ctrl-C ends the watching alone.
    """
    store = common.store()
    output = Output(json=common.json, quiet=common.quiet)
    if everything and _shows_view(common):
        return _watch_all(store)
    if everything:
        return _show_all(store, output)
    watched = _Watched(store=store, rollout_id=rollout or newest_rollout(store))
    with ExitStack() as stack:
        view = stack.enter_context(_live_view()) if _shows_view(common) else None
        while True:
            watched.read()
            watched.show(output, view)
            if watched.is_over:
                break
            time.sleep(_SECONDS)
    return _close(watched.record, store, output)


def _shows_view(common: CommonOptions) -> bool:
    return not (common.json or common.quiet) and shows_live_view()


def _live_view() -> "LiveView":
    from awsroll.cli.live import LiveView  # noqa: PLC0415 - only a terminal needs rich

    return LiveView()


def _close(record: "Record", store: "RecordStore", output: Output) -> int:
    from awsroll.cli.drive import print_report  # noqa: PLC0415 - keeps `--help` fast
    from awsroll.driver.read_story import report_of  # noqa: PLC0415 - see above

    report = report_of(record, store, at=datetime.now(UTC))
    print_report(output, report)
    success = Outcome.ROLLED_BACK if record.status.user_requests.rollback else Outcome.SUCCEEDED
    return exit_of_outcome(report.status, success=success)


@dataclass(slots=True)
class _Watched:
    """A rollout in the store, and what of it was shown already."""

    store: "RecordStore"
    rollout_id: str
    _record: "Record | None" = None
    _course: "Course | None" = None
    _course_read_at: float = float("-inf")
    _facts_shown: int | None = None
    _line: str = ""
    _is_driven: bool = field(default=True)

    @property
    def record(self) -> "Record":
        """The record as last read."""
        if self._record is None:
            self._record = self.store.load(self.rollout_id)
        return self._record

    @property
    def is_over(self) -> bool:
        """Whether nothing will happen: the rollout has ended, or no process drives it."""
        return self.record.status.mode is Mode.ENDED or not self._is_driven

    @property
    def _course_seconds(self) -> float:
        return min(_COURSE_SECONDS, self.store.timeline(self.rollout_id).write_seconds)

    def read(self) -> None:
        """Read the record, and the timeline if it is due."""
        from awsroll.driver.read_story import stored_course  # noqa: PLC0415 - keeps `--help` fast
        from awsroll.driver.summaries import is_driven  # noqa: PLC0415 - see above

        self._record = self.store.load(self.rollout_id)
        self._is_driven = is_driven(self.store, self.rollout_id)
        if self._course is None or self.is_over or time.monotonic() - self._course_read_at >= self._course_seconds:
            self._course, self._course_read_at = stored_course(self._record, self.store), time.monotonic()

    def show(self, output: Output, view: "LiveView | None") -> None:
        """Show what is new."""
        from awsroll.core.timeline.stored_picture import stored_picture  # noqa: PLC0415 - keeps `--help` fast

        if self._course is None:
            return
        record, requests = self.record, self.store.user_requests(self.rollout_id)
        shown = stored_picture(record.rollout, record.status, self._course, requests)
        if view is not None:
            view.show(record.rollout, shown, record.status.started_at, _timers(self._course))
        self._show_events(output, view)
        line = _one_line(record, shown)
        if view is None and line != self._line:
            self._line = line
            if output.json:
                output.emit("watched", rollout_id=self.rollout_id, **_fields(record, shown))
            output.note(line)

    def _show_events(self, output: Output, view: "LiveView | None") -> None:
        """Show the events since the last read; at the first, those of the last minute."""
        from awsroll.events import in_words, rfc3339  # noqa: PLC0415 - keeps `--help` fast

        facts = self._course.facts if self._course is not None else ()
        first = self._facts_shown is None
        new = facts[-5:] if first else facts[self._facts_shown or 0 :]
        self._facts_shown = len(facts)
        for fact in new:
            at = self.record.status.started_at + timedelta(seconds=fact.at)
            if view is not None:
                view.event(fact.name, at, **fact.fields)
                continue
            if output.json:
                output.emit(fact.name, rollout_id=self.rollout_id, **{**fact.fields, "happened_at": rfc3339(at)})
            output.note(f"{clock_time(at)} {in_words(fact.name, dict(fact.fields))}")


def _one_line(record: "Record", shown: "Picture") -> str:
    status = record.status
    stage = shown.stage or ("ended" if status.mode is Mode.ENDED else "rolling")
    limits = shown.limits
    capacity = f"serving {shown.serving} (floor {limits.floor}), live {shown.live} (ceiling {limits.ceiling})"
    if not shown.cells:
        observed = "observed" if status.observed_at is None else "recorded"
        capacity = f"capacity not {observed}{'' if status.mode is Mode.ENDED else ' yet'}"
    waits = "" if shown.approval is None or shown.approval.answer else f"; approve with `{shown.approval.command}`"
    return f"{record.rollout.rollout_id}  {shown.done}/{shown.goal} updated, {capacity}, {stage}{waits}"


def _fields(record: "Record", shown: "Picture") -> dict[str, object]:
    return {
        "status": record.status.outcome.value,
        "stage": shown.stage,
        "updated": shown.done,
        "goal": shown.goal,
        "serving": shown.serving,
        "live": shown.live,
        "running": shown.running,
        "floor": shown.limits.floor,
        "ceiling": shown.limits.ceiling,
        "servers": {cell.instance_id: str(cell.state) for cell in shown.cells},
    }


def _show_all(store: "RecordStore", output: Output) -> int:
    from awsroll.core.timeline.stored_picture import stored_picture  # noqa: PLC0415 - keeps `--help` fast
    from awsroll.driver.read_story import stored_course  # noqa: PLC0415 - see above

    records = store.unfinished()
    for record in records:
        requests = store.user_requests(record.rollout.rollout_id)
        shown = stored_picture(record.rollout, record.status, stored_course(record, store), requests)
        if output.json:
            output.emit("watched", rollout_id=record.rollout.rollout_id, **_fields(record, shown))
        else:
            output.result(_one_line(record, shown))
    if not records:
        output.note(f"there are no unfinished rollouts in {store.address}")
    return 0


def _watch_all(store: "RecordStore") -> int:
    """Show the rollouts that have not ended, and those that end meanwhile, until no process drives any."""
    from awsroll.cli.live_fleets import FleetsView  # noqa: PLC0415 - only a terminal needs rich
    from awsroll.driver.summaries import is_driven  # noqa: PLC0415 - keeps `--help` fast

    known: dict[str, Record] = {}
    with FleetsView() as view:
        while True:
            known |= {record.rollout.rollout_id: record for record in store.unfinished()}
            known = {name: store.load(name) for name in known}
            view.show(_seen(record, store) for record in known.values())
            driven = any(is_driven(store, name) for name, each in known.items() if each.status.mode is not Mode.ENDED)
            if not driven:
                break
            time.sleep(_SECONDS)
    return _show_all(store, Output())


def _timers(course: "Course") -> "Timers | None":
    from awsroll.cli.countdown import Timers  # noqa: PLC0415 - only a terminal needs it

    return Timers.measured(course)


def _seen(record: "Record", store: "RecordStore") -> "tuple[Rollout, FleetLine, Timers | None]":
    from awsroll.cli.live_fleets import FleetLine  # noqa: PLC0415 - see `_watch_all`
    from awsroll.core.timeline.stored_picture import stored_picture  # noqa: PLC0415 - keeps `--help` fast
    from awsroll.driver.read_story import stored_course  # noqa: PLC0415 - see above

    rollout, status = record.rollout, record.status
    requests, course = store.user_requests(rollout.rollout_id), stored_course(record, store)
    line = FleetLine(
        name=rollout.rollout_id,
        shown=stored_picture(rollout, status, course, requests),
        outcome=status.outcome.value if status.mode is Mode.ENDED or status.outcome is Outcome.PAUSED else "",
    )
    return rollout, line, _timers(course)
