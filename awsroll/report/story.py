"""The whole story of a rollout, from its record and its timeline: what a report file shows, in any format."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from awsroll.aws.call_counts import is_reading
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_events import EventName
from awsroll.core.model.status_parts import Failure
from awsroll.core.timeline.course import Course, Fact
from awsroll.core.timeline.figures import StepTiming, step_timings, surge_hours
from awsroll.ports import Record
from awsroll.report.build_report import build_report
from awsroll.report.report import ApiCalls, Report

_SETTING_EVENTS = (
    "group.desired-set",
    "group.updated",
    "group.processes-suspended",
    "group.processes-resumed",
    "group.warm-pool-deleted",
    "group.warm-pool-put",
    "target-group.delay-set",
    "target-group.health-checks-set",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateStory:
    """What happened at one checkpoint.

    Attributes:
        opened_at: when it was passed, in seconds since the start; None if it was not.
        approval: whether a person was asked, and who answered.
    """

    number: int
    checkpoint: str
    reached_at: float
    opened_at: float | None
    approval: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsedWay:
    """One way of the rehearsal.

    Attributes:
        way: `to the new version` or `back`.
        server: the server that ran the new version; empty if the rehearsal did not come that far.
        seconds: how long the way took, with the delay of the gates and the judge; None if it did not end well.
        verdict: what the judge found on this way; empty without a judge.
    """

    way: str
    server: str
    seconds: float | None
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A rollout as a report file tells it.

    Attributes:
        rehearsal: the ways of the rehearsal that began; none without a rehearsal.
        settings: the changes of settings, as (seconds since the start, change, reason).
        failures: the failures, with their time and owner.
        surge_hours: instance hours beyond the desired capacity.
    """

    report: Report
    rollout: Rollout
    course: Course
    gates: tuple[GateStory, ...]
    rehearsal: tuple[RehearsedWay, ...]
    timings: tuple[StepTiming, ...]
    settings: tuple[tuple[float, str, str], ...]
    failures: tuple[Failure, ...]
    surge_hours: float

    def as_dict(self) -> dict[str, Any]:
        """Return the story as plain JSON values: the report, and what the timeline adds."""
        import msgspec  # noqa: PLC0415 - only JSON output needs the JSON library

        return self.report.as_dict() | {
            "surge_hours": self.surge_hours,
            "gates": msgspec.to_builtins(self.gates),
            "rehearsal": msgspec.to_builtins(self.rehearsal),
            "timings": msgspec.to_builtins(self.timings),
            "settings": [{"at_s": at, "change": change, "reason": why} for at, change, why in self.settings],
            "capacity": [{"at_s": at, **msgspec.to_builtins(sample)} for at, sample in self.course.samples],
            "servers": [msgspec.to_builtins(lane) for lane in self.course.lanes],
            "events": msgspec.to_builtins(self.course.facts),
        }


def tell(record: Record, course: Course, *, report: Report | None = None, at: datetime) -> Story:
    """Return the story of a rollout.

    Args:
        record: the record of the rollout.
        course: its timeline.
        report: its report, if a process has just driven it; None: built from the record.
        at: the end of the story if the rollout has not ended.
    """
    counted = calls_in(course)
    final = report or build_report(record, at=at, api_calls=counted)
    if counted.total > final.api_calls.total:  # of other processes, too: of functions, and of terminals before
        final = replace(final, api_calls=counted)
    return Story(
        report=final,
        rollout=record.rollout,
        course=course,
        gates=_gates(record.rollout, course),
        rehearsal=_rehearsal(record.rollout, course),
        timings=step_timings(course),
        settings=tuple(
            (fact.at, change, fact.fields.get("reason", ""))
            for fact in course.facts
            if fact.name in _SETTING_EVENTS and (change := fact.fields.get("change", ""))
        ),
        failures=record.status.failures,
        surge_hours=surge_hours(course),
    )


def calls_in(course: Course) -> ApiCalls:
    """Return the AWS calls of all processes that have driven a rollout, as its timeline counts them."""
    calls = course.calls
    mutating = sum(count for name, count in calls.items() if not is_reading(name.partition(":")[2]))
    return ApiCalls(total=sum(calls.values()), mutating=mutating, by_operation=dict(calls))


def _gates(rollout: Rollout, course: Course) -> tuple[GateStory, ...]:
    reached = {number: fact for fact in course.facts if (number := _number(fact, EventName.CHECKPOINT_REACHED))}
    passed = {number: fact for fact in course.facts if (number := _number(fact, EventName.CHECKPOINT_PASSED))}
    checkpoints = dict(enumerate(rollout.gates.names, 1))
    return tuple(
        GateStory(
            number=number,
            checkpoint=checkpoints.get(number, ""),
            reached_at=fact.at,
            opened_at=passed[number].at if number in passed else None,
            approval=_approval(rollout, passed.get(number)),
        )
        for number, fact in sorted(reached.items())
    )


def _rehearsal(rollout: Rollout, course: Course) -> tuple[RehearsedWay, ...]:
    if not rollout.gates.rehearses:
        return ()
    returns, passed = (
        next((fact for fact in course.facts if fact.name == name), None)
        for name in (EventName.REHEARSAL_RETURNS, EventName.REHEARSAL_PASSED)
    )
    server = returns.fields.get("server", "") if returns else ""
    forth = _way("to the new version", server, 0.0, returns)
    return (forth, _way("back", server, returns.at, passed)) if returns else (forth,)


def _way(way: str, server: str, since: float, ended: Fact | None) -> RehearsedWay:
    if ended is None:
        return RehearsedWay(way=way, server=server, seconds=None, verdict="")
    seconds = round(ended.at - since, 3)
    return RehearsedWay(way=way, server=server, seconds=seconds, verdict=ended.fields.get("verdict", ""))


def _number(fact: Fact, name: EventName) -> int:
    text = fact.fields.get("number", "")
    return int(text) if fact.name == name and text.isdecimal() else 0


def _approval(rollout: Rollout, passed: Fact | None) -> str:
    if not rollout.gates.needs_approval:
        return "not needed"
    if passed is None:
        return "not given"
    return f"by {passed.fields['by']}" if passed.fields.get("by") else "given"
