"""The counts of requests and serving instances, and the reports of them.

Memory is bounded: the tally keeps the first drops only, and halves a long timeline. Only the traffic's thread uses it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from time import time

from awsroll.sandbox.traffic.request_counts import RequestCounts
from awsroll.sandbox.traffic.traffic_report import Drop, Outcome, Sample, TrafficReport

MOST_DROPS = 20
_LONGEST_TIMELINE = 1200


class Tally:
    """The running count.

    Args:
        clock: returns monotonic seconds. Counting starts with `begin`.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began = clock()
        self._begun = False
        self._in_flight = 0
        self._by_version: Counter[str] = Counter()
        self._by_outcome: Counter[str] = Counter()
        self._drops: list[Drop] = []
        self._serving: Mapping[str, int] = {}
        self._lowest_serving = 0
        self._timeline: list[Sample] = []
        self._sampled_by_version: Counter[str] = Counter()
        self._sampled_dropped = 0
        self.counts = RequestCounts()

    def begin(self) -> None:
        """Start to count. The current number of serving instances is the first minimum."""
        self._began = self._clock()
        self._begun = True
        self._lowest_serving = sum(self._serving.values())
        self.sample()

    def record_serving(self, versions: Iterable[str]) -> None:
        """Record the versions of the serving instances, one per instance."""
        self._serving = dict(Counter(versions))
        if self._begun:
            self._lowest_serving = min(self._lowest_serving, sum(self._serving.values()))

    def request_began(self) -> None:
        """Count a request as in flight."""
        self._in_flight += 1

    def request_served(self, version: str, instance_id: str | None = None) -> None:
        """Count a request that got its complete response."""
        self._in_flight -= 1
        self._by_outcome[Outcome.SERVED.value] += 1
        self._by_version[version] += 1
        self._count(instance_id, is_bad=False)

    def request_dropped(self, outcome: Outcome, cause: str, instance_id: str | None) -> None:
        """Count a request that did not get its complete response."""
        self._in_flight -= 1
        self._by_outcome[outcome.value] += 1
        self._count(instance_id, is_bad=True)
        if len(self._drops) < MOST_DROPS:
            at = round(self._elapsed(), 3)
            self._drops.append(Drop(at_seconds=at, outcome=outcome, cause=cause, instance_id=instance_id))

    def sample(self) -> None:
        """End the current interval of the timeline."""
        served = self._by_version - self._sampled_by_version
        dropped = self._dropped() - self._sampled_dropped
        at = round(self._elapsed(), 3)
        self._timeline.append(Sample(at_seconds=at, serving=self._serving, served=dict(served), dropped=dropped))
        self._sampled_by_version = self._by_version.copy()
        self._sampled_dropped = self._dropped()
        if len(self._timeline) > _LONGEST_TIMELINE:
            self._timeline = _thinned(self._timeline)

    def report(self) -> TrafficReport:
        """Return the current report."""
        return TrafficReport(
            requests=sum(self._by_outcome.values()),
            dropped=self._dropped(),
            by_version=dict(self._by_version),
            by_outcome=dict(self._by_outcome),
            in_flight=self._in_flight,
            lowest_serving=self._lowest_serving,
            drops=tuple(self._drops),
            timeline=tuple(self._timeline),
            elapsed_seconds=round(self._elapsed(), 3),
        )

    def _count(self, instance_id: str | None, *, is_bad: bool) -> None:
        if instance_id is not None:
            self.counts.add(time(), instance_id, is_bad=is_bad)

    def _elapsed(self) -> float:
        return self._clock() - self._began

    def _dropped(self) -> int:
        return sum(self._by_outcome.values()) - self._by_outcome[Outcome.SERVED.value]


def _thinned(timeline: list[Sample]) -> list[Sample]:
    """Return the timeline with every two intervals joined; an odd last interval stays."""
    joined = [
        Sample(
            at_seconds=second.at_seconds,
            serving=second.serving,
            served=dict(Counter(first.served) + Counter(second.served)),
            dropped=first.dropped + second.dropped,
        )
        for first, second in zip(timeline[::2], timeline[1::2], strict=False)
    ]
    return joined + timeline[len(joined) * 2 :]
