"""The simulated AWS as one object: its clock, its events, and one part per service.

One account in one region. Everything that changes it, an API call or a timer, does so while holding `lock`. The
services know each other through this object alone. No API parsing here (that is `api.py`), no threads (`ticker.py`).
"""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from awsroll.sandbox.autoscaling.world import AutoScalingWorld
from awsroll.sandbox.cloudwatch.alarms import CloudWatchWorld
from awsroll.sandbox.ec2.world import Ec2World
from awsroll.sandbox.elb.world import ElbWorld
from awsroll.sandbox.faults.book import Faults
from awsroll.sandbox.functions import Functions
from awsroll.sandbox.sandbox_options import SandboxOptions
from awsroll.sandbox.ssm.world import SsmWorld
from awsroll.sandbox.timeline import Timeline, Timer

REGION = "us-east-1"
ACCOUNT_ID = "123456789012"


class SandboxClock(Protocol):
    """Where the world reads the time: the machine's clock, or a virtual one that tests move."""

    def now(self) -> datetime:
        """Return the current instant, timezone-aware."""
        ...


class World:
    """All simulated resources of one account and region, and the events to come.

    Args:
        clock: the source of "now"; it is read, never moved.
        options: the switches, see `SandboxOptions`.
        region: the region whose calls are simulated with their timing; others are plain moto.
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
        self.functions = Functions(self)

    def now(self) -> datetime:
        """Return the current instant; inside an event, the instant at which it was due."""
        return self._replaying_at or self.clock.now()

    def after(self, seconds: float, action: Callable[[], None]) -> Timer:
        """Run `action` when `seconds` of simulated time have passed.

        Args:
            seconds: simulated; at speed 10 a tenth of it passes on the clock.
            action: called with `lock` held, while `now()` reads the instant it was due.
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
        """Run every event that is due, in order of time; events they plan run too if they are due."""
        with self.lock:
            if self._replaying_at is not None:
                return  # called from inside an event: the outer call goes on in order
            now = self.clock.now()
            try:
                while (timer := self._timeline.pop_due(now)) is not None:
                    self._replaying_at = timer.due
                    timer.action()
            finally:
                self._replaying_at = None

    def next_event_at(self) -> datetime | None:
        """Return when the next event is due, or None if nothing is going on."""
        with self.lock:
            return self._timeline.next_due()

    def on_event_planned(self, wake: Callable[[], None]) -> None:
        """Call `wake` whenever a new event is planned, so that a thread that sleeps can look again."""
        self._wakers.append(wake)

    def change_options(self, **changes: Any) -> None:
        """Set some switches to other values from now on; timers that run already keep their time."""
        with self.lock:
            self.options = replace(self.options, **changes)
