"""A state machine as a graph: its states, and which state may follow which.

States of one kind that come after the same states and lead to the same ones, as the Wait states of the phases do, are
one node of several lines: a picture of them shows nothing else.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A state, or several similar states.

    Attributes:
        names: of the states, a line each.
        kind: `Task`, `Choice`, `Wait`, …
    """

    names: tuple[str, ...]
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Edge:
    """An edge from one node to another, by their numbers; `failure`: only taken if a call has failed."""

    start: int
    end: int
    failure: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """Nodes in the order of the definition, and the edges between them."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def graph_of(machine: Mapping[str, Any]) -> Graph:
    """Return the graph of a definition."""
    states: Mapping[str, Mapping[str, Any]] = machine["States"]
    ways = {name: tuple(dict(_ways(state)).items()) for name, state in states.items()}
    before: dict[str, set[str]] = {name: {machine["StartAt"]} & {name} for name in states}
    for name, found in ways.items():
        for following, _ in found:
            before[following].add(name)
    alike: dict[Any, list[str]] = {}
    for name, state in states.items():
        alike.setdefault((state["Type"], frozenset(before[name]), ways[name]), []).append(name)
    nodes = tuple(Node(names=tuple(names), kind=kind) for (kind, *_), names in alike.items())
    numbers = {name: number for number, node in enumerate(nodes) for name in node.names}
    edges = {
        Edge(start=numbers[name], end=numbers[following], failure=failure)
        for name, found in ways.items()
        for following, failure in found
        if following != name
    }
    return Graph(nodes=nodes, edges=tuple(sorted(edges)))


def _ways(state: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """Yield the states that may follow a state, and whether only after a failure. The last value of a target counts."""
    for caught in state.get("Catch", ()):
        yield caught["Next"], True
    for rule in state.get("Choices", ()):
        yield rule["Next"], False
    for key in ("Default", "Next"):
        if key in state:
            yield state[key], False
