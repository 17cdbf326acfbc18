"""What to do next with the waves of many fleets: from the facts of all waves to the next turn. Pure.

A wave passes when its fleets have ended, its failures are tolerated, and its bake time is over. Its alarms and its
judge are armed from the start of its first fleet until the last wave has passed. A fleet that has succeeded keeps its
own alarms armed, too. The first failure of a wave is final: it is saved before anything is done about it, so that a
process that continues does the same.

A rollback of several waves begins with the newest one, and keeps the concurrency of each wave: an older wave begins
when the newer ones have ended. Fleets in progress turn back at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from awsroll.core.model.replacing import replace
from awsroll.core.request.waves import FAILURES, FleetEnding, OnWaveFailure, WaveLimits

LOOK_SECONDS = 10.0
"""The time between two looks at the alarms of waves."""

_NAMES_SHOWN = 5
_MAY_TURN_BACK = (FleetEnding.SUCCEEDED, FleetEnding.PAUSED, FleetEnding.STOPPED, FleetEnding.INTERRUPTED)


class FailureCause(StrEnum):
    """The cause of the failure of a wave."""

    FLEETS = "fleets"  # too many of its fleets have failed
    HELD = "held"  # too many, and at least one of them because another process holds it
    ALARM = "alarm"
    JUDGE = "judge"  # its finished fleets are worse than those that have not begun


@dataclass(frozen=True, slots=True, kw_only=True)
class WaveFailure:
    """The first failure of a wave.

    Attributes:
        wave: the name of the wave.
        reason: what failed, for people.
    """

    wave: str
    cause: FailureCause
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetFacts:
    """The facts of one fleet.

    Attributes:
        is_running: a driver works on its rollout now.
        ending: how its rollout has ended; of a running fleet, `NOT_BEGUN`.
        ended_at: when its rollout ended; None if it did not end, or that is not known.
        is_asked: it was asked to turn back or to pause after the failure.
        is_held: it was refused because another process holds it.
    """

    name: str
    is_running: bool = False
    ending: FleetEnding = FleetEnding.NOT_BEGUN
    ended_at: datetime | None = None
    is_asked: bool = False
    is_held: bool = False

    @property
    def has_begun(self) -> bool:
        """Whether its rollout was started."""
        return self.is_running or self.ending is not FleetEnding.NOT_BEGUN

    @property
    def may_turn_back(self) -> bool:
        """Whether it has servers on the new version, and no rollback was tried."""
        return not self.is_running and not self.is_asked and self.ending in _MAY_TURN_BACK


@dataclass(frozen=True, slots=True, kw_only=True)
class WaveFacts:
    """The facts of one wave.

    Attributes:
        firing: which of its armed alarms is in ALARM, and why; empty if none is.
        is_unread: its alarms could not be read.
        worse: why its judge finds its finished fleets worse than those that have not begun; empty if it does not.
    """

    name: str
    limits: WaveLimits
    fleets: tuple[FleetFacts, ...]
    firing: str = ""
    is_unread: bool = False
    worse: str = ""

    @property
    def has_begun(self) -> bool:
        """Whether the rollout of a fleet was started."""
        return any(fleet.has_begun for fleet in self.fleets)

    @property
    def running(self) -> tuple[FleetFacts, ...]:
        """The fleets whose rollouts are driven now."""
        return tuple(fleet for fleet in self.fleets if fleet.is_running)

    @property
    def waiting(self) -> tuple[FleetFacts, ...]:
        """The fleets that have not begun."""
        return tuple(fleet for fleet in self.fleets if not fleet.has_begun)

    @property
    def endings(self) -> tuple[FleetEnding, ...]:
        """How the other fleets have ended."""
        return tuple(fleet.ending for fleet in self.fleets if fleet.has_begun and not fleet.is_running)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The facts of all waves.

    Attributes:
        at: now.
        watched_since: since when the alarms are watched without a pause: a bake that was interrupted starts again.
        failure: the failure that is known already.
        is_stopping: the driver was asked to stop.
    """

    waves: tuple[WaveFacts, ...]
    at: datetime
    watched_since: datetime
    failure: WaveFailure | None = None
    is_stopping: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What to do now.

    Attributes:
        wave: the name of the wave that is in progress; empty after the last one, and after a failure.
        failure: a failure that was not known. Save it before anything else.
        begin: the fleets to start, in order.
        turn_back: the fleets to roll back: running ones, and ones that have ended.
        pause: the running fleets to pause.
        wait_seconds: when to look again; None: when a fleet ends.
        is_over: nothing is left to do.
        is_cut_short: it is over because the driver was asked to stop.
    """

    wave: str = ""
    failure: WaveFailure | None = None
    begin: tuple[str, ...] = ()
    turn_back: tuple[str, ...] = ()
    pause: tuple[str, ...] = ()
    wait_seconds: float | None = None
    is_over: bool = False
    is_cut_short: bool = False


def next_turn(facts: Facts) -> Turn:
    """Return what to do now."""
    running = [fleet for wave in facts.waves for fleet in wave.running]
    if facts.is_stopping:
        cut_short = not running and not next_turn(replace(facts, is_stopping=False)).is_over
        return Turn(is_over=not running, is_cut_short=cut_short)
    failure = facts.failure or _first_failure(facts)
    if failure is None:
        return _forward(facts)
    turn = _after(failure, facts.waves)
    return replace(turn, failure=None if facts.failure else failure)


# --- forward ----------------------------------------------------------------------------------------------------------


def _forward(facts: Facts) -> Turn:
    for number, wave in enumerate(facts.waves):
        if any(later.has_begun for later in facts.waves[number + 1 :]):
            continue
        if FleetEnding.INTERRUPTED in wave.endings:
            return Turn(wave=wave.name, is_over=not wave.running)
        room = wave.limits.room(wave.endings, waiting=len(wave.waiting), running=len(wave.running))
        begin = tuple(fleet.name for fleet in wave.waiting[:room])
        if begin or wave.running or wave.waiting:
            return Turn(wave=wave.name, begin=begin)
        left = bake_left(facts, wave)
        if left > 0 or wave.is_unread:
            return Turn(wave=wave.name, wait_seconds=min(LOOK_SECONDS, left) if left > 0 else LOOK_SECONDS)
    return Turn(is_over=True)


def bake_left(facts: Facts, wave: WaveFacts) -> float:
    """Return the seconds until the bake time of a wave is over whose fleets have ended."""
    ends = [fleet.ended_at for fleet in wave.fleets if fleet.ended_at is not None]
    since = max((*ends, facts.watched_since))
    return (since + timedelta(seconds=wave.limits.bake_seconds) - facts.at).total_seconds()


# --- after a failure --------------------------------------------------------------------------------------------------


def _first_failure(facts: Facts) -> WaveFailure | None:
    for wave in facts.waves:
        if wave.has_begun and wave.firing:
            return WaveFailure(wave=wave.name, cause=FailureCause.ALARM, reason=wave.firing)
        if wave.has_begun and wave.worse:
            return WaveFailure(wave=wave.name, cause=FailureCause.JUDGE, reason=wave.worse)
        if wave.limits.is_failed(wave.endings):
            held = any(fleet.is_held for fleet in wave.fleets)
            cause = FailureCause.HELD if held else FailureCause.FLEETS
            return WaveFailure(wave=wave.name, cause=cause, reason=_counted(wave))
    return None


def _counted(wave: WaveFacts) -> str:
    failed = [fleet for fleet in wave.fleets if fleet.ending in FAILURES]
    shown = ", ".join(f"{fleet.name} {fleet.ending.value.replace('_', ' ')}" for fleet in failed[:_NAMES_SHOWN])
    more = f" and {len(failed) - _NAMES_SHOWN} more" if len(failed) > _NAMES_SHOWN else ""
    return f"{len(failed)} of {len(wave.fleets)} failed, {wave.limits.may_fail} tolerated: {shown}{more}"


def _after(failure: WaveFailure, waves: Sequence[WaveFacts]) -> Turn:
    running = [fleet for wave in waves for fleet in wave.running]
    unasked = tuple(fleet.name for fleet in running if not fleet.is_asked)
    limits = next(wave.limits for wave in waves if wave.name == failure.wave)
    on_failure = OnWaveFailure.STOP if failure.cause is FailureCause.HELD else limits.on_failure
    match on_failure:
        case OnWaveFailure.STOP:
            pause = unasked if failure.cause in (FailureCause.ALARM, FailureCause.JUDGE) else ()
            return Turn(pause=pause, is_over=not running)
        case OnWaveFailure.ROLLBACK_WAVE:
            back = _turning_back(waves, {failure.wave})
        case OnWaveFailure.ROLLBACK_ALL:
            back = _turning_back(waves, {wave.name for wave in waves})
        case _:
            assert_never(on_failure)
    return Turn(turn_back=(*unasked, *back), is_over=not running and not back)


def _turning_back(waves: Sequence[WaveFacts], scope: set[str]) -> tuple[str, ...]:
    """Return the ended fleets to roll back now: those of the newest wave that has any, within its concurrency."""
    for wave in reversed(waves):
        left = [fleet.name for fleet in wave.fleets if fleet.may_turn_back and wave.name in scope]
        if left or wave.running:
            return tuple(left[: max(0, wave.limits.at_once - len(wave.running))])
    return ()
