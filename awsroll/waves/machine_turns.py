"""The turns of waves whose fleets a state machine drives. The decisions are those of a terminal: `core.wave_turns`.

In one turn, the machine drives the fleets of one wave, each by its own execution. Meanwhile it calls `watch`, which
asks these fleets to turn back or to pause after a failure. When all executions of the turn have ended, it calls
`judge`, which says what the next turn is. To roll a wave back, the machine drives its fleets once more: a rollout that
was asked to roll back does so, and every other one that has ended answers at once.

Both calls may be repeated: a failure is saved before anything is done about it, and each request is idempotent.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from awsroll.core.model.status import Mode, Outcome
from awsroll.core.request.waves import FleetEnding, FleetsSpec, OnWaveFailure, WaveSpec
from awsroll.core.wave_turns import LOOK_SECONDS, Facts, FleetFacts, Turn, WaveFacts, WaveFailure, next_turn
from awsroll.driver.context import Context
from awsroll.driver.session import Session
from awsroll.driver.task_token import complete_waiting_task
from awsroll.driver.user_commands import Command
from awsroll.errors import FleetError, RolloutNotFoundError
from awsroll.ports import Record
from awsroll.waves.armed_alarms import ArmedAlarms, SeenAlarms, is_armed
from awsroll.waves.ask_fleets import ask, ask_ended
from awsroll.waves.fleets_judge import FleetsJudge, SeenFleets, is_judged
from awsroll.waves.stored_progress import StoredProgress

CONTINUED = "continued"
REFUSED = "refused"
_SHARE_OF_THE_TIME = 0.01  # a look has 11 events, and an execution may have 25,000: so looks become rarer
_LONGEST_SECONDS = 600


class Verdict(StrEnum):
    """What the machine does next."""

    WATCH = "watch"  # look again
    LEAVE = "leave"  # no further look in this turn
    GO_ON = "go-on"  # the wave has passed
    AGAIN = "again"  # drive the same wave once more: an execution was at its limit, or fleets wait
    BAKE = "bake"  # wait, then judge again
    TURN_BACK = "turn-back"  # drive a wave whose fleets were asked to roll back
    STOP = "stop"  # a wave has failed, and nothing is left to do


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one look says.

    Attributes:
        index: the number of the wave to drive, from 0.
        wait_seconds: the time until the next look.
        reason: what has failed, for people; empty if nothing has.
    """

    verdict: Verdict
    index: int
    wait_seconds: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Driven:
    """How the execution of one fleet has ended in this turn.

    Attributes:
        outcome: the outcome of its rollout, or `continued`, `refused`, `not_begun`.
        is_held: it was refused because another process holds the fleet.
    """

    outcome: str
    is_held: bool = False


