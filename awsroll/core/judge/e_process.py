"""The evidence against the target version: an e-process, valid whenever somebody looks at it.

For each odds ratio of `ODDS`, the evidence is the product of the likelihood ratios of all intervals. If the versions
are equally good, its mean never exceeds 1. By Ville's inequality it ever reaches 1 / alpha with a probability of at
most alpha, however long and however often it is read. So the judge may look at each step and needs no fixed end.

A version can become bad late, such as by a leak. A product that began at the start would first have to make up for all
the good intervals. So a share of the stake is put in at each interval: half of it at the first one, and the rest spread
over the others. `w` are the shares:

    wealth(t) = (wealth(t - 1) + w(t)) * ratio(t),    w(1) = 1/2,  w(t) = 1 / (2 t (t - 1))

Only intervals that can tell the versions apart count in `t`, so a version without any error keeps the whole stake.

At most one bad sample of a server counts in 10 seconds, and in 35 seconds as long as the server has no good sample: a
burst of errors on one server is one event. A single new server may count twice at the begin of such a run, because two
bad samples alone are never enough. And a sample is bad only if it has more bad requests than the old servers usually
have, so that a version with a usual error rate of 1 % does not make every sample bad. What is usual comes from earlier
intervals alone, so it does not favour any server.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from math import ceil, erfc, exp, log, sqrt

from awsroll.core.judge.odds import Split, likelihood_ratios
from awsroll.core.judge.zones import is_outage_of_zone
from awsroll.core.model.evidence import Evidence, Sample, Tally
from awsroll.core.model.replacing import replace

ODDS = (2.0, 6.0, 20.0, 100.0)
"""How many times as high the odds of a bad sample may be on a bad version. Each has the same share of the stake."""

QUIET_SECONDS = 10.0
"""In this time, at most one bad sample of a server counts."""

RUN_QUIET = 3.5
"""How many times as long the quiet time is in a run of bad samples without a good one between them.

