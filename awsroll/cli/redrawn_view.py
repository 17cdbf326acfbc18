"""What the live views of one rollout and of many fleets share: an area that is redrawn, and the last events."""

import sys
from abc import ABC, abstractmethod
from collections import deque
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.live import Live

from awsroll.cli.terminal_text import terminal

LASTING = ("preflight.warning", "rollout.warning", "rollout.failure", "aws.fallback", "aws.unanswered")
"""Events that stay on the terminal, above the view."""
_REDRAWS_PER_SECOND = 4


class RedrawnView(ABC):
    """A part of the terminal that is redrawn. Use it as a context manager: the terminal is restored at the end.

    Args:
        console: the terminal; None: standard error.
        events_shown: how many of the last events the view has room for.
    """

    def __init__(self, console: Console | None, *, events_shown: int) -> None:
        self._console = console or terminal()
        self._events: deque[str] = deque(maxlen=events_shown)
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

    @abstractmethod
    def _render(self) -> RenderableType:
        """Return what the area shows now."""
