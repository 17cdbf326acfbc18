"""The live view of many fleets on a terminal: one line for each, and the last events. For waves and `watch --all`."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from rich.console import Console, ConsoleDimensions, Group, RenderableType

from awsroll.cli.countdown import Countdown, Timers
from awsroll.cli.live_drawing import event_line, time_left
from awsroll.cli.local_time import clock_time
from awsroll.cli.process_state import START_EVENTS, connection
from awsroll.cli.redrawn_view import LASTING, RedrawnView
from awsroll.cli.terminal_text import TerminalText as Text
from awsroll.core.model.command_text import with_options
from awsroll.core.model.observation import Observation
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Status
from awsroll.core.timeline.picture import Picture, picture
from awsroll.events import in_words
from awsroll.printable import printable

_EVENTS_SHOWN = 5
_BAR = 10
_WIDEST_NAME = 28
_ENDED = "rollout.ended"
_COLOURS = {"succeeded": "green", "rolled_back": "red", "stopped": "red", "paused": "yellow"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetLine:
    """One fleet in the view.

    Attributes:
        shown: its last picture; None before the first observation.
        outcome: how its rollout has ended; empty while it runs.
        left: the seconds until its end; None if they are not known.
    """

    name: str
    shown: Picture | None = None
    outcome: str = ""
    left: float | None = None


class FleetsView(RedrawnView):
    """Show many rollouts while they run. Use it as a context manager: the terminal is restored at the end."""

    def __init__(self, console: Console | None = None) -> None:
        self._lines: dict[str, FleetLine] = {}
        self._names: dict[str, str] = {}  # of the fleets, by the ids of their rollouts
        self._countdowns: dict[str, Countdown] = {}
        super().__init__(console, events_shown=_EVENTS_SHOWN)  # it draws at once

    def event(self, name: str, at: datetime, **fields: object) -> None:
        """Show an event among the last ones. Warnings and failures stay above the view."""
        fleet = str(fields.pop("fleet_name", ""))
        fields.pop("wave", None) if fleet else None
        line = f"{clock_time(at)} {f'{fleet}: ' if fleet else ''}{in_words(name, fields)}"
        if name in START_EVENTS:
            self._names[str(fields["rollout_id"])] = fleet
            self._lines.setdefault(fleet, FleetLine(name=fleet))
            self._live.start()
        if name == _ENDED and fleet in self._lines:
            self._lines[fleet] = replace(self._lines[fleet], outcome=str(fields.get("outcome", "")))
        if name in LASTING or not self._live.is_started:
            self._console.print(Text(line))
        else:
            self._events.append(line)

    def observed(self, rollout: Rollout, observation: Observation, status: Status) -> None:
        """Show an observation of one fleet."""
        name = self._names.get(rollout.rollout_id, rollout.fleet)
        known = self._lines.get(name, FleetLine(name=name))
        self._lines[name] = replace(known, shown=picture(rollout, observation, status))
        self._count(name, rollout, self._lines[name], Timers.of(rollout, observation))

    def show(self, seen: Iterable[tuple[Rollout, FleetLine, Timers | None]]) -> None:
        """Show these fleets instead of those seen before, each with what is known of its times."""
        lines = {}
        for rollout, line, timers in seen:
            lines[line.name] = line
            self._count(line.name, rollout, line, timers)
        self._lines = lines
        self._live.start()

    def _count(self, name: str, rollout: Rollout, line: FleetLine, timers: Timers | None) -> None:
        if line.shown is not None:
            self._countdowns.setdefault(name, Countdown()).see(rollout, line.shown, timers, datetime.now(UTC))

    def _render(self) -> RenderableType:
        now, size = datetime.now(UTC), self._console.size
        left = {name: countdown.seconds(now) for name, countdown in list(self._countdowns.items())}
        lines = tuple(replace(line, left=left.get(name)) for name, line in list(self._lines.items()))
        return draw_fleets(lines, now=now, events=tuple(self._events), size=size)


def draw_fleets(
    lines: tuple[FleetLine, ...], *, now: datetime, events: tuple[str, ...], size: ConsoleDimensions
) -> RenderableType:
    """Return one line for each fleet; those that run come first if the terminal is too low for all."""
    height = size.height
    ordered = sorted(lines, key=lambda line: bool(line.outcome)) if len(lines) > max(1, height - 2) else lines
    room = max(1, height - 2)
    shown = ordered[:room] if len(ordered) <= room else ordered[: max(1, room - 1)]
    widest = min(_WIDEST_NAME, max((len(printable(line.name)) for line in shown), default=0))
    rows = [_row(line, widest, now) for line in shown]
    if len(shown) < len(ordered):
        rows.append(Text(f"and {len(ordered) - len(shown)} more", style="bright_black"))
    left = max(0, height - 1 - len(rows))
    last = events[-left:] if left else ()
    return Group(*rows, *(event_line(line, size.width) for line in last))


def _row(line: FleetLine, width: int, now: datetime) -> Text:
    row = Text(no_wrap=True, overflow="ellipsis")
    row.append(printable(line.name)[:width].ljust(width) + "  ", style="bold")
    shown = line.shown
    if shown is None:
        return row.append("observing the fleet …" if not line.outcome else line.outcome.replace("_", " "))
    if not line.outcome and shown.approval is not None and not shown.approval.answer:
        row.no_wrap = False  # the command must not be cut
        row.append(f"{shown.done}/{shown.goal}  ")
        return row.append(with_options(shown.approval.command, connection()), style="bold yellow")
    filled = round(_BAR * shown.done / max(1, shown.goal))
    row.append("█" * filled, style="green").append("░" * (_BAR - filled), style="blue")
    row.append(f" {shown.done}/{shown.goal}  ")
    row.append(f"serving {shown.serving} of at least {shown.limits.floor}  ")
    if line.outcome:
        return row.append(line.outcome.replace("_", " "), style=_COLOURS.get(line.outcome, "yellow"))
    return row.append(f"{shown.stage or 'rolling'}{time_left(shown, now, line.left)}", style="yellow")
