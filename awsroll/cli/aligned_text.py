"""Rows of text as lines with aligned columns. Each cell becomes printable text on one line."""

import textwrap
from collections.abc import Sequence

from awsroll.printable import printable

_GAP = "  "
_NARROWEST = 24


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as lines with aligned columns."""
    if not rows:
        return ""
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "\n".join(
        _GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def labelled(rows: Sequence[tuple[str, str]], width: int | None = None) -> str:
    """Return rows of a label and a text, aligned. A text that is too long continues below itself.

    Args:
        rows: the labels and texts.
        width: the columns of the terminal; None: no line is wrapped.
    """
    label = max((len(printable(name)) for name, _ in rows), default=0)
    room = None if width is None else max(_NARROWEST, width - label - len(_GAP))
    wrapped = [
        (name if number == 0 else "", line)
        for name, text in rows
        for number, line in enumerate(_lines(printable(text), room))
    ]
    return aligned(wrapped)


def _lines(text: str, room: int | None) -> list[str]:
    if room is None or len(text) <= room:
        return [text]
    return textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False)
