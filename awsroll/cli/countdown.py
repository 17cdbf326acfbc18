"""The time left of a rollout: the plan's model of what remains, at the pace that the rollout has shown so far.

A sandbox with fast timers, or servers that boot slowly, show in the pace. The waits at gates count as they are.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from statistics import median

from awsroll.core.classify.estimates import seconds_to_drain, seconds_to_replace
from awsroll.core.model.observation import Observation
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.rollout import Rollout
from awsroll.core.timeline.arrivals import arrivals
from awsroll.core.timeline.course import Course
from awsroll.core.timeline.picture import Picture
from awsroll.report.estimate import work_of
from awsroll.report.simulate import simulate

_UNMEASURED_SECONDS = 10.0  # at the start, a rollout prepares: that time shows no pace
_ROLLING_BACK = "rolling back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timers:
    """How long a server drains, and how long the next one takes from its launch until it serves; in seconds."""

    drain: float
    arrival: float

    @classmethod
    def of(cls, rollout: Rollout, observation: Observation) -> "Timers":
        """Return the timers that a plan of the rollout uses."""
        groups = observation.target_groups
        return cls(drain=seconds_to_drain(rollout, groups), arrival=seconds_to_replace(rollout, groups))

    @classmethod
    def measured(cls, course: Course) -> "Timers | None":
        """Return the times of the servers so far; None before the first one serves."""
        arrived = arrivals(course)
        if not arrived:
            return None
        drains = [
            after.at - stay.at
            for lane in course.lanes
            for stay, after in zip(lane.stays, lane.stays[1:], strict=False)
            if stay.state is ServerPhase.DRAINING
        ]
        return cls(drain=median(drains) if drains else 0.0, arrival=median(arrived))


class Countdown:
    """The time left of one rollout."""

    def __init__(self) -> None:
        self._pace: float | None = None  # seconds for a second of the model
        self._begin: tuple[datetime, float] | None = None  # of the measurement, and what remained then
        self._rested = 0.0
        self._rests_since: datetime | None = None
        self._changed_at: datetime | None = None
        self._remaining = self._after = self._gates = 0.0

    def see(self, rollout: Rollout, shown: Picture, timers: Timers | None, at: datetime) -> None:
        """Note a picture of the rollout."""
        if timers is None:
            return
        self._rest(at, rests=shown.approval is not None or shown.rests_until is not None)
        remaining = _moving_seconds(rollout, shown, timers, done=shown.done)
        self._after = _moving_seconds(rollout, shown, timers, done=min(shown.goal, shown.done + shown.in_flight))
        self._gates = _gate_seconds(rollout, shown)
        if self._begin is None or remaining > self._remaining:  # at first, and if it turns back
            self._begin, self._rested = (at, remaining), 0.0
        elif remaining < self._remaining:
            begun_at, begun = self._begin
            active = (at - begun_at).total_seconds() - self._rested
            self._pace = max(0.0, active) / (begun - remaining)
        if self._changed_at is None or remaining != self._remaining:
            self._changed_at = at
        self._remaining = remaining

    def seconds(self, now: datetime) -> float | None:
        """Return the time left, in seconds; None if it is not known."""
        if self._begin is None or self._changed_at is None or not self._remaining:
            return None
        if self._pace is None and (now - self._begin[0]).total_seconds() < _UNMEASURED_SECONDS:
            return None
        pace = 1.0 if self._pace is None else self._pace
        since = max(0.0, (now - self._changed_at).total_seconds())
        return max(pace * self._remaining - since, pace * self._after) + self._gates

    def _rest(self, at: datetime, *, rests: bool) -> None:
        if self._rests_since is not None:
            self._rested += (at - self._rests_since).total_seconds()
            self._changed_at = at
        self._rests_since = at if rests else None


def _moving_seconds(rollout: Rollout, shown: Picture, timers: Timers, *, done: int) -> float:
    """Return how long the model takes for the servers that remain, without the waits at gates."""
    work = work_of(rollout, shown.limits, outdated=shown.goal - done, current=done)
    ahead = () if rollout.gates.by_zone else tuple(count - done for count in work.checkpoints if count > done)
    work = replace(work, checkpoints=ahead, checkpoint_seconds=0, bake_seconds=0)
    return simulate(work, drain=timers.drain, arrival=lambda: timers.arrival).seconds


def _gate_seconds(rollout: Rollout, shown: Picture) -> float:
    """Return how long the gates that are ahead wait, without the time that people take."""
    if shown.stage == _ROLLING_BACK:
        return 0.0
    gates = rollout.gates
    if gates.by_zone:
        counts = [shown.goal * number // len(gates.zones) for number in range(1, len(gates.zones) + 1)]
    else:
        counts = [max(1, amount.rounded_down(shown.limits.desired)) for amount in gates.checkpoints]
    return gates.delay_seconds * sum(1 for count in counts if count > shown.done) + gates.bake_seconds
