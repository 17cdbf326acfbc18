"""The report of the traffic, as values: the counts, the first drops with their causes, and the timeline.

Times are wall-clock seconds since the start of the load, at any speed of the sandbox.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """The result of a request for its client. All results except `served` are drops."""

    SERVED = "served"
    """The complete response of a healthy application."""
    BAD_GATEWAY = "502"
    UNAVAILABLE = "503"
    GATEWAY_TIMEOUT = "504"
    OTHER_ANSWER = "other-answer"
    """Any other response."""
    REFUSED = "refused"
    RESET = "reset"
    CUT_SHORT = "cut-short"
    """The connection ended before the complete response."""
    TIMED_OUT = "timed-out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """One request that was not served."""

    at_seconds: float
    """When the client detected the drop."""
    outcome: Outcome
    cause: str
    instance_id: str | None = None
    """The target of the request, if the balancer selected one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """An interval of the timeline, from the end of the previous interval to `at_seconds`."""

    at_seconds: float
    serving: Mapping[str, int]
    """The instances that serve at the end of the interval, by version."""
    served: Mapping[str, int]
    """Requests served during the interval, by version."""
    dropped: int
    """Requests dropped during the interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficReport:
    """The report during the load, or at its end.

    `requests` counts ended requests: the sum of `by_outcome`, and the sum of `by_version` plus `dropped`.
    """

    requests: int = 0
    dropped: int = 0
    by_version: Mapping[str, int] = field(default_factory=dict)
    """Served requests, by version."""
    by_outcome: Mapping[str, int] = field(default_factory=dict)
    in_flight: int = 0
    """Requests in progress; 0 in a final report."""
    lowest_serving: int = 0
    """The fewest instances that served at any moment, healthy in every target group and answering."""
    drops: tuple[Drop, ...] = ()
    """The first drops."""
    timeline: tuple[Sample, ...] = ()
    elapsed_seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Return the report as plain dictionaries, lists, numbers and strings."""
        return asdict(self)
