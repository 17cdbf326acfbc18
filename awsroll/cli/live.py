"""The live view on a terminal: the picture of a rollout and its last events, redrawn while it runs.

It is on standard error, so that standard output has only the result. Nothing else may write to the terminal meanwhile.
"""

from datetime import UTC, datetime

from rich.console import Console, RenderableType

from awsroll.cli.countdown import Countdown, Timers
from awsroll.cli.live_drawing import draw
from awsroll.cli.local_time import clock_time, short_time
from awsroll.cli.process_state import START_EVENTS
from awsroll.cli.redrawn_view import LASTING, RedrawnView
from awsroll.cli.terminal_text import TerminalText as Text
from awsroll.core.model.observation import Observation
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Status
from awsroll.core.timeline.picture import Picture, picture
from awsroll.events import in_words

_EVENTS_SHOWN = 6


class LiveView(RedrawnView):
    """Show a rollout while it runs. Use it as a context manager: the terminal is restored at the end."""

    def __init__(self, console: Console | None = None) -> None:
        self._shown: tuple[Rollout, Picture, datetime] | None = None
        self._countdown = Countdown()
        super().__init__(console, events_shown=_EVENTS_SHOWN)  # it draws at once

    def event(self, name: str, at: datetime, **fields: object) -> None:
        """Show an event among the last ones. Warnings and failures stay above the view.

        The start of the rollout draws the view: before that, the program may prompt the user.
        """
        words = in_words(name, fields)
        line = f"{clock_time(at)} {words}"
        if name in START_EVENTS:
            self._live.start()  # harmless if it already runs
        elif not self._live.is_started:
            self._console.print(Text(line))
            return
        if name in LASTING:
            self._console.print(Text(line))
        elif name != "rollout.created":  # its id is printed as a result, and the view shows the rest
            self._events.append(f"{short_time(at)} {words}")

    def observed(self, rollout: Rollout, observation: Observation, status: Status) -> None:
        """Show an observation."""
        timers = Timers.of(rollout, observation)
        self.show(rollout, picture(rollout, observation, status), status.started_at, timers)

    def show(self, rollout: Rollout, shown: Picture, started_at: datetime, timers: Timers | None) -> None:
        """Show a picture; its time left follows from the timers, if they are known."""
        self._countdown.see(rollout, shown, timers, datetime.now(UTC))
        self._shown = rollout, shown, started_at
        self._live.start()

    def _render(self) -> RenderableType:
        if self._shown is None:
            return Text("observing the fleet …")
        rollout, shown, started_at = self._shown
        size, now = self._console.size, datetime.now(UTC)
        left, events = self._countdown.seconds(now), tuple(self._events)
        return draw(rollout, shown, now=now, started_at=started_at, events=events, size=size, left=left)
