"""Compares fleets that run the new version with fleets that have not begun, at the same time.

The fleets of an earlier wave have no old server left to compare with. So the fleet takes the place of the server: a
fleet is bad in an interval if its share of bad requests is clearly above its own usual one, which was counted before it
began. From there on, `e_process` judges fleets as it judges servers: if the versions are equally good, each fleet is as
likely as any other to be bad. An outage that makes all fleets bad tells nothing.

A fleet is compared as a whole, because its servers share its dependencies: an incident of one fleet is one event.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from awsroll.core.judge.e_process import Sensitivity, add_samples, least_bad
from awsroll.core.judge.verdicts import judge
from awsroll.core.model.evidence import Evidence, FleetsEvidence, Sample, Tally
from awsroll.core.model.replacing import replace

QUIET_SECONDS = 60.0
"""In this time, at most one bad sample of a fleet counts; `e_process.RUN_QUIET` times as long in a run of them."""

LEAST_REQUESTS = 200
"""A fleet is compared once this many of its requests have shown its usual share of bad ones."""

_OF_EFFECT = 0.5  # a fleet is bad if its share is above the usual one by this much of what the judge must notice

Counts = Mapping[str, Mapping[str, Tally]]
"""The requests of one interval, by metric and fleet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedWave:
    """A wave with a judge.

    Attributes:
        alpha: how likely equally good versions may ever fail the wave.
        finished: its fleets that run the new version.
    """

    name: str
    alpha: float
    finished: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedFleets:
    """What is compared now.

    Attributes:
        waves: the waves with a judge.
        waiting: the fleets that have not begun, of all waves.
        effects: what the judge must notice, for each fleet.
    """

    waves: tuple[JudgedWave, ...]
    waiting: tuple[str, ...]
    effects: Mapping[str, float]

    @property
    def finished(self) -> tuple[str, ...]:
        """The fleets of all these waves that run the new version."""
        return tuple(name for wave in self.waves for name in wave.finished)


def add_counts(known: FleetsEvidence, counts: Counts, fleets: JudgedFleets, at: datetime) -> FleetsEvidence:
    """Return the evidence after one interval.

    Args:
        known: the evidence before.
        counts: the requests of the interval.
        fleets: what is compared.
        at: the end of the interval.
    """
    waves = dict(known.waves)
    for wave in fleets.waves:
        for metric, counted in counts.items():
            samples = [
                Sample(instance_id=name, is_new=name in wave.finished, bad=is_bad, total=1)
                for name in (*wave.finished, *fleets.waiting)
                if (is_bad := _is_bad(known, metric, name, counted, fleets.effects[name])) is not None
            ]
            key = _key(wave.name, metric)
            waves[key] = add_samples(
                waves.get(key, Evidence()),
                samples,
                at,
                _sensitivity(wave, len(counts)),
                quiet_seconds=QUIET_SECONDS,
                is_twice=False,
            )
    return replace(known, waves=waves, usual=_learned(known, counts, fleets), sampled_at=at)


def worse_waves(known: FleetsEvidence, fleets: JudgedFleets, metrics: Sequence[str]) -> dict[str, str]:
    """Return the waves whose fleets have become worse, and the evidence in one sentence."""
    found: dict[str, str] = {}
    for wave in fleets.waves:
        for metric in metrics:
            evidence = known.waves.get(_key(wave.name, metric), Evidence())
            verdict = judge(evidence, _sensitivity(wave, len(metrics)))
            if verdict.rolls_back:
                found.setdefault(wave.name, _sentence(wave, metric, evidence))
    return found


def _sentence(wave: JudgedWave, metric: str, evidence: Evidence) -> str:
    new, old = evidence.new, evidence.old
    return (
        f"the judge finds its fleets worse than those that have not begun: {metric} was above the usual share of bad "
        f"requests in {new.bad:.0f} of {new.total:.0f} intervals, and in {old.bad:.0f} of {old.total:.0f} intervals of "
        f"the others; equally good versions look like this in at most {100 * wave.alpha:.2g} % of runs"
    )


def _key(wave: str, metric: str) -> str:
    return f"{metric} {wave}"


def _sensitivity(wave: JudgedWave, metrics: int) -> Sensitivity:
    return Sensitivity(alpha=wave.alpha / max(1, metrics))


def _is_bad(known: FleetsEvidence, metric: str, fleet: str, counted: Mapping[str, Tally], effect: float) -> int | None:
    """Return 1 if a fleet was bad, 0 if it was good, and None if that is not known."""
    now, usual = counted.get(fleet, Tally()), known.usual.get(_key(fleet, metric), Tally())
    if not now.total or usual.total < LEAST_REQUESTS:
        return None
    by_effect = now.total * (usual.share + effect * _OF_EFFECT)
    return int(now.bad >= max(least_bad(now.total, usual.share), by_effect))


def _learned(known: FleetsEvidence, counts: Counts, fleets: JudgedFleets) -> dict[str, Tally]:
    """Return the usual requests of the fleets: those of the time before any fleet ran the new version.

    A fleet with too few requests until then learns them later.
    """
    usual = dict(known.usual)
    for metric, counted in counts.items():
        for name in fleets.waiting:
            now, before = counted.get(name, Tally()), usual.get(_key(name, metric), Tally())
            if not fleets.finished or before.total < LEAST_REQUESTS:
                usual[_key(name, metric)] = Tally(bad=before.bad + now.bad, total=before.total + now.total)
    return usual
