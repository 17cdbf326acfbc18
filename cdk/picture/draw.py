"""Draw a graph with its layout as SVG."""

from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

from picture.graph import Edge, Node, graph_of
from picture.layout import Layout, lay_out

_LETTER, _LINE, _PADDING = 7.4, 18.0, 14.0
_GAP, _ROW_GAP, _MARGIN, _HEAD = 26.0, 56.0, 24.0, 74.0
_STUB = 11.0  # upright before and after each row: arrowheads stand on it
_FILLS = {
    "Task": ("#dbeafe", "#2563eb"),
    "Map": ("#cffafe", "#0e7490"),
    "Parallel": ("#cffafe", "#0e7490"),
    "Choice": ("#fef3c7", "#b45309"),
    "Wait": ("#ede9fe", "#7c3aed"),
    "Pass": ("#f3f4f6", "#6b7280"),
    "Succeed": ("#dcfce7", "#15803d"),
    "Fail": ("#fee2e2", "#b91c1c"),
}
_SAID = {
    "Task": "calls a function or an API",
    "Map": "one for each fleet",
    "Parallel": "branches at the same time",
    "Choice": "decides",
    "Wait": "waits",
    "Pass": "arranges",
    "Succeed": "succeeded",
    "Fail": "failed",
}
_USUAL, _FAILURE = "#4b5563", "#dc2626"


def picture(machine: Mapping[str, Any], *, title: str) -> str:
    """Return the picture of a definition."""
    graph = graph_of(machine)
    widths = [max(len(name) for name in node.names) * _LETTER + 2 * _PADDING for node in graph.nodes]
    layout = lay_out(graph, widths, gap=_GAP)
    heights = [len(node.names) * _LINE + _PADDING for node in graph.nodes]
    bands, bottom = _bands(layout, heights)
    kinds = [kind for kind in _FILLS if any(node.kind == kind for node in graph.nodes)]
    right = max(
        [at + (widths[one] / 2 if one < len(widths) else 0) for one, at in layout.across.items()]
        + [sum(_key_width(kind) for kind in kinds)]
    )
    width, height = right + 2 * _MARGIN, bottom + _MARGIN
    middles = {one: (at + _MARGIN, sum(bands[one]) / 2) for one, at in layout.across.items()}
    size = f'width="{width:.0f}" height="{height:.0f}"'
    font = 'font-family="Helvetica, Arial, sans-serif" font-size="13"'
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" {size} {font}>',
        f"<title>{escape(title)}</title>",
        f'<rect {size} fill="#ffffff"/>',
        *(_arrow(colour) for colour in (_USUAL, _FAILURE)),
        f'<text x="{_MARGIN:.0f}" y="30" font-size="17" font-weight="bold">{escape(title)}</text>',
        *_key(kinds),
        *(_way(edge, _stops(edge, layout, bands, heights)) for edge in graph.edges),
        *(_box(node, middles[at], widths[at], heights[at]) for at, node in enumerate(graph.nodes)),
        "</svg>",
    ]
    return "\n".join(drawn) + "\n"


def _bands(layout: Layout, heights: Sequence[float]) -> tuple[dict[int, tuple[float, float]], float]:
    """Return the top and bottom of each row, and the bottom of the last row."""
    found, top = {}, _HEAD
    for row in layout.rows:
        tallest = max((heights[one] for one in row if one < len(heights)), default=0.0)
        found.update(dict.fromkeys(row, (top - _STUB, top + tallest + _STUB)))
        top += tallest + _ROW_GAP
    return found, top - _ROW_GAP


def _arrow(colour: str) -> str:
    return (
        f'<marker id="{colour[1:]}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
        f'orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="{colour}"/></marker>'
    )


def _key_width(kind: str) -> float:
    return len(_SAID[kind]) * _LETTER + 36


def _key(kinds: Sequence[str]) -> list[str]:
    found, at = [], _MARGIN
    for kind in kinds:
        fill, line = _FILLS[kind]
        found.append(f'<rect x="{at:.0f}" y="44" width="14" height="14" rx="3" fill="{fill}" stroke="{line}"/>')
        found.append(f'<text x="{at + 20:.0f}" y="56" fill="#374151">{_SAID[kind]}</text>')
        at += _key_width(kind)
    return found


def _box(node: Node, middle: tuple[float, float], width: float, height: float) -> str:
    fill, line = _FILLS[node.kind]
    left, top = middle[0] - width / 2, middle[1] - height / 2
    corner = height / 2 if node.kind in ("Succeed", "Fail") else 5
    lines = [
        f'<text x="{middle[0]:.1f}" y="{top + _PADDING / 2 + _LINE * (at + 0.72):.1f}" '
        f'text-anchor="middle">{escape(name)}</text>'
        for at, name in enumerate(node.names)
    ]
    outline = f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" rx="{corner:.0f}"'
    return "\n".join([f'{outline} fill="{fill}" stroke="{line}"/>', *lines])


def _way(edge: Edge, stops: Sequence[tuple[float, float, float]]) -> str:
    """Draw an edge: vertical through rows and curved between them, so that it crosses no box."""
    x, _, y = stops[0]
    drawn = [f"M{x:.1f} {stops[0][1]:.1f} L{x:.1f} {y:.1f}"]
    for to_x, reached, left in stops[1:]:
        half = (y + reached) / 2
        drawn.append(f"C{x:.1f} {half:.1f} {to_x:.1f} {half:.1f} {to_x:.1f} {reached:.1f} L{to_x:.1f} {left:.1f}")
        x, y = to_x, left
    colour = _FAILURE if edge.failure else _USUAL
    dashes = ' stroke-dasharray="5 4"' if edge.failure else ""
    return f'<path d="{" ".join(drawn)}" fill="none" stroke="{colour}"{dashes} marker-end="url(#{colour[1:]})"/>'


def _stops(
    edge: Edge, layout: Layout, bands: Mapping[int, tuple[float, float]], heights: Sequence[float]
) -> list[tuple[float, float, float]]:
    """Return for each row of an edge: its horizontal position, and where its vertical line begins and ends."""
    route = layout.routes[edge]
    downward = bands[route[-1]] > bands[route[0]]
    found = []
    for one in route:
        near, far = bands[one] if downward else bands[one][::-1]
        across = layout.across[one] + _MARGIN
        if one in (route[0], route[-1]):
            across += _side(edge, route, layout, downward=downward)
            half = heights[one] / 2 * (1 if downward else -1)
            middle = (near + far) / 2
            near, far = (middle + half, far) if one == route[0] else (near, middle - half)
        found.append((across, near, far))
    return found


def _side(edge: Edge, route: Sequence[int], layout: Layout, *, downward: bool) -> float:
    """Return the offset at the ends of an edge: upward edges and failures are drawn beside the others."""
    if edge.failure:
        return 14.0 if layout.across[route[1]] >= layout.across[route[0]] else -14.0
    return 0.0 if downward else 8.0
