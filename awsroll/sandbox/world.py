"""The simulated AWS as one object: one account in one region, with its clock, its events and its services.

API calls and timers hold `lock` while they change the world. The world passes itself to each service, which sees only
the interfaces in `interfaces.py`. `dispatch.py` answers API calls; `ticker.py` has the thread.
"""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from awsroll.sandbox.autoscaling.world import AutoScalingWorld
from awsroll.sandbox.cloudwatch.alarms import CloudWatchWorld
from awsroll.sandbox.ec2.quota_answers import ServiceQuotas
from awsroll.sandbox.ec2.world import Ec2World
from awsroll.sandbox.elb.lattice import LatticeTargets
from awsroll.sandbox.elb.world import ElbWorld
from awsroll.sandbox.faults.active_rules import Faults
from awsroll.sandbox.invoked_functions import Functions
from awsroll.sandbox.sandbox_options import SandboxOptions
from awsroll.sandbox.ssm.world import SsmWorld
from awsroll.sandbox.timeline import Timeline, Timer

REGION = "us-east-1"
ACCOUNT_ID = "123456789012"


class SandboxClock(Protocol):
    """The clock of the world: the machine's clock, or a virtual clock that tests move."""

    def now(self) -> datetime:
        """Return the current instant, timezone-aware."""
        ...


class World:
    """All simulated resources of one account and region, and the planned events.

    Args:
        clock: the source of "now". The world never moves it.
        options: the switches; see `SandboxOptions`.
        region: the region that is simulated with its timing. Other regions are plain moto.
    """

    def __init__(self, clock: SandboxClock, options: SandboxOptions | None = None, *, region: str = REGION) -> None:
        self.clock = clock
        self.options = options or SandboxOptions()
        self.region = region
        self.account_id = ACCOUNT_ID
        self.lock = threading.RLock()
        self._timeline = Timeline()
        self._replaying_at: datetime | None = None
        self._wakers: list[Callable[[], None]] = []
        self.faults = Faults(self)
        self.ec2 = Ec2World(self)
        self.elb = ElbWorld(self)
        self.autoscaling = AutoScalingWorld(self)
        self.ssm = SsmWorld(self)
        self.cloudwatch = CloudWatchWorld(self)
        self.lattice = LatticeTargets(self)
        self.quotas = ServiceQuotas(self)
        self.functions = Functions(self)
        self._connection_counts: list[Callable[[str], int]] = []

    def count_connections(self, count: Callable[[str], int]) -> None:
        """Have `count` say how many requests an instance holds; without traffic, no instance holds any."""
        self._connection_counts.append(count)

    def open_connections(self, instance_id: str) -> int:
        """Return how many requests of clients an instance holds now."""
        return sum(count(instance_id) for count in self._connection_counts)

    def now(self) -> datetime:
        """Return the current instant; during an event, the instant at which the event was due."""
        return self._replaying_at or self.clock.now()

    def after(self, seconds: float, action: Callable[[], None]) -> Timer:
        """Run `action` when `seconds` of simulated time have passed.

        Args:
            seconds: simulated seconds. At speed 10, 30 simulated seconds take 3 seconds on the clock.
            action: called with `lock` held, while `now()` returns the instant at which it was due.
        """
        with self.lock:
            due = self.now() + self.scaled(seconds)
            timer = self._timeline.add(due, action)
            for wake in self._wakers:
                wake()
            return timer

    def scaled(self, seconds: float) -> timedelta:
        """Return how long `seconds` of simulated time take on the clock."""
        return timedelta(seconds=seconds / self.options.speed)

    def advance(self) -> None:
        """Run every event that is due, in order of time, including events that these events plan."""
        with self.lock:
            if self._replaying_at is not None:
                return  # called during an event: the outer call runs the rest in order
            now = self.clock.now()
            try:
                while (timer := self._timeline.pop_due(now)) is not None:
                    self._replaying_at = timer.due
                    timer.action()
            finally:
                self._replaying_at = None

    def next_event_at(self) -> datetime | None:
        """Return when the next event is due, or None if no event is planned."""
        with self.lock:
            return self._timeline.next_due()

    def on_event_planned(self, wake: Callable[[], None]) -> None:
        """Call `wake` whenever an event is planned, so that a sleeping thread checks the next event again."""
        self._wakers.append(wake)

    def change_options(self, **changes: Any) -> None:
        """Change some switches. Timers that are running keep their time."""
        with self.lock:
            self.options = replace(self.options, **changes)
