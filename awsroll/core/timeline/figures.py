"""Figures of a course: how long each step took, where, and what the surge cost in instance hours. Pure."""

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from awsroll.core.model.phases import ServerPhase
from awsroll.core.timeline.cell import CellState
from awsroll.core.timeline.course import Course, Lane, without_reasons

_STEPS: tuple[ServerPhase, ...] = (
    ServerPhase.DRAINING,
    ServerPhase.RELOADING,
    ServerPhase.RETURNING,
    ServerPhase.TERMINATING,
    ServerPhase.LAUNCHING,
    ServerPhase.VERIFYING,
)
_SECONDS_AN_HOUR = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Spell:
    """The time of one server in one state, with its end."""

    lane: Lane
    state: CellState
    begin: float
    end: float

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.end - self.begin


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTiming:
    """How long the servers were in one phase.

    Attributes:
        slowest_id: the server that took longest.
        by_zone: the median of each zone, in seconds.
    """

    step: str
    count: int
    median: float
    slowest: float
    slowest_id: str
    by_zone: tuple[tuple[str, float], ...]


def spells(course: Course) -> tuple[Spell, ...]:
    """Return the time of each server in each state; the last state lasts until the end of the course."""
    found = []
    for lane in course.lanes:
        stays = without_reasons(lane.stays)
        ends = [stay.at for stay in stays[1:]] + [course.seconds]
        for stay, end in zip(stays, ends, strict=True):
            if stay.state is not None:
                found.append(Spell(lane=lane, state=stay.state, begin=stay.at, end=max(stay.at, end)))
    return tuple(found)


def step_timings(course: Course) -> tuple[StepTiming, ...]:
    """Return the timings of the phases in which servers were, in the order of the work."""
    by_step: dict[CellState, list[Spell]] = defaultdict(list)
    for spell in spells(course):
        by_step[spell.state].append(spell)
    return tuple(_timing(step, by_step[step]) for step in _STEPS if by_step[step])


def _timing(step: ServerPhase, found: list[Spell]) -> StepTiming:
    by_zone: dict[str, list[float]] = defaultdict(list)
    for spell in found:
        by_zone[spell.lane.zone].append(spell.seconds)
    slowest = max(found, key=lambda spell: spell.seconds)
    return StepTiming(
        step=str(step),
        count=len(found),
        median=round(median(spell.seconds for spell in found), 1),
        slowest=round(slowest.seconds, 1),
        slowest_id=slowest.lane.instance_id,
        by_zone=tuple((zone, round(median(seconds), 1)) for zone, seconds in sorted(by_zone.items())),
    )


def surge_hours(course: Course) -> float:
    """Return the instance hours beyond the desired capacity, with servers that drain or are kept.

    For example 2 extra servers for 30 minutes are 1 hour.
    """
    last = (course.seconds, course.samples[-1][1]) if course.samples else None
    steps = pairwise((*course.samples, last)) if last is not None else ()
    seconds = sum(max(0, sample.with_draining - sample.desired) * (end - begin) for (begin, sample), (end, _) in steps)
    return round(seconds / _SECONDS_AN_HOUR, 3)


def lowest_serving(course: Course) -> int | None:
    """Return the lowest number of serving servers at any observation; None without one."""
    return min((sample.serving for _, sample in course.samples), default=None)
