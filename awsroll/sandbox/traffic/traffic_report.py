"""What the traffic saw, as values: the counts, the first drops with their cause, and the course of it all.

Times are seconds of wall-clock time since the load began, whatever the speed of the sandbox.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """How a request ended, as its client saw it. All but `served` are drops."""

    SERVED = "served"
    """The whole answer of a healthy application."""
    BAD_GATEWAY = "502"
    UNAVAILABLE = "503"
    GATEWAY_TIMEOUT = "504"
    OTHER_ANSWER = "other-answer"
    """An answer that is neither success nor one of the above."""
    REFUSED = "refused"
    RESET = "reset"
    CUT_SHORT = "cut-short"
    """The connection ended before the whole answer had come."""
    TIMED_OUT = "timed-out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """One request that was not served."""

    at_seconds: float
    """When the client learned of it."""
    outcome: Outcome
    cause: str
    instance_id: str | None = None
    """The target that the request had been routed to, if it had been."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One interval of the timeline; it ends at `at_seconds`, where the one before it ended it begins."""

    at_seconds: float
    serving: Mapping[str, int]
    """Instances that serve at the end of the interval, by version."""
    served: Mapping[str, int]
    """Requests served during the interval, by version."""
    dropped: int
    """Requests dropped during the interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficReport:
    """The whole story so far, or at the end.

    `requests` are those that have ended: the sum of `by_outcome`, and also of `by_version` and `dropped`.
    """

    requests: int = 0
    dropped: int = 0
    by_version: Mapping[str, int] = field(default_factory=dict)
    """Requests served, by the version that served them."""
    by_outcome: Mapping[str, int] = field(default_factory=dict)
    in_flight: int = 0
    """Requests not ended yet; 0 in a final report."""
    lowest_serving: int = 0
    """The fewest instances that served at any moment: healthy in every target group, and able to answer."""
    drops: tuple[Drop, ...] = ()
    """The first few."""
    timeline: tuple[Sample, ...] = ()
    elapsed_seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Return the report as plain dictionaries, lists, numbers and strings."""
        return asdict(self)
