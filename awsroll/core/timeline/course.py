"""The course of a rollout as values: the samples of its capacity, the changes of its servers, its events and calls.

All times are seconds since the start of the rollout.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from awsroll.core.model.replacing import replace
from awsroll.core.timeline.cell import Cell, CellState


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The capacity at one observation, kept when it has changed.

    Attributes:
        serving_old: servers that take requests and do not run the new version.
        serving_new: servers that take requests and run the new version.
        live: live servers, with those that are certain to come.
        with_draining: servers that run, with those that drain or are kept.
        floor: serving servers never fall below it by our doing.
        ceiling: live servers never exceed it by our doing.
        desired: the servers that the fleet should have.
    """

    serving_old: int
    serving_new: int
    live: int
    with_draining: int
    floor: int
    ceiling: int
    desired: int

    @property
    def serving(self) -> int:
        """The servers that take requests."""
        return self.serving_old + self.serving_new


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """The time of one server in one state.

    Attributes:
        state: the state; None: the server has left the fleet.
        until: when its wait ends, in seconds since the start; None if that is not known.
    """

    at: float
    state: CellState | None
    until: float | None = None
    ends_well: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One server of the fleet and all its states, oldest first."""

    instance_id: str
    zone: str
    version: str
    stays: tuple[Stay, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One event of the rollout."""

    at: float
    name: str
    fields: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """The course of a rollout.

    Attributes:
        started_at: the instant from which all times count.
        samples: the capacity: the time and the sample, oldest first.
        lanes: the servers, in the order in which they were first seen.
        facts: the events, oldest first, without those that a lane shows.
        calls: the AWS calls of all processes, by `service:Operation`.
        seconds: the time of the last line.
        is_complete: whether nothing was left out because the timeline was full.
    """

    started_at: datetime
    samples: tuple[tuple[float, Sample], ...] = ()
    lanes: tuple[Lane, ...] = ()
    facts: tuple[Fact, ...] = ()
    calls: dict[str, int] = field(default_factory=dict)
    seconds: float = 0
    is_complete: bool = True

    @property
    def last_sample(self) -> Sample | None:
        """The capacity at the last observation; None before the first."""
        return self.samples[-1][1] if self.samples else None

    def cells(self) -> tuple[Cell, ...]:
        """Return the cell of each server that is in the fleet, as of the last observation, sorted by zone."""
        live = sorted(self.lanes, key=lambda lane: (lane.zone, lane.instance_id))
        return tuple(cell for lane in live if lane.stays and (cell := self._cell(lane)) is not None)

    def _cell(self, lane: Lane) -> Cell | None:
        stay = lane.stays[-1]
        if stay.state is None:
            return None
        return Cell(
            instance_id=lane.instance_id,
            zone=lane.zone,
            state=stay.state,
            version=lane.version,
            reason=stay.reason,
            until=None if stay.until is None else self.started_at + timedelta(seconds=stay.until),
            ends_well=stay.ends_well,
        )


def without_reasons(stays: tuple[Stay, ...]) -> tuple[Stay, ...]:
    """Return the stays with each change of state alone: a new reason in the same state begins no new stay."""
    kept: list[Stay] = []
    for stay in stays:
        if not kept or kept[-1].state is not stay.state:
            kept.append(replace(stay, reason="", until=None))
    return tuple(kept)
