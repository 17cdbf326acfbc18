"""Traffic in virtual time: the same routing and the same failing requests, without sockets and clients.

A request takes no time, so it cannot be cut. Use it to see what the judge sees; `Traffic` shows what clients see.
"""

import random
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Protocol, Self

from awsroll.sandbox.instance import Health
from awsroll.sandbox.traffic.feed import Fact, InstanceFact, TargetFact, ThresholdFact, TrafficWorld, WorldFeed
from awsroll.sandbox.traffic.request_counts import RequestCounts
from awsroll.sandbox.traffic.target_table import TargetKey, TargetTable


class VirtualWorld(TrafficWorld, Protocol):
    """The part of the simulated world that virtual traffic reads."""

    def now(self) -> datetime: ...  # noqa: D102
    def advance(self) -> None: ...  # noqa: D102


class VirtualTraffic:
    """A steady rate of requests in front of a fleet, at the pace of the world's clock.

    Requests are sent when the world changes, and when somebody counts them. Before a change applies, the requests until
    then are sent.

    Args:
        world: the simulated AWS.
        target_groups: the ARNs of the target groups that requests go to, with equal weights.
        requests_per_second: the rate, in simulated time.
        seed: which of the requests fail on servers with the tag `sandbox:error-percent`.
    """

    def __init__(
        self,
        world: VirtualWorld,
        *,
        target_groups: Sequence[str],
        requests_per_second: float = 50.0,
        seed: int = 1,
    ) -> None:
        self._world = world
        self._feed = WorldFeed(world, target_groups, self._push)
        self._table = TargetTable(target_groups)
        self._instances: dict[str, InstanceFact] = {}
        self._counts = RequestCounts()
        self._interval = 1 / requests_per_second
        self._random = random.Random(seed)  # noqa: S311 (no secret, and must repeat)
        self._began = 0.0
        self._sent = 0

    def answer(self, event: Mapping[str, Any]) -> dict[str, dict[str, int]]:
        """Return the answer of a hook at `while_judging`; register it as a function of the sandbox."""
        with self._world.lock:
            self._world.advance()
            self._send_until_now()
            return self._counts.answer(event)

    def __enter__(self) -> Self:
        """Start to send requests."""
        with self._world.lock:
            self._began = self._world.now().timestamp()
            self._feed.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop sending."""
        self._feed.close()

    def _push(self, fact: Fact) -> None:
        self._send_until_now()
        match fact:
            case InstanceFact():
                self._instances[fact.instance_id] = fact
            case TargetFact():
                self._table.apply(fact.key, fact.state)
            case ThresholdFact():
                self._table.set_threshold(fact.target_group_arn, fact.threshold)

    def _send_until_now(self) -> None:
        now = self._world.now().timestamp()
        while (due := self._began + self._sent * self._interval) < now:
            key = self._table.next_target()
            if key is not None:
                self._counts.add(due, key.instance_id, is_bad=self._fails(key))
            self._sent += 1

    def _fails(self, key: TargetKey) -> bool:
        """Return whether a request to this target fails."""
        fact = self._instances.get(key.instance_id)
        if fact is None or fact.answers.get(key.port) is not Health.HEALTHY:
            return True
        return fact.error_share > 0 and self._random.random() < fact.error_share
