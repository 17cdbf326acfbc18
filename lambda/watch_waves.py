"""Look at the waves of many fleets: ask their rollouts to turn back after a failure, and say what the next turn is.

It writes user requests and the progress of the waves. It drives no rollout.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

import container
from awsroll.aws.connection import Connection
from awsroll.clock import default_clock
from awsroll.core.request.waves import FleetSpec, FleetsSpec, OnWaveFailure, WaveSpec
from awsroll.errors import SpecError
from awsroll.stores import RolloutRequest
from awsroll.stores.fleets_notes import name_of_execution
from awsroll.waves.armed_alarms import ArmedAlarms
from awsroll.waves.fleets_judge import FleetsJudge
from awsroll.waves.machine_turns import REFUSED, Driven, Look, MachineTurns, Verdict
from awsroll.waves.stored_progress import StoredProgress
from event_request import to_request
from handling import handles, readable_cause
from judge_wave import LONGEST_REASON, Ended
from named import InvalidEvent
from rollout_context import ROLLOUT_ID, Count, rollout_context

_HELD = "FleetLocked"
_WENT_WELL = ("succeeded", "continued")


class PlannedFleet(Struct, frozen=True):
    """A fleet as `plan_waves` returns it."""

    name: str
    rollout_id: Annotated[str, Meta(pattern=ROLLOUT_ID)]
    request: dict[str, Any]
    region: str = ""
    role: str = ""
    external_id: str = ""


class PlannedWave(Struct, frozen=True):
    """A wave as `plan_waves` returns it."""

    name: str
    fleets: tuple[PlannedFleet, ...]
    concurrency: Count
    tolerated_failures: Count = 0
    bake_seconds: Annotated[float, Meta(ge=0)] = 0
    alarms: tuple[str, ...] = ()
    judge: str | None = None
    on_failure: Literal["stop", "rollback-wave", "rollback-all"] = "stop"


class Event(Struct, frozen=True, forbid_unknown_fields=True):
    """Which waves, and what to do.

    Attributes:
        action: `check` the alarms before the first wave; `watch` while a wave is driven; `ended` when all executions of
            the turn have ended; then `judge`.
        name: the name of the execution.
        started_at: when the execution started.
        waves: the waves as `plan_waves` returns them.
        index: the wave that is driven, from 0.
        turn: the number of the turn: how many times a wave was driven before.
        results: how the fleets of this turn have ended; only with `judge`.
    """

    action: Literal["check", "watch", "ended", "judge"]
    name: Annotated[str, Meta(pattern=ROLLOUT_ID)]
    started_at: str
    waves: tuple[PlannedWave, ...]
    index: Count = 0
    turn: Count = 0
    results: tuple[Ended, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What to do next.

    Attributes:
        verdict: of `watch`: `watch` again after `wait_seconds`, or `leave`. Of `judge`: `go-on`: start the next wave;
            `again`: drive this wave once more; `turn-back`: drive the wave `index` once more, because its fleets were
            asked to roll back; `bake`: judge again after `wait_seconds`; `stop`.
        index: the wave to drive, from 0.
        reason: what failed, for people.
    """

    verdict: Verdict
    index: int
    wait_seconds: int
    reason: str


@handles(Event)
def handler(event: Event, _: Any) -> Answer:
    """Look once."""
    if event.index >= len(event.waves):
        problem = f"there is no wave {event.index}; nothing was changed"
        raise SpecError(problem)
    turns, name = _turns(event), name_of_execution(event.name, event.started_at)
    if event.action == "check":
        turns.check()
        return _answer(Look(verdict=Verdict.GO_ON, index=event.index))
    of_turn = StoredProgress(container.store(), f"{name}-{event.turn}")
    if event.action == "ended":
        of_turn.end()
        return _answer(Look(verdict=Verdict.LEAVE, index=event.index))
    if event.action == "watch":
        if of_turn.is_over or not turns.needs_watching:
            return _answer(Look(verdict=Verdict.LEAVE, index=event.index))
        return _answer(turns.watch(event.index, event.turn))
    return _answer(turns.judge(event.index, event.turn, _driven(event)), event.results)


def _answer(look: Look, results: Sequence[Ended] = ()) -> Answer:
    """Return the answer, with what failed in this turn."""
    details = (
        f"{ended.rollout_id} {ended.outcome}: {readable_cause(ended.reason)}"
        for ended in results
        if ended.outcome not in _WENT_WELL
    )
    reason = "; ".join((look.reason, *details)) if look.reason else ""
    return Answer(
        verdict=look.verdict, index=look.index, wait_seconds=look.wait_seconds, reason=reason[:LONGEST_REASON]
    )


def _driven(event: Event) -> dict[str, Driven]:
    names = {fleet.rollout_id: fleet.name for fleet in event.waves[event.index].fleets}
    return {
        names[ended.rollout_id]: Driven(
            outcome=ended.outcome, is_held=ended.outcome == REFUSED and ended.error == _HELD
        )
        for ended in event.results
        if ended.rollout_id in names
    }


def _turns(event: Event) -> MachineTurns:
    spec = FleetsSpec(waves=tuple(map(_wave, event.waves)))
    store = container.store()
    context = rollout_context(None, store)
    progress = StoredProgress(store, name_of_execution(event.name, event.started_at))
    return MachineTurns(
        spec,
        {fleet.name: fleet.rollout_id for wave in event.waves for fleet in wave.fleets},
        context,
        alarms=ArmedAlarms(_connection),
        progress=progress,
        judge=FleetsJudge(
            spec, _connection, progress=progress, clock=context.clock or default_clock(), runs_commands=False
        ),
        since=_instant(event.started_at),
    )


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        problem = f"started_at: {error}; nothing was changed"
        raise InvalidEvent(problem) from error
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _wave(wave: PlannedWave) -> WaveSpec:
    return WaveSpec(
        name=wave.name,
        concurrency=wave.concurrency,
        tolerated_failures=wave.tolerated_failures,
        bake_time=wave.bake_seconds,
        alarm=wave.alarms,
        judge=wave.judge,
        on_failure=OnWaveFailure(wave.on_failure),
        fleets=tuple(map(_fleet, wave.fleets)),
    )


def _fleet(fleet: PlannedFleet) -> FleetSpec:
    return FleetSpec(
        name=fleet.name,
        request=to_request(fleet.request),
        region=fleet.region,
        role=fleet.role,
        external_id=fleet.external_id,
    )


def _connection(fleet: FleetSpec) -> Connection:
    where = RolloutRequest(request=fleet.request, region=fleet.region, role=fleet.role, external_id=fleet.external_id)
    return container.connection(where)
