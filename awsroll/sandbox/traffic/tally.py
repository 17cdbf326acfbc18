"""Counts requests as they end and instances as they come and go; gives reports of them.

Bounded in memory however long the traffic runs: the first few drops are kept, and a long timeline is thinned to half.
Used by the traffic's own thread alone. No sockets, and the clock is an argument.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from awsroll.sandbox.traffic.traffic_report import Drop, Outcome, Sample, TrafficReport

DROPS_KEPT = 20
_LONGEST_TIMELINE = 1200


class Tally:
    """The running count.

    Args:
        clock: seconds, monotonic; the count begins when `begin` is called.
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

    def begin(self) -> None:
        """Start the count: what serves now is the first lowest."""
        self._began = self._clock()
        self._begun = True
        self._lowest_serving = sum(self._serving.values())
        self.sample()

    def saw_serving(self, versions: Iterable[str]) -> None:
        """Take in the versions of the instances that serve now, one per instance."""
        self._serving = dict(Counter(versions))
        if self._begun:
            self._lowest_serving = min(self._lowest_serving, sum(self._serving.values()))

    def request_began(self) -> None:
        """Count a request as in flight."""
        self._in_flight += 1

    def request_served(self, version: str) -> None:
        """Count the end of a request that got its whole answer."""
        self._in_flight -= 1
        self._by_outcome[Outcome.SERVED.value] += 1
        self._by_version[version] += 1

    def request_dropped(self, outcome: Outcome, cause: str, instance_id: str | None) -> None:
        """Count the end of a request that did not."""
        self._in_flight -= 1
        self._by_outcome[outcome.value] += 1
        if len(self._drops) < DROPS_KEPT:
            at = round(self._elapsed(), 3)
            self._drops.append(Drop(at_seconds=at, outcome=outcome, cause=cause, instance_id=instance_id))

    def sample(self) -> None:
        """End an interval of the timeline here."""
        served = self._by_version - self._sampled_by_version
        dropped = self._dropped() - self._sampled_dropped
        at = round(self._elapsed(), 3)
        self._timeline.append(Sample(at_seconds=at, serving=self._serving, served=dict(served), dropped=dropped))
        self._sampled_by_version = self._by_version.copy()
        self._sampled_dropped = self._dropped()
        if len(self._timeline) > _LONGEST_TIMELINE:
            self._timeline = _thinned(self._timeline)

    def report(self) -> TrafficReport:
        """Return what is known now."""
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

    def _elapsed(self) -> float:
        return self._clock() - self._began

    def _dropped(self) -> int:
        return sum(self._by_outcome.values()) - self._by_outcome[Outcome.SERVED.value]


def _thinned(timeline: list[Sample]) -> list[Sample]:
    """Join every two intervals into one; an odd last one stays as it is."""
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
