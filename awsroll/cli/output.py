"""What a command says, and where: the result on standard output, progress and errors on standard error.

Three ways to speak: a live view on a terminal, plain lines elsewhere, JSON lines with `--json`. `--quiet` leaves only
the result.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from awsroll.ports import Sink


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """How this command speaks."""

    json: bool = False
    quiet: bool = False

    @contextmanager
    def progress(self) -> Iterator["Sink"]:
        """Give a sink for the events of a rollout; what it shows is whole when the block ends."""
        from awsroll.events import JsonLines, Tee  # noqa: PLC0415 - for commands that drive a rollout

        if self.json:
            yield JsonLines(sys.stdout)
        elif self.quiet:
            yield Tee()
        elif sys.stderr.isatty():
            from awsroll.cli.live import LiveView  # noqa: PLC0415 - rich, only for a terminal

            with LiveView() as view:
                yield view
        else:
            from awsroll.cli.progress_lines import PlainLines  # noqa: PLC0415 - see above

            yield PlainLines(sys.stderr)

    def emit(self, event: str, **fields: Any) -> None:
        """Write one JSON line on standard output."""
        from awsroll.events import JsonLines  # noqa: PLC0415 - see above

        JsonLines(sys.stdout).event(event, datetime.now(UTC), **fields)

    def result(self, text: str) -> None:
        """Write the result as text on standard output."""
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    def note(self, text: str) -> None:
        """Write a line of progress on standard error, unless told to be quiet."""
        if not self.quiet:
            complain(text)

    @property
    def can_ask(self) -> bool:
        """Whether there is a person to ask."""
        return not (self.json or self.quiet) and sys.stdin.isatty() and sys.stderr.isatty()


def complain(*lines: str) -> None:
    """Write lines on standard error, each under awsroll's name."""
    with suppress(OSError):
        sys.stderr.write("".join(f"awsroll: {line}\n" for line in lines))
        sys.stderr.flush()
