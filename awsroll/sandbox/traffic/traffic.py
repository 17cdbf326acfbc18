"""Live traffic in front of a simulated fleet, as one object: start, look, stop, report.

The blocking face of the traffic: what runs behind it runs in the event loop of one background thread (`engine.py`).
While it runs, facts come from the world through the feed; the world is never called from here.
"""

import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from awsroll.sandbox.traffic.applications import LONGEST_HOLD_SECONDS
from awsroll.sandbox.traffic.background import BackgroundLoop
from awsroll.sandbox.traffic.engine import Engine
from awsroll.sandbox.traffic.feed import Fact, TrafficWorld, WorldFeed
from awsroll.sandbox.traffic.load import LoadShape
from awsroll.sandbox.traffic.traffic_report import TrafficReport

_PATIENCE_SECONDS = 10.0


class Traffic:
    """Real HTTP clients, a load balancer, and a server per instance, all on loopback.

    Args:
        world: the simulated AWS; it must run in real time.
        target_groups: ARNs of the target groups that the balancer forwards to, with equal weights.
        requests_per_second: how many requests are sent, wall-clock time; 0 sends none.
        slow_fraction: the share of requests that are slow, 0 to 1.
        slow_seconds: how long a slow request takes, wall-clock time. Choose a good part of the deregistration delay,
            divided by the sandbox's speed, so that slow requests are in flight whenever a target drains.
    """

    def __init__(
        self,
        world: TrafficWorld,
        *,
        target_groups: Sequence[str],
        requests_per_second: float = 100.0,
        slow_fraction: float = 0.1,
        slow_seconds: float = 0.5,
    ) -> None:
        self._shape = LoadShape(
            requests_per_second=requests_per_second,
            slow_fraction=slow_fraction,
            slow_seconds=slow_seconds,
            patience_seconds=_PATIENCE_SECONDS,
        )
        _check(self._shape, target_groups)
        self._gate = threading.Lock()
        self._background = BackgroundLoop("sandbox-traffic")
        self._feed = WorldFeed(world, target_groups, self._push)
        self._target_groups = tuple(target_groups)
        self._engine: Engine | None = None
        self._final: TrafficReport | None = None

    def start(self) -> Self:
        """Start the servers of the instances that are up, the balancer, and the load."""
        self._background.start()
        try:
            self._engine = self._background.call(Engine.make(self._target_groups, self._shape))
            self._feed.open()
            self._background.call(self._engine.begin())
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> TrafficReport:
        """Stop the load, await the requests in flight, take everything down, and return the final report.

        A second call returns the same report.
        """
        if self._final is not None:
            return self._final
        report = TrafficReport()
        try:
            if self._engine is not None:
                report = self._background.call(self._engine.end())
        finally:
            self._feed.close()
            with self._gate:  # no snapshot is left waiting for a loop that has ended
                self._final = report
            self._background.stop()
        return report

    def snapshot(self) -> TrafficReport:
        """Return the counts as they stand; after the end, the final ones."""
        with self._gate:
            if self._final is not None or self._engine is None:
                return self._final or TrafficReport()
            return self._background.call(self._engine.report())

    @property
    def url(self) -> str:
        """Where the balancer listens, for a browser, curl, or another load generator."""
        if self._engine is None:
            message = "the traffic has not been started, so its balancer has no address yet; call start() first"
            raise RuntimeError(message)
        return f"http://127.0.0.1:{self._engine.balancer.port}"

    def _push(self, fact: Fact) -> None:
        if self._engine is not None:
            engine = self._engine
            self._background.post(lambda: engine.push(fact))

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


def _check(shape: LoadShape, target_groups: Sequence[str]) -> None:
    problems = [
        problem
        for holds, problem in (
            (len(target_groups) > 0, "target_groups is empty: name at least one target group"),
            (shape.requests_per_second >= 0, "requests_per_second is below 0"),
            (0 <= shape.slow_fraction <= 1, "slow_fraction is not between 0 and 1"),
            (
                0 <= shape.slow_seconds <= LONGEST_HOLD_SECONDS,
                f"slow_seconds is not between 0 and {LONGEST_HOLD_SECONDS:g}",
            ),
        )
        if not holds
    ]
    if problems:
        message = f"the traffic was not started: {'; '.join(problems)}"
        raise ValueError(message)
