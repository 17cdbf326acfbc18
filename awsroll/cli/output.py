"""Output of the commands: the result on standard output, progress and messages on standard error.

Progress is a live view on a terminal, and plain lines elsewhere. `--json` adds JSON lines on standard output.
`--quiet` prints only the result. Only this module, `progress_lines`, `live` and `awsroll.events` write, and each text
for people passes through `awsroll.printable`.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TextIO

from awsroll.cli import process_state
from awsroll.cli.aligned_text import wrapped
from awsroll.core.model.command_text import with_options_in
from awsroll.printable import LONGEST, printable, printable_lines

if TYPE_CHECKING:
    from awsroll.ports import Sink


Paint = Callable[[str], str]
"""Adds colours to one printable line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """The form of a command's output."""

    json: bool = False
    quiet: bool = False

    @contextmanager
    def progress(self) -> Iterator["Sink"]:
        """Yield the sink that shows the events of a rollout until the block ends."""
        from awsroll.events import Tee  # noqa: PLC0415 - only commands that drive a rollout need it

        with self._view() as view:
            yield Tee(process_state.NoteStarted(), view)

    @contextmanager
    def _view(self) -> Iterator["Sink"]:
        from awsroll.events import Tee  # noqa: PLC0415 - see above

        if self.json:
            yield Tee(json_lines(), Tee() if self.quiet else _plain_lines())
        elif self.quiet:
            yield Tee()
        elif shows_live_view():
            from awsroll.cli.live import LiveView  # noqa: PLC0415 - only a terminal needs rich

            with LiveView() as view:
                yield view
        else:
            yield _plain_lines()

    def emit(self, event: str, **fields: Any) -> None:
        """Write one JSON object as a line on standard output."""
        json_event(event, **fields)

    def result(self, text: str, *, paint: Paint | None = None) -> None:
        """Write the result as lines for people on standard output; `paint` colours each line on a terminal."""
        _write_result(_painted(printable_lines(_exact(text)), sys.stdout, paint))

    def document(self, value: object) -> None:
        """Write a JSON document on standard output, on one line with `--json`. It has JSON's own escapes."""
        _write_result(json.dumps(value, indent=None if self.json else 2))

    def note(self, text: str) -> None:
        """Write a line of progress on standard error, unless `--quiet` is given."""
        if not self.quiet:
            write_messages(text)

    @property
    def can_ask(self) -> bool:
        """Return whether a confirmation prompt can be shown."""
        streams = (sys.stdin, sys.stderr)  # Python sets a stream to None if the process was started without it
        return not (self.json or self.quiet) and all(stream is not None and stream.isatty() for stream in streams)


def shows_live_view() -> bool:
    """Return whether the live view can be drawn: on a terminal that can move its cursor, outside a pipeline."""
    return _is_rich_terminal(sys.stderr)


def _is_rich_terminal(stream: TextIO | None) -> bool:
    is_plain = os.environ.get("TERM") == "dumb" or os.environ.get("CI", "").lower() in ("1", "true", "yes")
    return stream is not None and stream.isatty() and not is_plain


def _painted(text: str, stream: TextIO | None, paint: Paint | None) -> str:
    """Return printable lines with their colours, if the stream is a terminal and NO_COLOR (no-color.org) is not set."""
    if paint is None or os.environ.get("NO_COLOR") or not _is_rich_terminal(stream):
        return text
    return "\n".join(map(paint, text.splitlines()))


def result_width() -> int | None:
    """Return the columns of the terminal that shows the result; None if it goes elsewhere: then no line is wrapped."""
    return _width_of(sys.stdout)


def message_width() -> int | None:
    """Return the columns of the terminal that shows messages; None if they go elsewhere: then no line is wrapped."""
    return _width_of(sys.stderr)


def _width_of(stream: TextIO | None) -> int | None:
    try:
        return None if stream is None else os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError, AttributeError):  # not a terminal, or closed
        return None


def ask_to_confirm(question: str) -> bool:
    """Ask a yes-or-no question on the terminal; the default is no. The end of the input means no.

    Raises:
        KeyboardInterrupt: if the user presses Ctrl-C.
    """
    write_messages(f"{question} [y/N] (--yes skips this prompt)")
    try:
        return input().strip().lower() in ("y", "yes")
    except KeyboardInterrupt:
        write_text("")  # the message that follows begins on its own line
        raise
    except (EOFError, OSError, UnicodeDecodeError):
        write_text("")
        return False


def write_text(text: str, *, paint: Paint | None = None) -> None:
    """Write lines for a person on standard error, without a prefix; `paint` colours each line on a terminal.

    A failure to write is ignored.
    """
    with suppress(OSError, ValueError, AttributeError):  # a process may have no standard error
        sys.stderr.write(f"{_painted(printable_lines(_exact(text)), sys.stderr, paint)}\n")
        sys.stderr.flush()


def write_messages(*lines: str, longest: int = LONGEST) -> None:
    """Write lines on standard error, each with the prefix `awsroll: `. A failure to write is ignored.

    Args:
        lines: the lines; each becomes printable.
        longest: the number of characters from which a line loses its middle.
    """
    with suppress(OSError, ValueError, AttributeError):  # see `write_text`
        width = message_width()
        texts = (wrapped(f"awsroll: {printable(_exact(line), longest=longest)}", width) for line in lines)
        sys.stderr.write("".join(f"{line}\n" for text in texts for line in text))
        sys.stderr.flush()


def _exact(text: str) -> str:
    """Return a text whose commands can be pasted: with the options that lead to the store of this command."""
    return with_options_in(text, process_state.connection())


def _plain_lines() -> "Sink":
    from awsroll.cli.progress_lines import PlainLines  # noqa: PLC0415 - only commands that drive a rollout need it

    return PlainLines(sys.stderr)


def json_lines() -> "Sink":
    """Return the sink that writes each event as one JSON object on standard output."""
    from awsroll.events import JsonLines  # noqa: PLC0415 - see `progress`

    return JsonLines(sys.stdout, on_failure=process_state.note_lost_output)


def json_event(event: str, **fields: Any) -> None:
    """Write one JSON object as a line on standard output, with the rollout that the command was given."""
    known = {"rollout_id": process_state.only_rollout()}
    json_lines().event(event, datetime.now(UTC), **known | fields)


def _write_result(text: str) -> None:
    """Write on standard output. If nothing can be written there, the command continues: a rollout must not stop."""
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except (OSError, ValueError) as error:
        process_state.note_lost_output(error)
