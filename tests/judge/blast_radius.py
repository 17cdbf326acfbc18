"""Rolls fleets to thousands of bad versions, and compares what they reach with the blast radius that a plan states.

    python -m tests.judge.blast_radius --versions 500        for each of the plans: 2000 versions

Exits with 0 only if no version reached more than stated, and the stated time is at most 1.2 times the longest one seen.
"""

import argparse
import sys
from collections.abc import Sequence
from itertools import cycle, islice
from multiprocessing import Pool

from tests.judge.bad_versions import KINDS, PLANS, Reached, run, stated

CLOSE = 1.2


def reached(plan: str, versions: int, processes: int) -> list[tuple[str, Reached]]:
    """Return what a number of bad versions reached, with their kinds."""
    kinds = list(islice(cycle(KINDS), versions))
    given = [(plan, kind, seed) for seed, kind in enumerate(kinds)]
    if processes == 1:
        return list(zip(kinds, map(_run, given), strict=True))
    with Pool(processes) as pool:
        return list(zip(kinds, pool.map(_run, given, chunksize=10), strict=True))


def exceeded(plan: str, seen: Sequence[tuple[str, Reached]]) -> list[str]:
    """Return the versions that reached more than stated, in words."""
    parts, found = stated(PLANS[plan]), []
    for seed, (kind, one) in enumerate(seen):
        if one.part is None:
            continue
        bound = parts[one.part]
        late = bound.seconds is not None and one.seconds > bound.seconds
        if one.servers > bound.servers or one.share > bound.share + 1e-9 or late:
            found.append(f"{kind}, seed {seed}: {one}, but stated was {bound}")
    return found


def worst(plan: str, seen: Sequence[tuple[str, Reached]], part: int = 0) -> Reached:
    """Return the most that any version reached that was found in a part of the rollout."""
    those = [one for _, one in seen if one.part == part]
    return Reached(
        part=part,
        servers=max((one.servers for one in those), default=0),
        share=max((one.share for one in those), default=0),
        seconds=max((one.seconds for one in those), default=0),
    )


def main() -> int:
    """Measure, print the figures, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--versions", type=int, default=100)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--plan", choices=list(PLANS), nargs="+", default=list(PLANS))
    given, wrong = parser.parse_args(), 0
    for plan in given.plan:
        seen = reached(plan, given.versions, given.processes)
        above = exceeded(plan, seen)
        _say(f"{plan}: {len(seen)} bad versions, {len(above)} reached more than stated")
        wrong += len(above)
        for line in above[:10]:
            _say(f"  {line}")
        for part, bound in enumerate(stated(PLANS[plan])):
            most = worst(plan, seen, part)
            time = "no limit" if bound.seconds is None else f"{bound.seconds:.0f} s"
            _say(
                f"  until {bound.gate or 'the end'}: {bound.servers} servers, {100 * bound.share:.0f} %, {time}; "
                f"seen: {most.servers}, {100 * most.share:.0f} %, {most.seconds:.0f} s"
            )
            wrong += part == 0 and bound.seconds is not None and bound.seconds > CLOSE * most.seconds
    return 1 if wrong else 0


def _run(given: tuple[str, str, int]) -> Reached:
    plan, kind, seed = given
    return run(PLANS[plan], KINDS[kind], seed)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
