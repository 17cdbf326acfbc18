"""Output of the commands: the result on standard output, progress and messages on standard error.

Progress is a live view on a terminal, plain lines elsewhere, and JSON lines on standard output with `--json`.
`--quiet` prints only the result.
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
    """The form of a command's output."""

    json: bool = False
    quiet: bool = False

    @contextmanager
    def progress(self) -> Iterator["Sink"]:
        """Yield the sink that shows the events of a rollout until the block ends."""
        from awsroll.events import JsonLines, Tee  # noqa: PLC0415 - only commands that drive a rollout need it

        if self.json:
            yield JsonLines(sys.stdout)
        elif self.quiet:
            yield Tee()
        elif sys.stderr.isatty():
            from awsroll.cli.live import LiveView  # noqa: PLC0415 - only a terminal needs rich

            with LiveView() as view:
                yield view
        else:
            from awsroll.cli.progress_lines import PlainLines  # noqa: PLC0415 - see above

            yield PlainLines(sys.stderr)

    def emit(self, event: str, **fields: Any) -> None:
        """Write one JSON object as a line on standard output."""
        from awsroll.events import JsonLines  # noqa: PLC0415 - see above

        JsonLines(sys.stdout).event(event, datetime.now(UTC), **fields)

    def result(self, text: str) -> None:
        """Write the result as text on standard output."""
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    def note(self, text: str) -> None:
        """Write a line of progress on standard error, unless `--quiet` is given."""
        if not self.quiet:
            write_messages(text)

    @property
    def can_ask(self) -> bool:
        """Return whether a confirmation prompt can be shown."""
        return not (self.json or self.quiet) and sys.stdin.isatty() and sys.stderr.isatty()


def ask_to_confirm(question: str) -> bool:
    """Ask a yes-or-no question on the terminal; the default is no."""
    write_messages(f"{question} [y/N] (--yes skips this prompt)")
    return input().strip().lower() in ("y", "yes")


def write_messages(*lines: str) -> None:
    """Write lines on standard error, each with the prefix `awsroll: `."""
    with suppress(OSError):
        sys.stderr.write("".join(f"awsroll: {line}\n" for line in lines))
        sys.stderr.flush()
