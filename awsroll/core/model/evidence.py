"""What the judge knows: the samples of one interval, and the evidence that the record keeps of each metric.

A *sample* is what one server did in one interval: how many requests it took, and how many of them were bad.
`core.judge` compares samples; the values here are plain, so that they can be stored.
"""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What one server did in one interval.

    Attributes:
        instance_id: the server.
        is_new: whether it runs the target version.
        stratum: servers are compared only with servers of the same stratum, such as their zone.
        zone: the Availability Zone; empty if it is not known.
        bad: the number of bad requests.
        total: the number of all requests; before a rollout, their mean.
    """

    instance_id: str
    is_new: bool
    bad: int
    total: float
    stratum: str = ""
    zone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Bad and all requests of several samples. The figures are floats where older samples count less."""

    bad: float = 0
    total: float = 0

    @property
    def share(self) -> float:
        """The share of bad requests; 0 without any request."""
        return self.bad / self.total if self.total else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The evidence of one metric against the target version.

    Attributes:
        wealth: for each odds ratio in `ODDS`, the evidence for it from all starting points. See `core.judge.e_process`.
        compared: the number of intervals that could tell the versions apart.
        recent: requests of old servers in the last intervals.
        usual: requests of old servers over a longer time.
        growth: for each odds ratio, how much the logarithm of the evidence would have grown by now if the version were
            as bad as the judge must notice.
        spread: the variances of `growth`.
        new: requests to new servers that were compared.
        old: requests to old servers that were compared.
        quiet_until: until when the samples of a server do not count, because a bad one has just counted.
        runs: the servers with a bad sample that counted and no good one since; until when no further one counts.
        sampled_at: the end of the last interval.
    """

    wealth: tuple[float, ...] = ()
    compared: int = 0
    recent: Tally = field(default_factory=Tally)
    usual: Tally = field(default_factory=Tally)
    growth: tuple[float, ...] = ()
    spread: tuple[float, ...] = ()
    new: Tally = field(default_factory=Tally)
    old: Tally = field(default_factory=Tally)
    quiet_until: dict[str, datetime] = field(default_factory=dict)
    runs: dict[str, datetime] = field(default_factory=dict)
    sampled_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetsEvidence:
    """The evidence against the fleets of waves that run the new version. See `core.judge.fleets`.

    Attributes:
        waves: the evidence of each metric and wave.
        usual: the requests of each metric and fleet before it ran the new version.
        sampled_at: the end of the last interval.
    """

    waves: dict[str, Evidence] = field(default_factory=dict)
    usual: dict[str, Tally] = field(default_factory=dict)
    sampled_at: datetime | None = None
