"""Explores every case, and prints the number of states and the problems of each.

    python -m tests.model.everything                       what a workflow runs every night
    python -m tests.model.everything --size 2 --faults 2   each strategy on both kinds of fleet of two, up to two faults
    python -m tests.model.everything --size 1 2 3 4 --faults 0 1 2        all of it (days)
    python -m tests.model.everything --strategy reload --kind group --size 2 --faults 1 --reversed

Exits with 0 only if nothing is wrong. `tests/model/runs.py` lists the limits of the model.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from os import cpu_count

from tests.model import runs
from tests.model.cases import KINDS, STRATEGIES


def main(arguments: Sequence[str]) -> int:
    """Run the command; return its exit code."""
    wanted = _parser().parse_args(arguments)
    user_requests = runs.EVERY_NIGHT
    if wanted.size or wanted.faults:
        user_requests = runs.all_cases(tuple(wanted.size or (2,)), tuple(wanted.faults or (1,)))
    user_requests = tuple(one for one in user_requests if one[0] in wanted.kind and one[1] in wanted.strategy)
    begun, states, wrong = time.monotonic(), 0, 0
    _say((runs.__doc__ or "").partition("\n\n")[2])
    with ProcessPoolExecutor(max_workers=wanted.jobs) as pool:
        for future in runs.explore_all(user_requests, pool, backwards=wanted.reversed).values():
            explored = future.result()
            states, wrong = states + explored.states, wrong + bool(explored.problem)
            _say(runs.report(explored))
    _say(f"{len(user_requests)} cases, {states} states, {wrong} wrong, {time.monotonic() - begun:.0f} s")
    return 1 if wrong else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.model.everything", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--size", type=int, nargs="+", help="how many servers (default: 2, if --faults is given)")
    parser.add_argument(
        "--faults", type=int, nargs="+", help="how many faults at most (default: 1, if --size is given)"
    )
    parser.add_argument("--strategy", nargs="+", choices=list(STRATEGIES), default=list(STRATEGIES))
    parser.add_argument("--kind", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--reversed", action="store_true", help="break ties between servers in reverse order")
    parser.add_argument("--jobs", type=int, default=cpu_count(), help="how many at a time (default: one a processor)")
    return parser


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - this is a command


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
