"""A small chart of the capacity over time, in characters: serving and live servers, with the floor and the ceiling."""

from collections.abc import Sequence
from itertools import pairwise

from awsroll.core.model.duration_text import rough_duration
from awsroll.report.simulate import Point

_SERVING, _LIVE, _EMPTY = "█", "░", " "
_COLUMNS, _MOST_ROWS = 56, 6


def capacity_chart(points: Sequence[Point], seconds: float, *, floor: int, ceiling: int) -> list[str]:
    """Return the lines of the chart; none if nothing changes over time.

    Args:
        points: the expected capacity, oldest first.
        seconds: the end of the rollout.
        floor: serving servers never fall below it.
        ceiling: live servers never exceed it.
    """
    if seconds <= 0 or not points:
        return []
    columns = _columns(points, seconds)
    levels = _levels(floor, max([ceiling, *(point.live for point in points)]))
    names = {floor: "floor", ceiling: "ceiling"}
    width = max(len(f"{names.get(level, '')} {level}") for level in levels)
    lines = [
        f"{names.get(level, '')} {level}".rjust(width) + " ┤" + "".join(_mark(column, level) for column in columns)
        for level in levels
    ]
    end = rough_duration(seconds)
    return [*lines, f"{'':{width}} └{'─' * _COLUMNS}", f"{'':{width}}  start{end.rjust(_COLUMNS - len('start'))}"]


def _columns(points: Sequence[Point], seconds: float) -> list[tuple[int, int]]:
    """Return for each column the fewest servers that serve and the most that live in its part of the time."""
    step = seconds / _COLUMNS
    found: list[list[Point]] = [[] for _ in range(_COLUMNS)]
    spans = [*pairwise(points), (points[-1], None)]
    for point, following in spans:
        end = seconds if following is None else following.at
        for column in range(min(_COLUMNS - 1, int(point.at / step)), min(_COLUMNS, int(end / step) + 1)):
            found[column].append(point)
    return [(min(each.serving for each in part), max(each.live for each in part)) for part in found]


def _levels(floor: int, top: int) -> list[int]:
    """Return the numbers of servers that have a row, the highest first: always the floor and the top."""
    rows = min(_MOST_ROWS, top - floor + 1)
    if rows <= 1:
        return [top]
    return sorted({round(floor + (top - floor) * row / (rows - 1)) for row in range(rows)}, reverse=True)


def _mark(column: tuple[int, int], level: int) -> str:
    serving, live = column
    return _SERVING if serving >= level else _LIVE if live >= level else _EMPTY
