"""The difference of two documents: runs of lines that stay, and lines that are new."""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from awsroll.recording.documents import Document, DocumentError

Run: TypeAlias = tuple[int, int]
"""The first line of the document before that stays, and the number of lines."""
Delta: TypeAlias = tuple[Run | str, ...]

LONGEST = 1_000_000
"""The most lines of a document: a small delta may not become a large document."""


def delta(before: Document, after: Document) -> Delta:
    """Return what makes one document from another."""
    if before == after:
        return ((0, len(before)),) if before else ()
    places = {line: place for place, line in enumerate(before)}
    found = list[Run | str]()
    for line in after:
        last = found[-1] if found else ""
        if not isinstance(last, str) and before[last[0] + last[1] : last[0] + last[1] + 1] == (line,):
            found[-1] = (last[0], last[1] + 1)
        elif (place := places.get(line)) is not None:
            found.append((place, 1))
        else:
            found.append(line)
    return tuple(found)


def patched(before: Document, change: Iterable[Run | str]) -> Document:
    """Return the document that `delta` described.

    Raises:
        DocumentError: if it is not a delta of the document.
    """
    lines = list[str]()
    for each in change:
        lines += (each,) if isinstance(each, str) else _run(before, each)
        if len(lines) > LONGEST:
            problem = "a document is too long"
            raise DocumentError(problem)
    return tuple(lines)


def _run(before: Sequence[str], run: Run) -> Sequence[str]:
    first, count = run
    if first < 0 or count < 1 or first + count > len(before):
        problem = "a run of lines is outside the document before"
        raise DocumentError(problem)
    return before[first : first + count]
