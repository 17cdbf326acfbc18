"""How much more likely a split of bad samples between new and old servers is if the new version is worse.

In one interval, `m` of the servers have a bad sample. If the versions are equally good, the servers are exchangeable:
each choice of `m` servers is equally likely, whatever made them bad. The number of new servers among them then has a
hypergeometric distribution. If the odds of a bad sample are `theta` times as high on the new version, it has Fisher's
noncentral hypergeometric distribution. The likelihood ratio of the two needs no rate of errors: an outage that makes
all servers bad at once has a ratio of 1, and so has an interval without a bad sample.

    1 new server, 9 old ones, the new one alone is bad, theta 20:   20 * 10 / (20 + 9) = 6.9
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, lgamma, log


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """The servers of one interval and stratum, and how many of them have a bad sample.

    Attributes:
        new: the number of new servers.
        old: the number of old servers.
        new_bad: how many of the new servers have a bad sample.
        old_bad: how many of the old servers have a bad sample.
        exposure: how many times as many requests a new server takes as an old one; at least 1.
        is_outage: the bad samples look like an outage of one zone: they do not count against the new servers.
    """

    new: int
    old: int
    new_bad: int
    old_bad: int
    exposure: float = 1.0
    is_outage: bool = False

    @property
    def is_decided(self) -> bool:
        """Whether the total fixes the split, so that it tells nothing."""
        bad = self.new_bad + self.old_bad
        return max(0, bad - self.old) == min(self.new, bad)


def likelihood_ratios(split: Split, odds: Sequence[float]) -> tuple[float, ...]:
    """Return, for each odds ratio, how many times as likely the split is as with equally good versions."""
    if split.is_decided:
        return (1.0,) * len(odds)
    bad, shift = split.new_bad + split.old_bad, log(split.exposure)
    counts = range(max(0, bad - split.old), min(split.new, bad) + 1)
    weights = [_log_choose(split.new, j) + _log_choose(split.old, bad - j) + j * shift for j in counts]
    most = max(weights)
    equal = _log_sum(weights, most)
    ratios = []
    for theta in odds:
        tilted = [weight + j * log(theta) for j, weight in zip(counts, weights, strict=True)]
        ratios.append(exp(split.new_bad * log(theta) + equal - _log_sum(tilted, max(tilted))))
    return tuple(min(1.0, ratio) for ratio in ratios) if split.is_outage else tuple(ratios)


def _log_choose(total: int, chosen: int) -> float:
    return lgamma(total + 1) - lgamma(chosen + 1) - lgamma(total - chosen + 1)


def _log_sum(logs: Sequence[float], most: float) -> float:
    return most + log(sum(exp(each - most) for each in logs))
