"""Makes every cut of every scenario, and prints the number of cuts and the problems.

    python -m tests.crash.everything                    every cut, resumed sooner and later, and a few second cuts
    python -m tests.crash.everything --twice 1          every second cut too (days)
    python -m tests.crash.everything --processes        real processes, killed at every mutating call
    python -m tests.crash.everything --scenario group-replace --cuts 17 4      that one run, with its history

Exits with 0 only if nothing went wrong. The tests beside this file run it with a share of the cuts.
"""

import argparse
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import product
from os import cpu_count
from random import Random

from tests.crash import processes, story
from tests.crash.branches import Choice, tell_all
from tests.crash.knife import Instant
from tests.crash.processes import WHEN, Kill, ProcessStory
from tests.crash.scenarios import SCENARIOS
from tests.crash.story import Story

GAPS = (0.0, 20.0, 400.0, 50_000.0)
"""Seconds between a death and the next process: none; during an AWS operation; after it; after AWS has forgotten it."""


def chosen(wanted: argparse.Namespace) -> Choice:
    """Return the choice of cuts of the command line; it repeats exactly."""

    def is_cut(cuts: tuple[int, ...], here: Instant) -> bool:
        share = 0.0
        if not cuts and wanted.at:
            share = wanted.share if here.mutates and here.what.rpartition(":")[2] in wanted.at else 0.0
        elif not cuts:
            share = max(wanted.share if here.is_distinct else 0.0, wanted.mutating if here.mutates else 0.0)
        elif len(cuts) == 1 and here.is_distinct:
            share = wanted.twice
        return Random(repr((wanted.seed, cuts, here.number))).random() < share  # noqa: S311 - repeats by its seed

    return is_cut


def cut_all(run: tuple[str, float], wanted: argparse.Namespace) -> list[Story]:
    """Make the cuts of one scenario, and run it once without cuts."""
    name, gap = run
    return tell_all(SCENARIOS[name], chosen(wanted), gap=gap)


def kills_of(name: str, wanted: argparse.Namespace) -> list[tuple[str, tuple[Kill, ...]]]:
    """Return the kills of one scenario's first process, and the run without kills."""
    trail = story.tell(SCENARIOS[name]).trails[0]
    calls = sum(what.startswith("before") and ":" in what and _mutates(what) for what in trail)
    chance = Random(repr((wanted.seed, name)))  # noqa: S311 - repeats by its seed
    kills = (Kill(call=number, when=when) for number, when in product(range(1, calls + 1), WHEN))
    picked = [(name, (kill,)) for kill in kills if chance.random() < wanted.share]
    return [(name, ()), *picked] if wanted.share == 1 else picked


def _mutates(what: str) -> bool:
    return not what.rpartition(":")[2].startswith(("Describe", "List", "Get"))


def kill(run: tuple[str, tuple[Kill, ...]]) -> list[ProcessStory]:
    """Make one run in processes that are killed."""
    name, kills = run
    return [processes.tell(SCENARIOS[name], kills)]


def main(arguments: Sequence[str]) -> int:
    """Run the command; return its exit code."""
    wanted = _parser().parse_args(arguments)
    names = wanted.scenario or list(SCENARIOS)
    if wanted.cuts:
        return _tell_one(names, tuple(wanted.cuts), wanted.gap[0] if wanted.gap else 0.0)
    begun = time.monotonic()
    with ProcessPoolExecutor(max_workers=wanted.jobs) as pool:
        if wanted.processes:
            runs = [run for some in pool.map(partial(kills_of, wanted=wanted), names) for run in some]
            made, failed = _print_all(pool.map(kill, runs))
        else:
            made, failed = _print_all(pool.map(partial(cut_all, wanted=wanted), product(names, wanted.gap or GAPS)))
    _say(f"{made} cuts of {len(names)} scenarios, {failed} went wrong, {time.monotonic() - begun:.0f} s")
    return 1 if failed or not made else 0


def _parser() -> argparse.ArgumentParser:
    summary = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m tests.crash.everything", description=summary)
    parser.add_argument("--scenario", action="append", choices=list(SCENARIOS), help="only this scenario; repeatable")
    parser.add_argument("--processes", action="store_true", help="kill real processes, in real time")
    parser.add_argument(
        "--gap", action="append", type=float, help=f"seconds until the rollout is resumed (default: {GAPS})"
    )
    parser.add_argument("--share", type=float, default=1.0, help="share of the cuts or kills (default: 1, all)")
    parser.add_argument(
        "--mutating", type=float, default=0.0, help="a larger share of the cuts next to a mutating call"
    )
    parser.add_argument("--twice", type=float, default=0.01, help="share of second cuts (default: 0.01)")
    parser.add_argument("--at", action="append", help="only right before and after this operation; repeatable")
    parser.add_argument("--seed", type=int, default=0, help="seed of the samples (default: 0)")
    parser.add_argument("--jobs", type=int, default=cpu_count(), help="how many at a time (default: one a processor)")
    parser.add_argument("--cuts", type=int, nargs="+", help="one run: where its first, second, ... process dies")
    return parser


def _print_all(results: Iterable[Sequence[Story | ProcessStory]]) -> tuple[int, int]:
    made = failed = 0
    for stories in results:
        bad = [each for each in stories if each.problems]
        cuts = sum(each.is_cut for each in stories)
        made, failed = made + cuts, failed + len(bad)
        _say(f"{stories[0].title}: {cuts} cuts, {len(bad)} wrong")
        for each in bad:
            _say(str(each))
    return made, failed


def _tell_one(names: Sequence[str], cuts: tuple[int, ...], gap: float) -> int:
    stories = [story.tell(SCENARIOS[name], cuts, gap=gap) for name in names]
    for each in stories:
        _say("\n".join(each.history))
        _say(str(each) if each.problems else f"{each.scenario}: no problems")
    return 1 if any(each.problems for each in stories) else 0


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - this is a command


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