class MachineTurns:
    """Looks at waves whose fleets a state machine drives.

    Args:
        spec: the waves.
        rollout_ids: the id of the rollout of each fleet, by the name of the fleet.
        context: the store and the clock of the functions, and their credentials.
        alarms: reads the alarms of waves.
        progress: what earlier looks have done.
        judge: compares fleets that have succeeded with those that have not begun.
        since: when the execution started.
    """

    def __init__(  # noqa: PLR0913 - keywords
        self,
        spec: FleetsSpec,
        rollout_ids: Mapping[str, str],
        context: Context,
        *,
        alarms: ArmedAlarms,
        progress: StoredProgress,
        judge: FleetsJudge,
        since: datetime,
    ) -> None:
        self._spec = spec
        self._ids = rollout_ids
        self._session = Session(context)
        self._store = self._session.record_store()
        self._alarms = alarms
        self._progress = progress
        self._judge = judge
        self._since = since

    def check(self) -> None:
        """Check the alarms of all waves before the first fleet starts.

        Raises:
            FleetError: if an alarm does not exist, or is in ALARM already.
        """
        if problems := [problem for wave in self._spec.waves for problem in self._alarms.problems(wave)]:
            raise FleetError(*problems)
        self._facts(0, {})  # the judge counts what is usual before the first wave

    @property
    def needs_watching(self) -> bool:
        """Whether a failure could need a reaction before the fleets of the turn have ended."""
        reacts = any(is_armed(wave) or wave.on_failure is not OnWaveFailure.STOP for wave in self._spec.waves)
        return reacts or is_judged(self._spec)

    def watch(self, number: int, turn: int) -> Look:
        """Look once while the machine drives the fleets of a wave."""
        facts = self._facts(number, None)
        found = self._next(facts)
        if (failure := self._progress.value.failure) is not None:
            driven = {fleet.name for fleet in facts.waves[number].fleets if fleet.has_begun and fleet.ended_at is None}
            self._ask(driven.intersection(found.turn_back), Command.ROLLBACK, failure, turn)
            self._ask(driven.intersection(found.pause), Command.PAUSE, failure, turn)
        return Look(verdict=Verdict.WATCH, index=number, wait_seconds=self._seconds(LOOK_SECONDS))

    def judge(self, number: int, turn: int, results: Mapping[str, Driven]) -> Look:
        """Return the next turn after all executions of this one have ended.

        Args:
            number: the wave that was driven, from 0.
            turn: the number of this turn.
            results: the results of its fleets, by name.
        """
        facts = self._facts(number, results, turn)
        found = self._next(facts)
        failure = self._progress.value.failure
        if any(result.outcome == CONTINUED for result in results.values()):
            return Look(verdict=Verdict.AGAIN, index=number, reason=_words(failure))
        if failure is not None:
            return self._after(failure, found, number, turn)
        if found.wave != self._spec.waves[number].name:
            return Look(verdict=Verdict.GO_ON, index=number)
        if found.wait_seconds is None:
            return Look(verdict=Verdict.AGAIN, index=number)
        return Look(verdict=Verdict.BAKE, index=number, wait_seconds=self._seconds(found.wait_seconds))

    def _after(self, failure: WaveFailure, found: Turn, number: int, turn: int) -> Look:
        if not found.turn_back:
            return Look(verdict=Verdict.STOP, index=number, reason=_words(failure))
        for name in found.turn_back:
            ask_ended(self._store, self._ids[name], why=_words(failure))
        self._progress.ask(found.turn_back, turn)
        named = set(found.turn_back)
        index = next(at for at, wave in enumerate(self._spec.waves) if named & {one.name for one in wave.fleets})
        return Look(verdict=Verdict.TURN_BACK, index=index, reason=_words(failure))

    def _ask(self, names: Iterable[str], command: Command, failure: WaveFailure, turn: int) -> None:
        asked = [name for name in sorted(names) if ask(self._store, self._ids[name], command, why=_words(failure))]
        self._progress.ask(asked, turn)
        for name in asked:
            complete_waiting_task(self._ids[name], self._store, self._session.aws)

    def _next(self, facts: Facts) -> Turn:
        found = next_turn(facts)
        if found.failure is not None:
            self._progress.fail(found.failure)
            self._session.emit("wave.failed", wave=found.failure.wave, reason=found.failure.reason)
        return found

    def _seconds(self, wanted: float) -> int:
        """Return the time until the next look: the longer the execution lasts, the longer it is."""
        spent = (self._session.clock.now() - self._since).total_seconds()
        least = 1 if wanted < LOOK_SECONDS else LOOK_SECONDS
        return math.ceil(max(least, min(_LONGEST_SECONDS, max(wanted, spent * _SHARE_OF_THE_TIME))))

    # --- facts --------------------------------------------------------------------------------------------------------

    def _facts(self, number: int, results: Mapping[str, Driven] | None, turn: int | None = None) -> Facts:
        fleets: dict[str, FleetFacts] = {}
        for at, wave in enumerate(self._spec.waves):
            known = None if at == number and results is None else (results or {})
            fleets |= {fleet.name: self._fleet(fleet.name, known, turn) for fleet in wave.fleets}
        judged = SeenFleets() if self._progress.value.failure else self._judge.look(fleets.values())
        if judged.warning:
            self._session.emit("wave.warning", wave="", message=judged.warning)
        return Facts(
            waves=tuple(self._wave(wave, fleets, judged.worse.get(wave.name, "")) for wave in self._spec.waves),
            at=self._session.clock.now(),
            watched_since=datetime.min.replace(tzinfo=UTC),  # CloudWatch keeps watching between two looks
            failure=self._progress.value.failure,
        )

    def _wave(self, wave: WaveSpec, facts: Mapping[str, FleetFacts], worse: str) -> WaveFacts:
        seen, fleets = SeenAlarms(), tuple(facts[fleet.name] for fleet in wave.fleets)
        is_needed = self._progress.value.failure is None  # the first failure is final
        if is_needed and is_armed(wave) and any(fleet.has_begun for fleet in fleets):
            seen = self._alarms.see(wave, {each.name for each in fleets if each.ending is FleetEnding.SUCCEEDED})
        if seen.unread:
            self._session.emit("wave.warning", wave=wave.name, message=seen.unread)
        return WaveFacts(
            name=wave.name,
            limits=wave.limits,
            fleets=fleets,
            firing=seen.firing,
            is_unread=bool(seen.unread),
            worse=worse,
        )

    def _fleet(self, name: str, results: Mapping[str, Driven] | None, turn: int | None) -> FleetFacts:
        """Return the facts of a fleet.

        Args:
            name: the fleet.
            results: the results of the executions that have ended; None: the fleet may have an execution now.
            turn: the turn that is judged; None while a turn lasts.
        """
        result = None if results is None else results.get(name)
        record = self._record(name)
        if record is None:
            is_refused = result is not None and result.outcome == REFUSED
            ending = FleetEnding.REFUSED if is_refused else FleetEnding.NOT_BEGUN
            return FleetFacts(name=name, ending=ending, is_held=result is not None and result.is_held)
        asked_in = self._progress.value.asked.get(name)
        status = record.status
        rests = status.outcome is Outcome.PAUSED and not status.must_rest
        has_execution = results is None or (result is not None and result.outcome == CONTINUED)
        if status.mode is not Mode.ENDED and has_execution and not rests:
            return FleetFacts(name=name, is_running=True, is_asked=asked_in is not None)
        if status.mode is Mode.ENDED:
            ending = FleetEnding(status.outcome.value)
        else:
            ending = FleetEnding.PAUSED if rests else FleetEnding.STOPPED
        is_final = asked_in is not None and (turn is None or asked_in < turn)  # its rollback was tried
        return FleetFacts(name=name, ending=ending, ended_at=status.ended_at, is_asked=is_final)

    def _record(self, name: str) -> Record | None:
        try:
            return self._store.load(self._ids[name])
        except RolloutNotFoundError:
            return None


def _words(failure: WaveFailure | None) -> str:
    return "" if failure is None else f"wave {failure.wave} has failed: {failure.reason}"
