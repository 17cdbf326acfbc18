"""The base of the fake AWS: its time, its queue of future events, and its journal of past events.

Everything that takes time is an event on one queue; `catch_up` runs the events that are due, each at its own instant.
This module does not know instances, targets or groups.
"""

import heapq
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from awsroll.ports import Clock


class Actor(StrEnum):
    """The cause of a change."""

    AWSROLL = "awsroll"  # an action that the fleet executes for a rollout
    AWS = "aws"  # AWS itself: timers, health checks, the group's controller
    SOMEBODY = "somebody"  # a person, a script, or chance


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of the journal."""

    at: datetime
    actor: Actor
    name: str
    instance_id: str = ""
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.at:%H:%M:%S} {self.actor:<8} {self.name} {self.instance_id} {self.detail}".rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Physics:
    """How long things take, in seconds.

    Attributes:
        boot: from launch to `running`.
        application: from `running` until the application answers health checks.
        stop: from `shutting-down` to `terminated`.
        visibility: how long EC2 does not show a new instance (eventual consistency).
        group_reaction: how long a group takes to notice a difference.
        launch_retry: how long a group waits after a failed launch.
        health_grace: how long after InService a group ignores target health.
        status_check: how long after the launch the status checks of an instance have a result.
        impaired: how long a group waits for impaired status checks to recover before it marks the member.
        command: how long a reload command runs.
        dead_target_lingers: how long a terminated instance is still listed as a target.
        terminated_visible: how long EC2 shows a terminated instance.
        flap: how long a flapping application stays healthy, and then unhealthy.
        early_death: how long an instance of a version that dies stays alive.
    """

    boot: float = 20
    application: float = 10
    stop: float = 15
    visibility: float = 0
    group_reaction: float = 5
    launch_retry: float = 60
    health_grace: float = 120
    status_check: float = 0
    impaired: float = 120
    command: float = 20
    dead_target_lingers: float = 120
    terminated_visible: float = 3600
    flap: float = 45
    early_death: float = 40


@dataclass(slots=True, order=True)
class Event:
    """A future event, unless it is cancelled."""

    at: datetime
    number: int
    happen: Callable[[], None] = field(compare=False)
    cancelled: bool = field(default=False, compare=False)

    def cancel(self) -> None:
        """Cancel the event."""
        self.cancelled = True


class World:
    """Time and journal of the fake AWS.

    `now` is the instant of the event that is running, else the clock's. Each of the `watchers` is called with the actor
    after each event and each action; the safety checker is a watcher.
    """

    def __init__(self, clock: Clock, physics: Physics) -> None:
        self.clock = clock
        self.physics = physics
        self.now = clock.now()
        self.actor = Actor.AWS
        self.journal: list[Entry] = []
        self.watchers: list[Callable[[Actor], None]] = []
        self._queue: list[Event] = []
        self._number = 0
        self._touched: set[str] = set()

    def after(self, seconds: float, happen: Callable[[], None]) -> Event:
        """Schedule an event `seconds` from now."""
        self._number += 1
        event = Event(self.now + timedelta(seconds=seconds), self._number, happen)
        heapq.heappush(self._queue, event)
        return event

    def catch_up(self) -> None:
        """Run the events that are due."""
        until = self.clock.now()
        while self._queue and self._queue[0].at <= until:
            event = heapq.heappop(self._queue)
            if event.cancelled:
                continue
            self.now = max(self.now, event.at)
            with self.acting(Actor.AWS):
                event.happen()
        self.now = max(self.now, until)

    @contextmanager
    def acting(self, actor: Actor) -> Iterator[None]:
        """Attribute the changes in this block to `actor`; call the watchers at its end."""
        before, self.actor = self.actor, actor
        try:
            yield
            for watch in self.watchers:
                watch(actor)
        finally:
            self.actor = before

    def touch(self, instance_id: str) -> None:
        """Note that something about an instance changes. A change with an entry in the journal is noted by `record`."""
        self._touched.add(instance_id)

    def take_touched(self) -> set[str]:
        """Return the instances that were touched since the last call."""
        touched, self._touched = self._touched, set()
        return touched

    def record(self, name: str, instance_id: str = "", detail: object = "") -> None:
        """Add an entry to the journal."""
        if instance_id:
            self._touched.add(instance_id)
        entry = Entry(at=self.now, actor=self.actor, name=name, instance_id=instance_id, detail=str(detail))
        self.journal.append(entry)

    def history(self, last: int = 60) -> str:
        """Return the last entries of the journal, one line each."""
        return "\n".join(str(entry) for entry in self.journal[-last:])
