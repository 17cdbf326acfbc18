"""The cases to explore: some for each run of the tests, a selection for every night, and all cases.

Limits of the model:

- fleets of at most four servers in one zone, with one or two target groups on one port;
- an observation shows the true state: it is never stale, and nothing happens between an observation and its calls;
- time has three strides (see `times`): clocks that run at the same time differ only by stride, and all deadlines
  are equally long;
- equal servers are merged; where the planner breaks ties by id, one order is covered (two with `--reversed`);
- someone sets another desired capacity only while no call of ours changes it: otherwise the value is ambiguous;
- a rollout "can" end by kind events: the property tests check that it does end.
"""

from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import replace
from typing import Any

from tests.model.cases import KINDS, SECOND, STRATEGIES, case
from tests.model.explore import Case, Explored, Explorer
from tests.model.moves import watched_moves
from tests.support.launching import launching_batches

CaseKey = tuple[str, str, int, int]
Running = dict[CaseKey, Future[Explored]]

# Small cases that together make every move of the model.
COVERING: tuple[CaseKey, ...] = (
    ("standalone", "reload", 2, 1),
    ("standalone", "keep-old", 1, 1),
    ("group", "launch-first", 1, 1),
)

# With `COVERING`: each strategy on both kinds of fleet, with a fault or with one server more. `EVERY_NIGHT` has cases
# that are at least as large.
IN_CI: tuple[CaseKey, ...] = (
    ("standalone", "batches", 2, 1),
    ("standalone", "capped", 2, 1),
    ("standalone", "checkpoint", 2, 0),
    *(
        ("standalone", strategy, 1, 1)
        for strategy in ("replace", "launch-first", "checkpoint", "double-half", "checkpoint-double-half")
    ),
    *(("group", strategy, 1, 1) for strategy in ("replace", "double-half", "reload")),
    ("standalone", "keep-failed", 1, 1),
    ("group", "keep-failed", 1, 1),
    *((kind, f"launch-first-{SECOND}", 1, 1) for kind in ("standalone", "group")),
    ("standalone", "rehearse", 2, 0),
    ("group", "rehearse", 2, 0),
    ("standalone", "rehearse-reload", 1, 0),
    ("group", "rehearse-launch-first", 1, 0),
    *((kind, strategy, 3, 0) for kind in ("standalone", "group") for strategy in ("replace", "launch-first", "reload")),
    ("standalone", "double-half", 3, 0),
    ("standalone", "keep-old", 3, 0),
    ("standalone", "two-at-a-time", 2, 0),
    ("group", "double-half", 3, 0),
    ("group", "keep-old", 2, 0),
    ("group", "checkpoint", 2, 0),
    ("group", "checkpoint-double-half", 2, 0),
    ("group", "two-at-a-time", 2, 0),
)

# The longest case first, so that two processors are busy to the end.
EVERY_NIGHT: tuple[CaseKey, ...] = (
    ("group", f"launch-first-{SECOND}", 2, 1),
    *((kind, f"{name}-{SECOND}", 1, 1) for kind in KINDS for name in ("launch-first", "replace", "double-half")),
    *((kind, f"{name}-{SECOND}", 2, 0) for kind in KINDS for name in ("launch-first", "replace", "double-half")),
    ("group", "launch-first", 2, 1),
    ("group", "reload", 2, 1),
    ("standalone", "double-half", 2, 1),
    ("standalone", "keep-old", 2, 1),
    ("group", "replace", 1, 2),
    ("group", "double-half", 1, 1),
    ("group", "keep-old", 1, 1),
    ("group", "checkpoint-double-half", 1, 1),
    ("standalone", "batches", 2, 1),
    ("standalone", "launch-first", 2, 1),
    ("standalone", "reload", 2, 1),
    ("standalone", "replace", 2, 1),
    ("standalone", "capped", 2, 1),
    ("standalone", "keep-failed", 2, 1),
    ("group", "keep-failed", 1, 1),
    *((kind, f"rehearse{way}", 1, 1) for kind in ("standalone", "group") for way in ("", "-reload", "-launch-first")),
    *((kind, "rehearse", 2, 0) for kind in ("standalone", "group")),
    ("standalone", "checkpoint", 2, 1),
    ("standalone", "checkpoint-double-half", 2, 1),
    *((kind, strategy, 3, 0) for kind in ("standalone", "group") for strategy in ("replace", "launch-first", "reload")),
    ("standalone", "double-half", 4, 0),
    ("standalone", "keep-old", 3, 0),
    ("standalone", "two-at-a-time", 3, 0),  # of 4: thirteen minutes, since drains and boots overlap
    ("group", "reload", 4, 0),
    ("group", "double-half", 3, 0),
    ("group", "keep-old", 2, 0),
    ("group", "checkpoint", 2, 0),
    ("group", "two-at-a-time", 2, 0),
)


def all_cases(sizes: tuple[int, ...], faults: tuple[int, ...]) -> tuple[CaseKey, ...]:
    """Return every case of these sizes, with these numbers of faults."""
    return tuple(
        (kind, strategy, size, count)
        for count in faults
        for size in sizes
        for kind in ("standalone", "group")
        for strategy in STRATEGIES
    )


def explore(case_key: CaseKey, *, backwards: bool = False) -> Explored:
    """Explore one case."""
    kind, strategy, size, faults = case_key
    with watched_moves() as moves, launching_batches(wanted=strategy == "batches"):
        explored = Explorer(case(kind, strategy, size, faults, backwards=backwards)).run()
    return replace(explored, moves=frozenset(moves))


def explore_all(case_keys: tuple[CaseKey, ...], pool: ProcessPoolExecutor, **how: Any) -> Running:
    """Explore cases in parallel."""
    return {case_key: pool.submit(explore, case_key, **how) for case_key in case_keys}


def report(explored: Explored) -> str:
    """Return the figures of a case in one line, and its problem, if any, with the path to it."""
    made: Case = explored.case
    line = f"{made.name}: {explored.states} states, {explored.edges} kind steps, {explored.ends} ends"
    return "\n".join((line, explored.problem, *explored.story)) if explored.problem else line
