"""Measures the judge by simulation: false rollbacks of healthy versions, and how soon a bad version is found.

    python -m benchmarks.judge --rollouts 10000

One line for each question. The times count from the first request to a new server, with a sample every 5 seconds.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing import Pool

from awsroll.core.judge.e_process import Sensitivity
from benchmarks.judge_rollouts import Scene, Seen, run

SENSITIVITY = Sensitivity(alpha=0.01, effect=0.05)
_SIZES = ((1, 9), (3, 7), (5, 5))
_CAUSES = (
    Scene(),
    Scene(usual=0.001),
    Scene(usual=0.01),
    Scene(bursts=4),
    Scene(bursts=4, burst_seconds=10),
    Scene(bursts=4, burst_seconds=20),
    Scene(bursts=4, burst_seconds=25),
    Scene(bursts=4, burst_seconds=30),
    Scene(outages=4),
    Scene(usual=0.002, bursts=2, outages=2),
)
HEALTHY = tuple(replace(scene, new=new, old=old) for scene in _CAUSES for new, old in _SIZES)
BAD = Scene(effect=0.05, seconds=300)
BADS = {
    "5 % errors on 1 of 10 servers at 50 requests/s": BAD,
    "the same, with a usual error rate of 0.1 %": replace(BAD, usual=0.001),
    "the same, 10 minutes after the start": replace(BAD, effect_after=600, seconds=900),
    "5 % errors on 5 of 10 servers at 50 requests/s": replace(BAD, new=5, old=5),
}
QUIET = Scene(effect=0.05, rate=2, seconds=60)


def false_rollbacks(rollouts: int, processes: int = 1) -> int:
    """Return how many of a number of healthy rollouts the judge rolls back."""
    if processes == 1:
        return sum(map(_is_rolled_back, range(rollouts)))
    with Pool(processes) as pool:
        return sum(pool.imap_unordered(_is_rolled_back, range(rollouts), chunksize=20))


def seconds_to_find(scene: Scene, rollouts: int) -> list[float]:
    """Return, sorted, after how many seconds of the effect each rollout was rolled back; infinite if it was not."""
    seen = (run(scene, seed, SENSITIVITY) for seed in range(rollouts))
    return sorted(_found_at(each) - scene.effect_after for each in seen)


def at_share(values: Sequence[float], share: float) -> float:
    """Return the value that this share of the sorted values does not exceed."""
    return values[min(len(values) - 1, int(len(values) * share))]


def main() -> int:
    """Measure, print the figures, and return 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rollouts", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=1)
    given = parser.parse_args()
    wrong = false_rollbacks(given.rollouts, given.processes)
    _say(f"healthy: {wrong} of {given.rollouts} rollouts are rolled back ({100 * wrong / given.rollouts:.2f} %)")
    for name, scene in BADS.items():
        seconds = seconds_to_find(scene, max(20, given.rollouts // 20))
        _say(f"{name}: found after {at_share(seconds, 0.5):g} s (median), {at_share(seconds, 0.95):g} s (95 %)")
    last = run(QUIET, 0, SENSITIVITY).last
    _say(f"2 requests/s, after 60 s: {last.verdict}; {last.missing} requests to new servers are missing")
    return 0


def _is_rolled_back(seed: int) -> bool:
    return run(HEALTHY[seed % len(HEALTHY)], seed, SENSITIVITY).rolled_back_at is not None


def _found_at(seen: Seen) -> float:
    return float("inf") if seen.rolled_back_at is None else seen.rolled_back_at


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
