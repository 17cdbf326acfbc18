"""The live view on a terminal: a coloured cell for each server, the limits, the time left, the last events.

It is on standard error, so that standard output has only the result. Nothing else may write to the terminal meanwhile.
"""

import sys
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from awsroll.cli.process_state import START_EVENTS
from awsroll.cli.render_report import servers_text
from awsroll.cli.terminal_text import TerminalText as Text, terminal
from awsroll.core.model.duration_text import duration
from awsroll.core.model.observation import Observation
from awsroll.core.model.phases import ServerPhase, UntouchedServer
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Status
from awsroll.core.timeline.cell import CellState
from awsroll.core.timeline.picture import Picture, picture
from awsroll.events import in_words
from awsroll.printable import printable

_COLOURS: dict[CellState, str] = {
    UntouchedServer.OUTDATED: "blue",
    ServerPhase.DRAINING: "yellow",
    ServerPhase.TERMINATING: "bright_black",
    ServerPhase.RELOADING: "magenta",
    ServerPhase.LAUNCHING: "cyan",
    ServerPhase.VERIFYING: "bright_cyan",
    ServerPhase.RETURNING: "bright_cyan",
    UntouchedServer.CURRENT: "green",
    UntouchedServer.UNHEALTHY: "red",
    ServerPhase.FAILED: "bright_red",
    ServerPhase.KEPT: "bright_blue",
    UntouchedServer.SKIPPED: "white",
}
_EVENTS_SHOWN = 6
_LASTING = ("preflight.warning", "rollout.warning", "rollout.failure", "aws.fallback", "aws.unanswered")
_REDRAWS_PER_SECOND = 4


class LiveView:
    """Show a rollout while it runs. Use it as a context manager: the terminal is restored at the end."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or terminal()
        self._events: deque[str] = deque(maxlen=_EVENTS_SHOWN)
        self._rollout: Rollout | None = None
        self._picture: Picture | None = None
        self._started_at: datetime | None = None
        self._live = Live(
            console=self._console,
            get_renderable=self._render,
            refresh_per_second=_REDRAWS_PER_SECOND,
            transient=True,
            # If both are on one terminal, output goes above the view. A redirected output must stay redirected.
            redirect_stdout=sys.stdout.isatty(),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._live.stop()

    def event(self, name: str, at: datetime, **fields: object) -> None:
        """Show an event among the last ones. Warnings and failures stay above the view.

        The start of the rollout draws the view: before that, the program may prompt the user.
        """
        line = f"{at:%H:%M:%S} {in_words(name, fields)}"
        if name in START_EVENTS:
            self._live.start()  # harmless if it already runs
        elif not self._live.is_started:
            self._console.print(Text(line))
            return
        if name in _LASTING:
            self._console.print(Text(line))
        elif name != "rollout.created":  # its id is printed as a result, and the view shows the rest
            self._events.append(line)

    def observed(self, rollout: Rollout, observation: Observation, status: Status) -> None:
        """Show an observation."""
        self._rollout = rollout
        self._started_at = status.started_at
        self._picture = picture(rollout, observation, status)
        self._live.start()

    def _render(self) -> RenderableType:
        if self._picture is None or self._rollout is None or self._started_at is None:
            return Text("observing the fleet …")
        elapsed = (datetime.now(UTC) - self._started_at).total_seconds()
        return Group(
            _heading(self._rollout, self._picture.stage),
            _cells(self._picture),
            _legend(self._picture),
            _progress(self._picture, elapsed),
            *_counts(self._picture),
            *_approval(self._picture),
            *(Text(line, style="bright_black", overflow="ellipsis", no_wrap=True) for line in self._events),
        )


def _heading(rollout: Rollout, stage: str) -> Text:
    return Text.assemble(
        (rollout.fleet, "bold"),
        f"  {rollout.from_version or '(empty)'} → {rollout.to_version}  {rollout.strategy}  ",
        (stage, "bold yellow"),
    )


def _cells(shown: Picture) -> Text:
    cells = Text()
    for cell in shown.cells:
        cells.append("■ ", style=_COLOURS[cell.state])
    return cells


def _legend(shown: Picture) -> Text:
    legend = Text()
    for state, colour in _COLOURS.items():
        count = sum(1 for cell in shown.cells if cell.state is state)
        if count:
            legend.append(f"■ {count} {state}  ", style=colour)
    return legend


def _progress(shown: Picture, elapsed: float) -> Table:
    row = Table.grid(padding=(0, 1))
    is_moving = shown.done and shown.approval is None  # how long a person takes cannot be estimated
    left = elapsed / shown.done * (shown.goal - shown.done) if is_moving else None
    row.add_row(
        ProgressBar(total=max(shown.goal, 1), completed=shown.done, width=40),
        f"{shown.done}/{shown.goal}",
        f"{duration(elapsed)} so far" + ("" if left is None else f", about {duration(left)} left"),
    )
    return row


def _counts(shown: Picture) -> Iterator[Text]:
    limits = shown.limits
    yield Text(f"{servers_text(shown.counts)}, {shown.counts.in_flight} in flight")
    cap = "" if limits.max_running is None else f" (never above {limits.max_running})"
    yield Text(
        f"serving {shown.serving} (never below {limits.floor})  live {shown.live} (never above {limits.ceiling})  "
        f"running {shown.running}{cap}"
    )


def _approval(shown: Picture) -> Iterator[Text]:
    approval = shown.approval
    if approval is None:
        return
    place = printable(approval.place)
    if approval.answer:
        yield Text(f"{approval.answer}: {place}", style="bold yellow")
        return
    waited = duration((datetime.now(UTC) - approval.since).total_seconds())
    yield Text(f"approval awaited for {waited}, since {approval.since:%H:%M:%SZ}: {place}", style="bold yellow")
    yield Text(f"approve with: {approval.command}  (or add --reject)", style="yellow")
