"""Live traffic in front of a simulated fleet, as one object: start, snapshot, stop, report.

This is the blocking interface; `engine.py` runs in the event loop of a background thread. The feed delivers facts from
the world, which the traffic never calls.
"""

import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from awsroll.sandbox.traffic.applications import LONGEST_HOLD_SECONDS
from awsroll.sandbox.traffic.background import BackgroundLoop
from awsroll.sandbox.traffic.engine import Engine
from awsroll.sandbox.traffic.feed import Fact, TrafficWorld, WorldFeed
from awsroll.sandbox.traffic.load import LoadShape
from awsroll.sandbox.traffic.traffic_report import TrafficReport

_PATIENCE_SECONDS = 10.0


class Traffic:
    """Real HTTP clients, a load balancer, and a server for each instance, all on loopback.

    Args:
        world: the simulated AWS; it must run in real time.
        target_groups: the ARNs of the target groups that the balancer forwards to, with equal weights.
        requests_per_second: the rate in wall-clock time; 0 sends no requests.
        slow_fraction: the share of requests that are slow, 0 to 1.
        slow_seconds: the duration of a slow request, in wall-clock time. Use a large part of the deregistration delay
            divided by the sandbox's speed, so that each draining target has slow requests in flight.
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
        self._report_lock = threading.Lock()
        self._background = BackgroundLoop("sandbox-traffic")
        self._feed = WorldFeed(world, target_groups, self._push)
        self._target_groups = tuple(target_groups)
        self._world = world
        self._engine: Engine | None = None
        self._final: TrafficReport | None = None

    def start(self) -> Self:
        """Start the servers of the running instances, the balancer and the load."""
        self._background.start()
        try:
            self._engine = self._background.call(Engine.make(self._target_groups, self._shape))
            self._world.count_connections(self._requests_of)
            self._feed.open()
            self._background.call(self._engine.begin())
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> TrafficReport:
        """Stop the load, wait for the requests in flight, stop the servers, and return the final report.

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
            with self._report_lock:  # no snapshot waits for an ended loop
                self._final = report
            self._background.stop()
        return report

    def snapshot(self) -> TrafficReport:
        """Return the current counts, or the final counts after the end."""
        with self._report_lock:
            if self._final is not None or self._engine is None:
                return self._final or TrafficReport()
            return self._background.call(self._engine.report())

    def answer(self, event: Mapping[str, Any]) -> dict[str, dict[str, int]]:
        """Return the answer of a hook at `while_judging`: the bad and all requests of each server of its event.

        After the end, no server has requests.
        """
        with self._report_lock:
            if self._final is not None or self._engine is None:
                return {}
            return self._background.call(self._engine.answer(event))

    @property
    def url(self) -> str:
        """The URL of the balancer, for a browser, curl, or another load generator."""
        if self._engine is None:
            message = "The traffic has not started, so the balancer has no URL. Call start() first."
            raise RuntimeError(message)
        return f"http://127.0.0.1:{self._engine.balancer.port}"

    def _requests_of(self, instance_id: str) -> int:
        return 0 if self._engine is None else self._engine.balancer.requests_of(instance_id)

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
        message = f"The traffic was not started: {'; '.join(problems)}."
        raise ValueError(message)