With a single new server, it begins with the second bad sample that counts.
"""

_EARLY_SECONDS = 1.0  # an interval may end this much early
_FIRST_SHARE = 0.5
_USUALLY_BAD = 0.3  # at most this share of the samples is bad while the error rate is the usual one
_USUAL_DEVIATIONS = 0.525  # a normal distribution is above its mean plus these with the probability _USUALLY_BAD
_MANY = 500  # from this mean on, a Poisson distribution is taken for a normal one: its terms are too small for a float
_MOST_WEALTH = 1e100
_RECENT, _USUAL = 0.7, 0.97  # how much of the figures remains after each interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity:
    """What the judge must notice.

    Attributes:
        alpha: how likely a good version may ever be found bad by this metric.
        effect: the additional share of bad requests that the judge must notice before it says `continue`.
    """

    alpha: float = 0.01
    effect: float = 0.05


def add_samples(  # noqa: PLR0913 - keywords
    evidence: Evidence,
    samples: Sequence[Sample],
    at: datetime,
    sensitivity: Sensitivity,
    *,
    quiet_seconds: float,
    is_twice: bool = True,
) -> Evidence:
    """Return the evidence after one interval.

    Args:
        evidence: the evidence before.
        samples: one sample for each server that serves.
        at: the end of the interval.
        sensitivity: what the judge must notice.
        quiet_seconds: in this time, at most one bad sample of a server counts.
        is_twice: a single new server counts twice at the begin of a run of bad samples.
    """
    rate = usual_rate(evidence)
    seen = [sample for group in _strata(samples) for sample in group]
    good = {sample.instance_id for sample in seen if not _is_bad(sample, rate)}
    runs = {name: until for name, until in evidence.runs.items() if name not in good}
    quiet = {name: until for name, until in evidence.quiet_until.items() if until > at}
    in_run = {name for name, until in runs.items() if until > at}
    counted = [sample for sample in seen if sample.instance_id not in quiet.keys() | in_run]
    splits = [_split(group, rate) for group in _strata(counted)]
    after = _bet(evidence, [split for split in splits if not split.is_decided])
    old = _total(sample for sample in seen if not sample.is_new)
    bad = [sample.instance_id for sample in counted if _is_bad(sample, rate)]
    is_single = is_twice and sum(sample.is_new for sample in seen) == 1
    run_until = at + timedelta(seconds=quiet_seconds * RUN_QUIET - _EARLY_SECONDS)
    until = at + timedelta(seconds=quiet_seconds - _EARLY_SECONDS)
    return replace(
        expect(after, counted, sensitivity, interval=_seconds_between(evidence, at), quiet_seconds=quiet_seconds),
        recent=_blend(evidence.recent, old, _RECENT),
        usual=_blend(evidence.usual, old, _USUAL),
        new=_sum(evidence.new, _total(sample for sample in seen if sample.is_new)),
        old=_sum(evidence.old, old),
        quiet_until=quiet | dict.fromkeys(bad, until),
        runs=runs | {name: at if is_single and name not in runs else run_until for name in bad},
        sampled_at=at,
    )


def total_of(evidence: Evidence) -> float:
    """Return the evidence against the version: 1 at the start; 1 / alpha is enough to find the version bad."""
    if not evidence.wealth:
        return 1.0
    return sum(evidence.wealth) / len(ODDS) + _not_staked(evidence.compared)


def growth_needed(alpha: float) -> float:
    """Return to how much the logarithm of the evidence for one odds ratio must grow to find the version bad."""
    return log(len(ODDS) / (_FIRST_SHARE * alpha))


@cache
def evidence_of_bad_samples(samples: int, new: int, old: int, exposure: float) -> float:
    """Return the evidence after a number of intervals in each of which a single server was bad, and a new one."""
    evidence = Evidence()
    for _ in range(samples):
        evidence = _bet(evidence, [Split(new=new, old=old, new_bad=1, old_bad=0, exposure=exposure)])
    return total_of(evidence)


def usual_rate(evidence: Evidence) -> float:
    """Return the share of bad requests that old servers usually have: the lower one, so that an outage passes."""
    return min(evidence.recent.share, evidence.usual.share)


def least_bad(total: float, rate: float) -> int:
    """Return from how many bad requests a sample of `total` is bad, if `rate` is the usual share.

    With no usual errors, one is enough. Otherwise at most 30 % of the samples of a good server are bad.
    """
    least, mean = 1, total * rate
    if mean > _MANY:
        return ceil(mean + _USUAL_DEVIATIONS * sqrt(mean))
    tail, term = 1 - exp(-mean), exp(-mean)
    while tail > _USUALLY_BAD:
        term *= mean / least
        tail -= term
        least += 1
    return least


def chance_of_bad(total: float, rate: float, *, usual: float) -> float:
    """Return how likely a sample of `total` requests is bad, if `rate` of them are bad and `usual` was expected."""
    mean, least = total * rate, least_bad(total, usual)
    if mean > _MANY:
        return 0.5 * erfc((least - 0.5 - mean) / sqrt(2 * mean))
    term = below = exp(-mean)
    for count in range(1, least):
        term *= mean / count
        below += term
    return max(0.0, 1 - below)


def _not_staked(compared: int) -> float:
    return 1.0 if compared == 0 else (1 - _FIRST_SHARE) / compared


def _bet(evidence: Evidence, splits: Sequence[Split]) -> Evidence:
    """Return the evidence after the splits of one interval."""
    if not splits:
        return evidence
    compared = evidence.compared + 1
    stake = _not_staked(compared - 1) - _not_staked(compared)
    wealth = [worth + stake for worth in evidence.wealth or (0.0,) * len(ODDS)]
    for split in splits:
        ratios = likelihood_ratios(split, ODDS)
        wealth = [min(worth * ratio, _MOST_WEALTH) for worth, ratio in zip(wealth, ratios, strict=True)]
    return replace(evidence, wealth=tuple(wealth), compared=compared)


def _seconds_between(evidence: Evidence, at: datetime) -> float:
    return 0.0 if evidence.sampled_at is None else (at - evidence.sampled_at).total_seconds()


def quiet_intervals(interval: float, quiet_seconds: float, chance: float, *, is_single: bool) -> float:
    """Return for how many intervals on average a bad server is quiet after each bad sample that counts.

    Worked example: 5 s, and each sample is bad with a chance of 0.7. The next sample never counts. With a chance of 0.5
    neither of two samples is good, and the run goes on: 1.4 further intervals, half of them for a single new server.
    """
    shortest = ceil((quiet_seconds - _EARLY_SECONDS) / max(1.0, interval)) - 1
    longest = ceil((quiet_seconds * RUN_QUIET - _EARLY_SECONDS) / max(1.0, interval)) - 1
    further = sum(chance**count for count in range(shortest + 1, longest + 1))
    return max(0, shortest) + further * (0.5 if is_single else 1.0)


def expect(
    evidence: Evidence,
    counted: Sequence[Sample],
    sensitivity: Sensitivity,
    *,
    interval: float,
    quiet_seconds: float,
) -> Evidence:
    """Add what one interval would add to the logarithm of the evidence if the version had the effect.

    If the version were bad, a bad sample would be followed by quiet intervals, which are not quiet now.
    """
    usual = usual_rate(evidence)
    growth, spread = [list(values or (0.0,) * len(ODDS)) for values in (evidence.growth, evidence.spread)]
    for group in _strata(counted):
        new = sum(sample.is_new for sample in group)
        gains = bad_sample_gains(new, len(group) - new)
        for sample in group:
            chance = chance_of_bad(sample.total, usual + sensitivity.effect * sample.is_new, usual=usual)
            if interval:
                chance /= 1 + chance * quiet_intervals(interval, quiet_seconds, chance, is_single=new == 1)
            for place, gain in enumerate(gains[sample.is_new]):
                growth[place] += chance * gain
                spread[place] += chance * (1 - chance) * gain**2
    return replace(evidence, growth=tuple(growth), spread=tuple(spread))


@cache
def bad_sample_gains(new: int, old: int) -> dict[bool, tuple[float, ...]]:
    """Return by how much one bad sample changes the logarithm of the evidence: of a new server, and of an old one."""
    return {
        is_new: tuple(
            log(ratio) for ratio in likelihood_ratios(Split(new=new, old=old, new_bad=is_new, old_bad=not is_new), ODDS)
        )
        for is_new in (True, False)
    }


def _strata(samples: Iterable[Sample]) -> list[list[Sample]]:
    """Return the samples with requests by stratum, as far as a stratum has both versions."""
    strata: dict[str, list[Sample]] = {}
    for sample in samples:
        if sample.total > 0:
            strata.setdefault(sample.stratum, []).append(sample)
    return [group for group in strata.values() if len({sample.is_new for sample in group}) > 1]


def _split(samples: Sequence[Sample], rate: float) -> Split:
    new = [sample for sample in samples if sample.is_new]
    old = [sample for sample in samples if not sample.is_new]
    bad = [sample for sample in samples if _is_bad(sample, rate)]
    return Split(
        new=len(new),
        old=len(old),
        new_bad=sum(sample.is_new for sample in bad),
        old_bad=sum(not sample.is_new for sample in bad),
        exposure=max(1.0, (_total(new).total / len(new)) / (_total(old).total / len(old))),
        is_outage=is_outage_of_zone(bad, samples),
    )


def _is_bad(sample: Sample, rate: float) -> bool:
    return sample.bad >= least_bad(sample.total, rate)


def _total(samples: Iterable[Sample]) -> Tally:
    bad, total = 0.0, 0.0
    for sample in samples:
        bad, total = bad + sample.bad, total + sample.total
    return Tally(bad=bad, total=total)


def _sum(one: Tally, other: Tally) -> Tally:
    return Tally(bad=one.bad + other.bad, total=one.total + other.total)


def _blend(before: Tally, now: Tally, keeps: float) -> Tally:
    return Tally(bad=before.bad * keeps + now.bad, total=before.total * keeps + now.total)
