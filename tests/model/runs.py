"""Which cases are explored: a choice that fits in CI's time, and all of them.

Limits of the whole model, to be read with its figures:

- fleets of at most four servers in one zone, with one target group and one port;
- a look shows the whole truth at once: nothing is stale, and nothing happens between a look and its calls;
- time has three strides (see `times`): clocks that run at the same time are told apart only by stride, and all
  deadlines are equally long;
- servers that are alike are merged, and where the planner breaks ties by id, one way of breaking them is seen (two,
  with `--reversed`);
- somebody sets another desired capacity only while no call of ours that moves it is on its way: what such a number
  means cannot be told by anybody;
- a rollout "can" end by kind events: that it does so in every fair order is for the property tests to try.
"""

from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import replace
from typing import Any

from tests.model.cases import STRATEGIES, case
from tests.model.explore import Case, Explored, Explorer
from tests.model.moves import watched_moves

Wish = tuple[str, str, int, int]
Running = dict[Wish, Future[Explored]]

# The longest first, so that two processors are busy to the end.
IN_CI: tuple[Wish, ...] = (
    ("group", "launch-first", 2, 1),
    ("group", "reload", 2, 1),
    ("standalone", "double-half", 2, 1),
    ("standalone", "keep-old", 2, 1),
    ("group", "replace", 1, 2),
    ("group", "double-half", 1, 1),
    ("group", "keep-old", 1, 1),
    ("standalone", "launch-first", 2, 1),
    ("standalone", "reload", 2, 1),
    ("standalone", "replace", 2, 1),
    ("standalone", "checkpoint", 2, 1),
    ("standalone", "checkpoint-double-half", 2, 1),
    *((kind, strategy, 3, 0) for kind in ("standalone", "group") for strategy in ("replace", "launch-first", "reload")),
    ("standalone", "double-half", 4, 0),
    ("standalone", "keep-old", 3, 0),
    ("standalone", "two-at-a-time", 4, 0),
    ("group", "reload", 4, 0),
    ("group", "double-half", 3, 0),
    ("group", "keep-old", 2, 0),
    ("group", "checkpoint", 2, 0),
    ("group", "two-at-a-time", 2, 0),
)


def all_wishes(sizes: tuple[int, ...], faults: tuple[int, ...]) -> tuple[Wish, ...]:
    """Return every case of these sizes, with these numbers of faults."""
    return tuple(
        (kind, strategy, size, count)
        for count in faults
        for size in sizes
        for kind in ("standalone", "group")
        for strategy in STRATEGIES
    )


def explore(wish: Wish, *, backwards: bool = False) -> Explored:
    """Explore one case."""
    kind, strategy, size, faults = wish
    with watched_moves() as moves:
        explored = Explorer(case(kind, strategy, size, faults, backwards=backwards)).run()
    return replace(explored, moves=frozenset(moves))


def explore_all(wishes: tuple[Wish, ...], pool: ProcessPoolExecutor, **how: Any) -> Running:
    """Explore cases side by side."""
    return {wish: pool.submit(explore, wish, **how) for wish in wishes}


def told(explored: Explored) -> str:
    """Return a case's figures in one line, and its problem, if any, with all that led to it."""
    made: Case = explored.case
    line = f"{made.name}: {explored.states} states, {explored.edges} kind steps, {explored.ends} ends"
    return "\n".join((line, explored.problem, *explored.story)) if explored.problem else line
