"""How long the judge needs to find a bad version, before a rollout: from the traffic and the sizes alone. Pure.

The old servers have no errors. Each bad sample of a new server adds at least the evidence of a single bad sample, so a
number of them is enough. Each new server has its next bad sample after a geometric number of intervals, and is quiet
afterwards. So the time until there are enough has a known distribution, and no simulation is needed.

    1 new server of 10, 50 requests/s, 5 % errors: 4 bad samples are enough; in 95 of 100 cases they take 50 s
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, sqrt

from awsroll.core.judge.e_process import (
    QUIET_SECONDS,
    Sensitivity,
    chance_of_bad,
    evidence_of_bad_samples,
    quiet_intervals,
)
from awsroll.core.judge.verdicts import DETECTED

_MOST_SAMPLES = 400
_MOST_SECONDS = 7 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """The servers that are compared with each other.

    Attributes:
        new: the number of new servers.
        old: the number of old servers. They have no errors.
        bad: how many of the new servers are bad; None: all.
    """

    new: int
    old: int
    bad: int | None = None


def seconds_to_find(
    servers: Servers, *, rate: float, sensitivity: Sensitivity, interval: float, certainty: float = DETECTED
) -> float | None:
    """Return after how many seconds a bad version has been found with a given probability; None: never.

    Args:
        servers: the servers.
        rate: requests a second, of all these servers together.
        sensitivity: how bad the version is, and what the judge may get wrong.
        interval: seconds between two samples.
        certainty: how likely the version has been found by then.
    """
    requests = rate * interval / max(1, servers.new + servers.old)
    needed = _samples_needed(servers, sensitivity.alpha, requests)
    if needed is None:
        return None
    chance = chance_of_bad(requests, sensitivity.effect, usual=0)
    new = servers.new if servers.bad is None else servers.bad
    quiet = quiet_intervals(interval, QUIET_SECONDS, chance, is_single=servers.new == 1)
    missed, most = 1 - certainty, int(_MOST_SECONDS / max(1.0, interval))
    if chance <= 0 or _chance_of_fewer(needed, new=new, chance=chance, intervals=most, quiet=quiet) > missed:
        return None
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        enough = _chance_of_fewer(needed, new=new, chance=chance, intervals=middle, quiet=quiet) <= missed
        low, high = (low, middle) if enough else (middle, high)
    return high * interval


def _samples_needed(servers: Servers, alpha: float, requests: float) -> int | None:
    """Return how many bad samples of new servers are enough to find the version bad; None: no number of them is.

    A server with a bad sample has had more requests than usual, by chance: that lessens the evidence.
    """
    if not servers.new or not servers.old or requests <= 0:
        return None
    exposure = 1 + 1 / sqrt(max(1.0, requests * servers.new))
    for samples in range(1, _MOST_SAMPLES):
        if evidence_of_bad_samples(samples, servers.new, servers.old, exposure) >= 1 / alpha:
            return samples
    return None


def _chance_of_fewer(needed: int, *, new: int, chance: float, intervals: int, quiet: float) -> float:
    """Return how likely the new servers have had fewer bad samples than needed after a number of intervals."""
    counts = range(1, needed + 1)
    at_least = [_chance_of_at_least(count, chance, int(intervals - (count - 1) * quiet)) for count in counts]
    one = [before - after for before, after in zip([1.0, *at_least], at_least, strict=False)]
    return sum(_of_many(one, new))


def _chance_of_at_least(count: int, chance: float, intervals: int) -> float:
    """Return how likely at least `count` of some independent intervals have a bad sample."""
    if count > intervals:
        return 0.0
    good = 1 - chance
    if good <= 0:
        return 1.0
    fewer = sum(comb(intervals, each) * chance**each * good ** (intervals - each) for each in range(count))
    return max(0.0, 1 - fewer)


def _of_many(one: Sequence[float], servers: int) -> list[float]:
    """Return the chances of the numbers of bad samples of some servers, from those of one server."""
    total, power = [1.0] + [0.0] * (len(one) - 1), list(one)
    while servers:
        if servers % 2:
            total = _sum_of(total, power)
        power, servers = _sum_of(power, power), servers // 2
    return total


def _sum_of(one: Sequence[float], other: Sequence[float]) -> list[float]:
    return [sum(one[place] * other[count - place] for place in range(count + 1)) for count in range(len(one))]
