"""Makes every cut of every scenario, and prints how many were made and what went wrong.

    python -m tests.crash.everything                       each cut, and a sample of second cuts while resuming
    python -m tests.crash.everything --twice 1             each second cut too (hours)
    python -m tests.crash.everything --processes           real processes, killed at each mutating call
    python -m tests.crash.everything --scenario group-replace --cuts 17 4      that one run, with its history

Exits with 0 only if nothing went wrong. The tests beside this file make a sample of the same cuts.
"""

import argparse
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import product
from os import cpu_count

from tests.crash import processes, story
from tests.crash.branches import sampled, tell_all
from tests.crash.processes import Kill, ProcessStory
from tests.crash.scenarios import SCENARIOS
from tests.crash.story import Story

GAPS = (0.0, 20.0, 400.0, 50_000.0)
"""Seconds between a death and the next process: at once; in the middle; after it; when AWS has forgotten."""


def cut_all(wish: tuple[str, float], *, twice: float, seed: int) -> list[Story]:
    """Make each cut of one scenario's first process, and a part of the second ones."""
    name, gap = wish
    return tell_all(SCENARIOS[name], sampled(1, twice, seed=seed), gap=gap)


def kill_all(name: str) -> list[ProcessStory]:
    """Kill one scenario's first process at each mutating call."""
    whole = processes.tell(SCENARIOS[name])
    kills = [Kill(call=number, when=when) for number in range(1, len(whole.calls[0]) + 1) for when in processes.WHEN]
    return [whole, *(processes.tell(SCENARIOS[name], (kill,)) for kill in kills)]


def main(arguments: Sequence[str]) -> int:
    """Run the command; return its exit code."""
    wanted = _parser().parse_args(arguments)
    names = wanted.scenario or list(SCENARIOS)
    if wanted.cuts:
        return _tell_one(names, tuple(wanted.cuts), wanted.gap[0] if wanted.gap else 0.0)
    begun = time.monotonic()
    with ProcessPoolExecutor(max_workers=wanted.jobs) as pool:
        told: Iterator[Sequence[Story | ProcessStory]]
        if wanted.processes:
            told = pool.map(kill_all, names)
        else:
            wishes = list(product(names, wanted.gap or GAPS))
            told = pool.map(partial(cut_all, twice=wanted.twice, seed=wanted.seed), wishes)
        made, failed = _print_all(told)
    _say(f"{made} cuts of {len(names)} scenarios, {failed} went wrong, {time.monotonic() - begun:.0f} s")
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.crash.everything", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--scenario", action="append", choices=list(SCENARIOS), help="this one alone; repeatable")
    parser.add_argument("--processes", action="store_true", help="kill real processes, in real time")
    parser.add_argument("--gap", action="append", type=float, help=f"seconds until it is resumed (default: {GAPS})")
    parser.add_argument("--twice", type=float, default=0.02, help="share of second cuts (default: 0.02; 1: all)")
    parser.add_argument("--seed", type=int, default=0, help="of that sample (default: 0)")
    parser.add_argument("--jobs", type=int, default=cpu_count(), help="how many at a time (default: one a processor)")
    parser.add_argument("--cuts", type=int, nargs="+", help="one run: where its first, second, ... process dies")
    return parser


def _print_all(told: Iterable[Sequence[Story | ProcessStory]]) -> tuple[int, int]:
    made = failed = 0
    for stories in told:
        bad = [one for one in stories if one.problems]
        made, failed = made + len(stories) - 1, failed + len(bad)
        _say(f"{stories[0].scenario}{_later(stories[0])}: {len(stories) - 1} cuts, {len(bad)} wrong")
        for one in bad:
            _say(str(one))
    return made, failed


def _later(one: Story | ProcessStory) -> str:
    return f", resumed after {one.gap:g} s" if isinstance(one, Story) else ""


def _tell_one(names: Sequence[str], cuts: tuple[int, ...], gap: float) -> int:
    told = [story.tell(SCENARIOS[name], cuts, gap=gap) for name in names]
    for one in told:
        _say("\n".join(one.history))
        _say(str(one) if one.problems else f"{one.scenario}: all right")
    return 1 if any(one.problems for one in told) else 0


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - this is a command


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
