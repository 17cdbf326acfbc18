"""The parts of the traffic together, in the background event loop.

A queue delivers facts. They are applied in order to the servers, the balancer and the tally.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Self

from awsroll.sandbox.traffic.applications import InstanceServers
from awsroll.sandbox.traffic.balancer import Balancer
from awsroll.sandbox.traffic.feed import Fact, InstanceFact, TargetFact, ThresholdFact
from awsroll.sandbox.traffic.load import LoadGenerator, LoadShape
from awsroll.sandbox.traffic.tally import Tally
from awsroll.sandbox.traffic.target_table import TargetTable
from awsroll.sandbox.traffic.traffic_report import TrafficReport

_SAMPLE_SECONDS = 0.25


class Engine:
    """The servers, balancer, clients and tally, from `begin()` to `end()`."""

    def __init__(self, target_groups: Sequence[str], shape: LoadShape) -> None:
        self._facts: asyncio.Queue[Fact] = asyncio.Queue()
        self._table = TargetTable(target_groups)
        self._servers = InstanceServers()
        self._tally = Tally(asyncio.get_running_loop().time)
        self._shape = shape
        self._load: LoadGenerator | None = None
        self._sending: asyncio.Task[None] | None = None
        self._following: list[asyncio.Task[None]] = []
        self.balancer = Balancer(self._table, self._servers)

    @classmethod
    async def make(cls, target_groups: Sequence[str], shape: LoadShape) -> Self:
        """Return an engine that is created inside its event loop."""
        return cls(target_groups, shape)

    def push(self, fact: Fact) -> None:
        """Queue a fact."""
        self._facts.put_nowait(fact)

    async def begin(self) -> None:
        """Open the balancer, apply the queued facts, and start the load."""
        await self.balancer.open()
        while not self._facts.empty():
            await self._apply(self._facts.get_nowait())
        self._tally.begin()
        self._following = [asyncio.create_task(self._follow()), asyncio.create_task(self._sample())]
        if self._shape.requests_per_second > 0:
            self._load = LoadGenerator(self.balancer.port, self._shape, self._tally)
            self._sending = asyncio.create_task(self._load.run())

    async def report(self) -> TrafficReport:
        """Return the current counts."""
        return self._tally.report()

    async def answer(self, event: Mapping[str, Any]) -> dict[str, dict[str, int]]:
        """Return the requests of the servers of a hook's event."""
        return self._tally.counts.answer(event)

    async def end(self) -> TrafficReport:
        """Stop sending, wait for the requests in flight, then close the balancer and the servers."""
        try:
            if self._load is not None and self._sending is not None:
                await _cancel(self._sending)
                await self._load.finish()
            self._tally.sample()
            await _cancel(*self._following)
        finally:
            await self.balancer.close()
            await self._servers.close()
        return self._tally.report()

    async def _follow(self) -> None:
        while True:
            await self._apply(await self._facts.get())

    async def _sample(self) -> None:
        while True:
            await asyncio.sleep(_SAMPLE_SECONDS)
            self._tally.sample()

    async def _apply(self, fact: Fact) -> None:
        match fact:
            case InstanceFact():
                await self._servers.apply(fact)
            case TargetFact():
                self.balancer.apply(fact)
            case ThresholdFact():
                self._table.set_threshold(fact.target_group_arn, fact.threshold)
        versions = (self._servers.healthy_version(instance_id) for instance_id in self._table.serving_instances())
        self._tally.record_serving(version for version in versions if version is not None)


async def _cancel(*tasks: asyncio.Task[None]) -> None:
    """Cancel the tasks and wait for them. Raise the exception of a task that failed."""
    for task in tasks:
        task.cancel()
    for ended in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(ended, Exception):
            raise ended
