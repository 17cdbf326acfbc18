"""The live view on a terminal: the picture of a rollout and its last events, redrawn while it runs.

It is on standard error, so that standard output has only the result. Nothing else may write to the terminal meanwhile.
"""

import sys
from collections import deque
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.live import Live

from awsroll.cli.live_drawing import draw
from awsroll.cli.local_time import clock_time
from awsroll.cli.process_state import START_EVENTS
from awsroll.cli.terminal_text import TerminalText as Text, terminal
from awsroll.core.model.observation import Observation
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Status
from awsroll.core.timeline.picture import Picture, picture
from awsroll.events import in_words

_EVENTS_SHOWN = 6
LASTING = ("preflight.warning", "rollout.warning", "rollout.failure", "aws.fallback", "aws.unanswered")
REDRAWS_PER_SECOND = 4


class LiveView:
    """Show a rollout while it runs. Use it as a context manager: the terminal is restored at the end."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or terminal()
        self._events: deque[str] = deque(maxlen=_EVENTS_SHOWN)
        self._shown: tuple[Rollout, Picture, datetime] | None = None
        self._live = Live(
            console=self._console,
            get_renderable=self._render,
            refresh_per_second=REDRAWS_PER_SECOND,
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
        line = f"{clock_time(at)} {in_words(name, fields)}"
        if name in START_EVENTS:
            self._live.start()  # harmless if it already runs
        elif not self._live.is_started:
            self._console.print(Text(line))
            return
        if name in LASTING:
            self._console.print(Text(line))
        elif name != "rollout.created":  # its id is printed as a result, and the view shows the rest
            self._events.append(line)

    def observed(self, rollout: Rollout, observation: Observation, status: Status) -> None:
        """Show an observation."""
        self.show(rollout, picture(rollout, observation, status), status.started_at)

    def show(self, rollout: Rollout, shown: Picture, started_at: datetime) -> None:
        """Show a picture."""
        self._shown = rollout, shown, started_at
        self._live.start()

    def _render(self) -> RenderableType:
        if self._shown is None:
            return Text("observing the fleet …")
        rollout, shown, started_at = self._shown
        size = self._console.size
        return draw(rollout, shown, now=datetime.now(UTC), started_at=started_at, events=tuple(self._events), size=size)
