"""Records `awsroll demo` in a terminal and writes docs/demo.svg: an animation that needs no script.

    python -m tests.docs.demo_recording

The recording is a real run, so each one differs.
"""

import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "demo.svg"
COLUMNS, LINES = 92, 25
COMMAND = ("awsroll", "demo")
_SHORTEST_SECONDS, _LONGEST_SECONDS, _LAST_SECONDS = 0.3, 0.5, 8.0  # how long a picture is shown
_MOST_FRAMES = 70
_WIDTH, _HEIGHT, _MARGIN = 8.4, 18, 12
_COLOURS = {
    "default": "#d0d7de",
    "black": "#6e7681",
    "red": "#ff7b72",
    "green": "#56d364",
    "brown": "#e3b341",
    "blue": "#79c0ff",
    "magenta": "#d2a8ff",
    "cyan": "#76e3ea",
    "white": "#f0f6fc",
}

Row = tuple[tuple[str, str, bool], ...]
"""The pieces of a line: text, colour, bold."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of the terminal, and for how long it is shown."""

    rows: tuple[Row, ...]
    seconds: float


def record(command: tuple[str, ...]) -> list[Frame]:
    """Run a command in a terminal; return its pictures."""
    import pyte

    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.ByteStream(screen)
    stream.feed(b"$ " + " ".join(command).encode() + b"\r\n")
    frames: list[tuple[float, tuple[Row, ...]]] = []
    for data in _output(command):
        stream.feed(data)
        now = time.monotonic()
        rows = _rows(screen)
        if not frames or (rows != frames[-1][1] and now - frames[-1][0] >= _SHORTEST_SECONDS):
            frames.append((now, rows))
    frames.append((time.monotonic(), _rows(screen)))
    thinned = [*frames[: -1 : max(1, len(frames) // _MOST_FRAMES)], frames[-1]]
    gaps = [min(later[0] - earlier[0], _LONGEST_SECONDS) for earlier, later in pairwise(thinned)]
    return [Frame(rows, seconds) for (_, rows), seconds in zip(thinned, [*gaps, _LAST_SECONDS], strict=True)]


def _output(command: tuple[str, ...]) -> Iterator[bytes]:
    child, terminal = pty.fork()
    if child == 0:
        hidden = {"CI", "NO_COLOR", "GITHUB_STEP_SUMMARY"}
        environment = {name: value for name, value in os.environ.items() if name not in hidden}
        environment |= {"TERM": "xterm-256color", "COLUMNS": str(COLUMNS), "LINES": str(LINES)}
        os.execve(sys.executable, [sys.executable, "-m", *command], environment)  # noqa: S606 - our own program
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    try:
        while True:
            select.select([terminal], [], [])
            yield os.read(terminal, 65536)
    except OSError:  # Linux reports the end of the program so
        os.waitpid(child, 0)


def _rows(screen: Any) -> tuple[Row, ...]:
    rows = []
    for number in range(screen.lines):
        cells = [screen.buffer[number][column] for column in range(screen.columns)]
        pieces = [
            ("".join(cell.data for cell in same), colour, bold)
            for (colour, bold), same in groupby(cells, key=lambda cell: (cell.fg, cell.bold))
        ]
        while pieces and not pieces[-1][0].strip():
            pieces.pop()
        rows.append(tuple(pieces))
    return tuple(rows)


def svg(frames: list[Frame], title: str) -> str:
    """Return an animation: a film strip of the frames behind a window."""
    ids: dict[Row, str] = {}
    strip = []
    height = LINES * _HEIGHT
    for index, frame in enumerate(frames):
        for number, row in enumerate(frame.rows):
            if row:
                name = ids.setdefault(row, f"r{len(ids)}")
                strip.append(f'<use href="#{name}" y="{index * height + number * _HEIGHT}"/>')
    width = round(COLUMNS * _WIDTH) + 2 * _MARGIN
    rows = "\n".join(_row(row, name) for row, name in ids.items())
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height + 2 * _MARGIN}" role="img"
 viewBox="0 0 {width} {height + 2 * _MARGIN}"><title>{escape(title)}</title>
<style>
text {{ font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre }}
.b {{ font-weight: bold }}
#film {{ animation: film {sum(frame.seconds for frame in frames):.1f}s step-end infinite }}
@keyframes film {{ {_keyframes(frames, height)} }}
@media (prefers-reduced-motion: reduce) {{
#film {{ animation: none; transform: translateY(-{(len(frames) - 1) * height}px) }} }}
</style>
<defs>
{rows}
</defs>
<rect width="100%" height="100%" rx="8" fill="#0d1117"/>
<svg x="{_MARGIN}" y="{_MARGIN}" width="{width - 2 * _MARGIN}" height="{height}"><g id="film">
{chr(10).join(strip)}
</g></svg></svg>
"""


def _keyframes(frames: list[Frame], height: int) -> str:
    total, passed, steps = sum(frame.seconds for frame in frames), 0.0, []
    for index, frame in enumerate(frames):
        steps.append(f"{100 * passed / total:.2f}% {{ transform: translateY(-{index * height}px) }}")
        passed += frame.seconds
    return " ".join(steps)


def _row(row: Row, name: str) -> str:
    pieces, column = [], 0
    for text, colour, bold in row:
        if text.strip():
            style = ' class="b"' if bold else ""
            fill = _COLOURS.get(colour, f"#{colour}" if len(colour) == len("d0d7de") else _COLOURS["default"])
            start = column + len(text) - len(text.lstrip())
            pieces.append(f'<tspan x="{start * _WIDTH:.1f}" fill="{fill}"{style}>{escape(text.strip())}</tspan>')
        column += len(text)
    return f'<text id="{name}" y="14">{"".join(pieces)}</text>'


if __name__ == "__main__":
    PAGE.write_text(svg(record(COMMAND), "A recording of `awsroll demo`"))
    sys.stdout.write(f"{PAGE}: {PAGE.stat().st_size:,} bytes\n")
