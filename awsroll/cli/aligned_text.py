"""Rows of text as lines with aligned columns. Each cell becomes printable text on one line."""

import re
import textwrap
from collections.abc import Sequence

from awsroll.printable import printable

_GAP = "  "
_INDENT = "    "
_NARROWEST = 24
_COMMAND = re.compile("`[^`]*`")
_GLUE = "\0"  # holds a command together; printable text has none


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as lines with aligned columns."""
    if not rows:
        return ""
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "\n".join(
        _GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def fitted(rows: Sequence[Sequence[str]], pairs: Sequence[tuple[Sequence[str], str]], width: int | None) -> str:
    """Return rows as a table, or as two lines for each if the terminal is too narrow for the table.

    Args:
        rows: the heading and the rows of the table.
        pairs: for each row, the cells of its first line, and its second line.
        width: the columns of the terminal; None: the table may be as wide as it is.
    """
    table = aligned(rows)
    if width is None or max(map(len, table.splitlines())) <= width:
        return table
    room = max(_NARROWEST, width - len(_INDENT))
    lines: list[str] = []
    for first, (_, second) in zip(aligned([cells for cells, _ in pairs]).splitlines(), pairs, strict=True):
        lines += [first, *(f"{_INDENT}{line}" for line in wrapped(printable(second), room))]
    return "\n".join(lines)


def labelled(rows: Sequence[tuple[str, str]], width: int | None = None) -> str:
    """Return rows of a label and a text, aligned. A text that is too long continues below itself.

    Args:
        rows: the labels and texts.
        width: the columns of the terminal; None: no line is wrapped.
    """
    label = max((len(printable(name)) for name, _ in rows), default=0)
    room = None if width is None else max(_NARROWEST, width - label - len(_GAP))
    lines = [
        (name if number == 0 else "", line)
        for name, text in rows
        for number, line in enumerate(wrapped(printable(text), room))
    ]
    return aligned(lines)


def wrapped(text: str, width: int | None) -> list[str]:
    """Return a printable text in lines that break between words, and never within a `command` that one may paste.

    Args:
        text: the text.
        width: the columns of the terminal; None: no line is wrapped.
    """
    if width is None or len(text) <= width:
        return [text]
    glued = _COMMAND.sub(lambda found: found[0].replace(" ", _GLUE), text)
    lines = textwrap.wrap(glued, width, break_long_words=False, break_on_hyphens=False)
    return [line.replace(_GLUE, " ") for line in lines]
