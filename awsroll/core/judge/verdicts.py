"""What the evidence of a metric means: continue, wait and how much is missing, or roll back and why."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from math import ceil, sqrt

from awsroll.core.judge.e_process import Sensitivity, growth_needed, total_of
from awsroll.core.model.evidence import Evidence, Tally

DETECTED = 0.95
"""How likely a version with the effect has been found bad when the judge says `continue`."""

_DEVIATIONS = 1.645  # a normal distribution is above its mean minus these with the probability DETECTED


class Verdict(StrEnum):
    """What the judge says about the target version."""

    CONTINUE = "continue"  # a version as bad as the judge must notice would have been found by now
    WAIT = "wait"  # too few requests to tell
    ROLL_BACK = "roll back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The verdict on one metric.

    Attributes:
        verdict: what to do.
        evidence: the evidence in one sentence.
        missing: the verdict is `wait`: how many requests to new servers are missing; None: not known yet.
        is_doubtful: the verdict is `wait` because the evidence is half as strong as that for a rollback.
    """

    verdict: Verdict
    evidence: str
    missing: int | None = None
    is_doubtful: bool = False

    @property
    def words(self) -> str:
        """The verdict, what it lacks and the evidence, for people."""
        if not self.waits or self.is_doubtful:
            return f"{self.verdict}; {self.evidence}"
        if self.missing is None:
            return "wait: no comparison yet"
        return f"wait: about {self.missing:,} more requests to new servers are needed; {self.evidence}"

    @property
    def waits(self) -> bool:
        """Whether there are too few requests to tell."""
        return self.verdict is Verdict.WAIT

    @property
    def rolls_back(self) -> bool:
        """Whether the target version was found worse."""
        return self.verdict is Verdict.ROLL_BACK


def judge(evidence: Evidence, sensitivity: Sensitivity) -> Judgement:
    """Return the verdict on one metric."""
    text = _shares(evidence)
    if total_of(evidence) >= 1 / sensitivity.alpha:
        chance = (
            f"a version as good as the old one looks like this in at most {100 * sensitivity.alpha:.2g} % of rollouts"
        )
        return Judgement(verdict=Verdict.ROLL_BACK, evidence=f"{text}; {chance}")
    factor = factor_needed(evidence, sensitivity)
    if factor is None:
        return Judgement(verdict=Verdict.WAIT, evidence=text)
    if factor <= 1:
        doubtful = total_of(evidence) >= sensitivity.alpha**-0.5
        verdict = Verdict.WAIT if doubtful else Verdict.CONTINUE
        return Judgement(verdict=verdict, evidence=text, is_doubtful=doubtful)
    return Judgement(verdict=Verdict.WAIT, evidence=text, missing=max(1, ceil((factor - 1) * evidence.new.total)))


def factor_needed(evidence: Evidence, sensitivity: Sensitivity) -> float | None:
    """Return how many times the requests until now are enough; None if no number of requests is known to be."""
    return min(_factors_needed(evidence, sensitivity), default=None)


def _factors_needed(evidence: Evidence, sensitivity: Sensitivity) -> Iterator[float]:
    """Yield, for each odds ratio that the effect would favour, how many times the requests until now are enough.

    With `x` times the requests, the evidence of a bad version has grown by `x growth`, less its deviation
    `DEVIATIONS sqrt(x spread)`, with the probability DETECTED. `x` is the least for which that is enough.
    """
    needed = growth_needed(sensitivity.alpha)
    for growth, spread in zip(evidence.growth, evidence.spread, strict=True):
        if growth > 0:
            deviation = _DEVIATIONS * sqrt(spread)
            yield ((deviation + sqrt(deviation**2 + 4 * growth * needed)) / (2 * growth)) ** 2


def _shares(evidence: Evidence) -> str:
    return f"bad requests: {_share(evidence.new)} of the new servers, {_share(evidence.old)} of the old servers"


def _share(tally: Tally) -> str:
    return f"{tally.bad:,.0f} of {tally.total:,.0f} ({100 * tally.share:.2g} %)"
