"""The layout of a graph: nodes in rows from the start downwards, so that few edges cross.

The usual four steps: turn ways that lead back, give each node a row, order the rows, choose places in them. A way over
several rows passes a point in each of those between. Everything is decided by the order of the definition: the same
definition gives the same picture.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import mean

from picture.graph import Edge, Graph

_SWEEPS = 24
_BEND_WIDTH = 14.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The positions of nodes and edges.

    Attributes:
        rows: of nodes, and of the points that ways pass: by number, those of points beyond those of nodes.
        across: the middle of each, by number.
        routes: what each way passes, from its start to its end.
    """

    rows: tuple[tuple[int, ...], ...]
    across: Mapping[int, float]
    routes: Mapping[Edge, tuple[int, ...]]


def lay_out(graph: Graph, widths: Sequence[float], *, gap: float) -> Layout:
    """Return the layout of nodes with these widths and this gap between them."""
    down = {edge: _turned(edge, graph) for edge in graph.edges}
    row_of = _rows(len(graph.nodes), list(down.values()))
    routes: dict[Edge, tuple[int, ...]] = {}
    rows: list[list[int]] = [[] for _ in range(max(row_of) + 1)]
    for node, row in enumerate(row_of):
        rows[row].append(node)
    links: list[tuple[int, int]] = []
    shared: dict[tuple[int, int, bool], int] = {}
    number = len(graph.nodes)
    for edge, (upper, lower) in down.items():
        passed = [upper]
        for row in range(row_of[upper] + 1, row_of[lower]):
            # Ways to the same end share their points: they are drawn as one stream.
            key = (edge.end, row, edge.failure)
            if key not in shared:
                shared[key] = number
                rows[row].append(number)
                number += 1
            passed.append(shared[key])
        passed.append(lower)
        links += pairwise(passed)
        routes[edge] = tuple(passed if upper == edge.start else reversed(passed))
    wide = [*widths, *[_BEND_WIDTH] * (number - len(widths))]
    links = list(dict.fromkeys(links))
    ordered = _ordered(rows, links)
    return Layout(rows=tuple(map(tuple, ordered)), across=_across(ordered, links, wide, gap), routes=routes)


def _turned(edge: Edge, graph: Graph) -> tuple[int, int]:
    """Return the upper and lower end of an edge: an edge that closes a cycle leads up."""
    return (edge.end, edge.start) if edge in _back(graph) else (edge.start, edge.end)


def _back(graph: Graph) -> frozenset[Edge]:
    """Return the edges that lead back to a node on the path from the start, in depth-first order."""
    leaving: dict[int, list[Edge]] = {}
    for edge in sorted(graph.edges, key=lambda edge: (edge.start, edge.failure, edge.end)):
        leaving.setdefault(edge.start, []).append(edge)
    found: set[Edge] = set()
    open_nodes: set[int] = set()
    left: set[int] = set()

    def follow(node: int) -> None:
        open_nodes.add(node)
        for edge in leaving.get(node, ()):
            if edge.end in open_nodes:
                found.add(edge)
            elif edge.end not in left:
                follow(edge.end)
        open_nodes.discard(node)
        left.add(node)

    for node in range(len(graph.nodes)):
        if node not in left:
            follow(node)
    return frozenset(found)


def _rows(count: int, down: Sequence[tuple[int, int]]) -> list[int]:
    """Place each node one row below the lowest of its predecessors."""
    row_of = [0] * count
    for _ in range(count):
        for upper, lower in down:
            row_of[lower] = max(row_of[lower], row_of[upper] + 1)
    return row_of


def _ordered(rows: list[list[int]], links: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Order each row by the mean position of linked nodes, alternating downwards and upwards; keep the best order."""
    best = [list(row) for row in rows]
    fewest = _crossings(best, links)
    current = [list(row) for row in rows]
    for sweep in range(_SWEEPS):
        downward = sweep % 2 == 0
        for row in range(1, len(current)) if downward else range(len(current) - 2, -1, -1):
            place = {one: at for at, one in enumerate(current[row - 1 if downward else row + 1])}
            linked = _linked(links, upward=downward)
            middle = {
                one: mean(found) if (found := [place[x] for x in linked.get(one, ()) if x in place]) else float(at)
                for at, one in enumerate(current[row])
            }
            current[row].sort(key=middle.__getitem__)
        crossed = _crossings(current, links)
        if crossed < fewest:
            fewest, best = crossed, [list(row) for row in current]
    return best


def _linked(links: Sequence[tuple[int, int]], *, upward: bool) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for upper, lower in links:
        found.setdefault(lower if upward else upper, []).append(upper if upward else lower)
    return found


def _crossings(rows: list[list[int]], links: Sequence[tuple[int, int]]) -> int:
    place = {one: (row, at) for row, ones in enumerate(rows) for at, one in enumerate(ones)}
    total = 0
    for row in range(len(rows) - 1):
        ends = [(place[upper][1], place[lower][1]) for upper, lower in links if place[upper][0] == row]
        total += sum((a - c) * (b - d) < 0 for at, (a, b) in enumerate(ends) for c, d in ends[:at])
    return total


def _across(
    rows: list[list[int]], links: Sequence[tuple[int, int]], wide: Sequence[float], gap: float
) -> dict[int, float]:
    """Place the nodes of each row near the mean position of linked nodes, without overlaps."""
    across: dict[int, float] = {}
    for row in rows:
        at = 0.0
        for one in row:
            across[one] = at + wide[one] / 2
            at += wide[one] + gap
    above, below = _linked(links, upward=True), _linked(links, upward=False)
    for sweep in range(_SWEEPS * 2):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            wanted = {
                one: mean(across[other] for other in near)
                if (near := [*above.get(one, ()), *below.get(one, ())])
                else across[one]
                for one in row
            }
            _place(row, wanted, wide, gap, across)
    leftmost = min(at - wide[one] / 2 for one, at in across.items())
    return {one: at - leftmost for one, at in across.items()}


def _place(
    row: list[int], wanted: Mapping[int, float], wide: Sequence[float], gap: float, across: dict[int, float]
) -> None:
    """Place each node at its wanted position; nodes that would overlap become a block around their mean position."""
    blocks: list[tuple[list[int], float]] = []  # what is in it, and where its first one wants to be
    for one in row:
        members, start = [one], wanted[one]
        while blocks:
            before, begun = blocks[-1]
            offset = _offsets([*before, members[0]], wide, gap)[-1]
            if begun + offset <= start:
                break
            blocks.pop()
            merged = [*before, *members]
            offsets = _offsets(merged, wide, gap)
            members, start = merged, mean(wanted[x] - o for x, o in zip(merged, offsets, strict=True))
        blocks.append((members, start))
    for members, start in blocks:
        for one, offset in zip(members, _offsets(members, wide, gap), strict=True):
            across[one] = start + offset


def _offsets(members: Sequence[int], wide: Sequence[float], gap: float) -> list[float]:
    found = [0.0]
    for left, right in pairwise(members):
        found.append(found[-1] + wide[left] / 2 + gap + wide[right] / 2)
    return found
