"""Draws the picture of a rollout for a terminal: a letter and a colour for each server, the limits, and the waits.

Green serves the new version, blue the old one; yellow moves; red has failed. A letter says the same without colours.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from itertools import groupby

from rich.console import ConsoleDimensions, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table

from awsroll.cli.local_time import clock_time, zone_name
from awsroll.cli.process_state import connection
from awsroll.cli.render_report import servers_text
from awsroll.cli.terminal_text import TerminalText as Text
from awsroll.core.model.command_text import with_options
from awsroll.core.model.duration_text import duration, rough_duration
from awsroll.core.model.phases import ServerPhase, UntouchedServer
from awsroll.core.model.rollout import Rollout
from awsroll.core.timeline.cell import LETTERS, Cell, CellState
from awsroll.core.timeline.picture import Picture
from awsroll.printable import printable

COLOURS: dict[CellState, str] = {
    UntouchedServer.OUTDATED: "blue",
    ServerPhase.DRAINING: "yellow",
    ServerPhase.TERMINATING: "bright_black",
    ServerPhase.RELOADING: "magenta",
    ServerPhase.LAUNCHING: "bright_yellow",
    ServerPhase.VERIFYING: "bright_yellow",
    ServerPhase.RETURNING: "bright_yellow",
    UntouchedServer.CURRENT: "green",
    UntouchedServer.UNHEALTHY: "red",
    ServerPhase.FAILED: "bright_red",
    ServerPhase.KEPT: "bright_blue",
    UntouchedServer.SKIPPED: "white",
}
_LEAVING = (ServerPhase.DRAINING, ServerPhase.TERMINATING)
_MOST_ROWS = 9  # of cells; a larger fleet shows counts for each zone
_SPACED_ROWS = 6
_MOST_WAITS = 4
_ROWS_AROUND = 8  # heading, legend, progress, counts, limits, waits
_NO_SECONDS = 0.5
_ROOM_FOR_KEYS = 5  # as `^C^C`
_MINUTE = 60


def draw(  # noqa: PLR0913 - everything that the view shows
    rollout: Rollout,
    shown: Picture,
    *,
    now: datetime,
    started_at: datetime,
    events: tuple[str, ...],
    size: ConsoleDimensions,
    left: float | None = None,
) -> RenderableType:
    """Return the live view of one picture, for a terminal of this size; `left`: the seconds until the end, if known."""
    cells = _cells(shown, size.width)
    waits = list(_waits(shown, now))
    room = max(0, size.height - len(cells) - len(waits) - _ROWS_AROUND)
    return Group(
        _heading(rollout, shown.stage, zone=zone_name(now)),
        *cells,
        _legend(shown),
        _progress(shown, now, started_at, left),
        *_counts(shown),
        *waits,
        *_approval(shown, now),
        *(event_line(line, size.width) for line in _last(events, room)),
    )


def event_line(line: str, width: int) -> Text:
    """Return an event as a line of the view.

    It leaves room for the keys that a person presses, as the terminal shows them behind the last line: a key on a new
    line would push the view up, and its first line would stay on the terminal.
    """
    text = Text(line, style="bright_black", no_wrap=True)
    text.truncate(max(1, width - _ROOM_FOR_KEYS), overflow="ellipsis")
    return text


def _last(events: tuple[str, ...], room: int) -> tuple[str, ...]:
    return events[-room:] if room else ()


def _heading(rollout: Rollout, stage: str, *, zone: str) -> Text:
    return Text.assemble(
        (rollout.fleet, "bold"),
        f"  {rollout.from_name or '(empty)'} → {rollout.to_name}  {rollout.strategy}  ",
        (f"{stage}  " if stage else "", "bold yellow"),
        (f"times in {zone}", "bright_black"),
    )


def _cells(shown: Picture, width: int) -> list[Text]:
    """Return the rows of cells, by zone; counts by zone if there are too many servers for cells."""
    zones = [(zone, list(cells)) for zone, cells in groupby(shown.cells, key=lambda cell: cell.zone)]
    label = max((len(printable(zone)) for zone, _ in zones), default=0) + 2
    for gap, most in ((" ", _SPACED_ROWS), ("", _MOST_ROWS)):
        per_row = max(1, (width - label) // (1 + len(gap)))
        if sum(-(-len(cells) // per_row) for _, cells in zones) <= most:
            return [row for zone, cells in zones for row in _rows(zone, cells, label, per_row, gap)]
    return [_zone_counts(zone, cells, label) for zone, cells in zones]


def _rows(zone: str, cells: list[Cell], label: int, per_row: int, gap: str) -> Iterator[Text]:
    for begin in range(0, len(cells), per_row):
        row = Text(printable(zone if begin == 0 else "").ljust(label), style="bright_black")
        for cell in cells[begin : begin + per_row]:
            row.append(f"{LETTERS[cell.state]}{gap}", style=COLOURS[cell.state])
        yield row


def _zone_counts(zone: str, cells: list[Cell], label: int) -> Text:
    row = Text(printable(zone).ljust(label), style="bright_black")
    counts = Counter(cell.state for cell in cells)
    for state, colour in COLOURS.items():
        if counts[state]:
            row.append(f"{LETTERS[state]} {counts[state]:>4}  ", style=colour)
    return row


def _legend(shown: Picture) -> Text:
    legend = Text()
    counts = Counter(cell.state for cell in shown.cells)
    for state, colour in COLOURS.items():
        if counts[state]:
            legend.append(f"{LETTERS[state]} {counts[state]} {state}  ", style=colour)
    return legend


def _progress(shown: Picture, now: datetime, started_at: datetime, left: float | None) -> Table:
    row = Table.grid(padding=(0, 1))
    elapsed = (now - started_at).total_seconds()
    bar = ProgressBar(total=max(shown.goal, 1), completed=shown.done, width=22)
    row.add_row(bar, f"{shown.done}/{shown.goal}", f"{duration(elapsed)} so far{time_left(shown, now, left)}")
    return row


def time_left(shown: Picture, now: datetime, seconds: float | None) -> str:
    """Return the time left in words; empty if it is not known, as while a person is awaited.

    Args:
        shown: the picture.
        now: the current instant.
        seconds: the time left, as a `Countdown` has it.
    """
    if shown.approval is not None:
        return ""
    if shown.rests_until is not None:
        left = (shown.rests_until - now).total_seconds()
        words = "bake time" if shown.done >= shown.goal else "checkpoint"
        return f", {duration(left)} of the {words} left" if left > _NO_SECONDS else ""
    if shown.done >= shown.goal or seconds is None or seconds <= _NO_SECONDS:
        return ""
    words = duration(seconds) if seconds < _MINUTE else rough_duration(seconds)
    return f", about {words} left"


def _counts(shown: Picture) -> Iterator[Text]:
    limits = shown.limits
    yield Text(f"{servers_text(shown.counts)}, {shown.counts.in_flight} in flight")
    if not shown.cells:  # nothing of the fleet is known: its timeline is not written yet, or is gone
        return
    cap = "" if limits.max_running is None else f" (never above {limits.max_running})"
    yield Text(
        f"serving {shown.serving} (never below {limits.floor})  live {shown.live} (never above {limits.ceiling})  "
        f"running {shown.running}{cap}"
    )


def _waits(shown: Picture, now: datetime) -> Iterator[Text]:
    """Yield why servers still drain, verify or launch, and for how long."""
    waiting = sorted((cell for cell in shown.cells if cell.reason or cell.until is not None), key=_end_of_wait)
    for cell in waiting[:_MOST_WAITS]:
        yield Text(wait_text(cell, now), style="yellow", overflow="ellipsis", no_wrap=True)
    if len(waiting) > _MOST_WAITS:
        yield Text(f"and {len(waiting) - _MOST_WAITS} more", style="yellow")


def _end_of_wait(cell: Cell) -> tuple[bool, datetime | None, str]:
    return cell.until is None, cell.until, cell.instance_id


def wait_text(cell: Cell, now: datetime) -> str:
    """Return why a server waits: `i-0abc draining: Target.DeregistrationInProgress, 28 s left`."""
    words = [cell.reason] if cell.reason else []
    if cell.until is not None:
        left = (cell.until - now).total_seconds()
        if left > _NO_SECONDS:
            words.append(_time_words(cell, duration(left)))
    return f"{cell.instance_id} {cell.state}" + (f": {', '.join(words)}" if words else "")


def _time_words(cell: Cell, left: str) -> str:
    if cell.ends_well:
        return f"{left} left"
    return f"at most {left}" if cell.state in _LEAVING else f"fails in {left}"


def _approval(shown: Picture, now: datetime) -> Iterator[Text]:
    approval = shown.approval
    if approval is None:
        return
    place = printable(approval.place)
    if approval.answer:
        yield Text(f"{approval.answer}: {place}", style="bold yellow")
        return
    waited = duration((now - approval.since).total_seconds())
    yield Text(f"approval awaited for {waited}, since {clock_time(approval.since)}: {place}", style="bold yellow")
    command = with_options(approval.command, connection())
    yield Text(f"approve with: {command}  (or add --reject)", style="yellow")
