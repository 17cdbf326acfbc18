"""One request to roll many fleets: check all, then wave after wave; and where they stand, at any moment."""

import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from awsroll.aws.sessions import SharedSession, open_session
from awsroll.clock import SystemClock
from awsroll.core.model.status import Outcome
from awsroll.core.request.waves import FleetEnding, FleetSpec, FleetsSpec, WaveSpec, worst
from awsroll.driver import operations
from awsroll.driver.context import Context, NotConfirmedError
from awsroll.errors import AwsrollError, SpecError
from awsroll.events import Tee
from awsroll.report import FleetReport, FleetsPlan, FleetsReport, Report, WavePlan, WaveReport, build_report
from awsroll.stores import LocalStore, RecordStore, RolloutRequest
from awsroll.waves.check_fleets import Ready, Readying, check_apart, refusal, unfinished_in
from awsroll.waves.threads import Crew, side_by_side
from awsroll.waves.wave_events import FleetSink

if TYPE_CHECKING:
    from awsroll.ports import Clock, Sink

_CHECKED_AT_ONCE = 8
_LEAVING_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    """How one fleet ended."""

    ending: FleetEnding
    reason: str = ""
    report: Report | None = None
    error: AwsrollError | None = None


_NOT_BEGUN = _Ended(ending=FleetEnding.NOT_BEGUN)


class FleetsRun:
    """Rolls many fleets.

    Args:
        spec: which, in which order.
        context: shared by all fleets: the session's credentials assume the roles, or are used as they are; the
            sink gets every event with `fleet_name` and `wave`. What it may ask a person before a rollout, and Python
            hooks, are not asked and not run here.
    """

    def __init__(self, spec: FleetsSpec, context: Context) -> None:
        if problems := spec.problems():
            raise SpecError(*problems)
        self._spec = spec
        self._clock: Clock = context.clock or SystemClock()
        self._store = context.store or LocalStore()
        self._sink: Sink = context.sink or Tee()
        self._asked_to_stop = context.stop_requested
        self._halted = threading.Event()
        self._telling = threading.Lock()
        self._context = replace(context, store=self._store, clock=self._clock, stop_requested=self._stops, hooks=())
        self._ready: dict[str, Ready] = {}
        self._begun: dict[str, FleetSpec] = {}
        self._ended: dict[str, _Ended] = {}
        self._started_at = self._clock.now()

    # --- checking -----------------------------------------------------------------------------------------------------

    def check(self) -> FleetsPlan:
        """Look at every fleet and check it; change nothing. What was checked may then be rolled.

        Raises:
            SpecError, FleetError: if a request or a fleet does not allow it, of every one that does not.
            FleetLockedError: if a fleet is in the middle of another rollout.
            AwsError: if AWS refused, for example to let a role be assumed, or did not answer.
        """
        base = open_session() if self._context.session is None else self._context.session
        lock = threading.RLock()
        readying = Readying(
            self._context,
            lambda region: SharedSession(base, region=region, lock=lock),
            unfinished_in(self._store),
        )
        found = side_by_side(self._spec.fleets, readying.check, at_once=_CHECKED_AT_ONCE)
        ready = [one for one in found if isinstance(one, Ready)]
        refused = []
        for fleet, one in zip(self._spec.fleets, found, strict=True):
            if isinstance(one, AwsrollError):
                refused.append((fleet.name, one))
            elif isinstance(one, BaseException):
                raise one
        if refused:
            raise refusal(refused)
        check_apart(ready)
        self._ready = {one.fleet.name: one for one in ready}
        return FleetsPlan(waves=tuple(self._planned(wave) for wave in self._spec.waves))

    def _planned(self, wave: WaveSpec) -> WavePlan:
        return WavePlan(
            name=wave.name,
            concurrency=wave.at_once,
            tolerated_failures=wave.may_fail,
            fleets=tuple(self._ready[fleet.name].told for fleet in wave.fleets),
        )

    # --- rolling ------------------------------------------------------------------------------------------------------

    def roll(self) -> FleetsReport:
        """Roll the fleets that were checked, wave after wave, until all have ended or one wave has failed.

        Raises:
            AwsrollError: if the first fleets were refused after all, so that nothing was changed.
        """
        for wave in self._spec.waves:
            self._roll_wave(wave)
            if self._stops() or wave.is_failed(self._endings(wave.fleets)):
                break
        errors = [(name, one.error) for name, one in self._ended.items() if one.error is not None]
        if errors and not any(one.report for one in self._ended.values()):
            raise refusal(errors)
        return self.report()

    def _roll_wave(self, wave: WaveSpec) -> None:
        crew: Crew[str, _Ended] = Crew()
        waiting = list(wave.fleets)
        self._tell("wave.begun", wave=wave.name, fleets=[fleet.name for fleet in wave.fleets])
        try:
            while True:
                ended = self._endings(wave.fleets)
                room = 0 if self._stops() else wave.room(ended, running=crew.running)
                for fleet in waiting[:room]:
                    self._begin(crew, fleet, wave)
                del waiting[:room]
                if not crew.running:
                    break
                self._take(*crew.wait(), wave)
        except BaseException:
            self._halted.set()
            crew.leave(_LEAVING_SECONDS)
            raise
        endings = self._endings(wave.fleets)
        left = {FleetEnding.INTERRUPTED, FleetEnding.NOT_BEGUN}.intersection(endings)
        event = "wave.stopped" if waiting or left or wave.is_failed(endings) else "wave.passed"
        self._tell(event, wave=wave.name, not_begun=[one.name for one in waiting])

    def _begin(self, crew: Crew[str, _Ended], fleet: FleetSpec, wave: WaveSpec) -> None:
        ready = self._ready[fleet.name]
        sink = FleetSink(self._sink, self._telling, fleet_name=fleet.name, wave=wave.name)
        context = replace(ready.context, sink=sink, confirm=lambda _: not self._stops())
        self._begun[fleet.name] = fleet
        crew.begin(fleet.name, lambda: _rolled(ready, context))

    def _take(self, name: str, found: _Ended | BaseException, wave: WaveSpec) -> None:
        if isinstance(found, BaseException):
            raise found
        self._ended[name] = found
        if found.error is not None:
            self._tell("fleet.refused", fleet_name=name, wave=wave.name, reason=found.reason)

    def _stops(self) -> bool:
        return self._halted.is_set() or self._asked_to_stop()

    def _endings(self, fleets: Sequence[FleetSpec]) -> list[FleetEnding]:
        return [self._ended[one.name].ending for one in fleets if one.name in self._ended]

    def _tell(self, event: str, **fields: object) -> None:
        with self._telling:
            self._sink.event(event, self._clock.now(), **fields)

    # --- telling ------------------------------------------------------------------------------------------------------

    def report(self) -> FleetsReport:
        """Return where all fleets stand now; one that is under way counts as interrupted, as its record says."""
        now = self._clock.now()
        found = {fleet.name: self._standing(fleet, now) for fleet in self._spec.fleets}
        interrupted = self._stops() and any(one.ending is FleetEnding.NOT_BEGUN for one in found.values())
        return FleetsReport(
            status=worst((one.ending for one in found.values()), interrupted=interrupted),
            started_at=self._started_at,
            ended_at=now,
            waves=tuple(self._told(wave, found) for wave in self._spec.waves),
        )

    def _standing(self, fleet: FleetSpec, now: datetime) -> _Ended:
        known = self._ended.get(fleet.name)
        if known is not None or fleet.name not in self._begun:
            return known or _NOT_BEGUN
        with suppress(AwsrollError):  # no record yet: it had not begun
            record = self._store.load(self._ready[fleet.name].rollout_id)
            report = build_report(record, at=now)
            return _Ended(ending=_ending_of(report), reason=report.reason, report=report)
        return _NOT_BEGUN

    def _told(self, wave: WaveSpec, found: dict[str, _Ended]) -> WaveReport:
        endings = [found[fleet.name].ending for fleet in wave.fleets]
        none_begun = set(endings) == {FleetEnding.NOT_BEGUN}
        return WaveReport(
            name=wave.name,
            status=FleetEnding.NOT_BEGUN if none_begun else FleetEnding(worst(endings).value),
            concurrency=wave.at_once,
            tolerated_failures=wave.may_fail,
            fleets=tuple(self._told_fleet(fleet, found[fleet.name]) for fleet in wave.fleets),
        )

    def _told_fleet(self, fleet: FleetSpec, ended: _Ended) -> FleetReport:
        ready = self._ready.get(fleet.name)
        return FleetReport(
            fleet_name=fleet.name,
            region=fleet.region if ready is None else ready.told.region,
            role=fleet.role,
            status=ended.ending,
            reason=ended.reason,
            report=ended.report,
        )


def _rolled(ready: Ready, context: Context) -> _Ended:
    try:
        if ready.request is None:
            report = operations.resume(ready.rollout_id, context)
        else:
            _keep_order(ready)
            report = operations.roll(ready.request, context, rollout_id=ready.rollout_id)
    except NotConfirmedError:
        return _NOT_BEGUN
    except AwsrollError as error:
        return _Ended(ending=FleetEnding.REFUSED, reason=str(error), error=error)
    return _Ended(ending=_ending_of(report), reason=report.reason, report=report)


def _keep_order(ready: Ready) -> None:
    """Keep the role of a fleet beside its record to come: `awsroll resume` and its kin take it on again."""
    fleet, store = ready.fleet, ready.context.store
    if fleet.role and ready.request is not None and isinstance(store, RecordStore):
        order = RolloutRequest(
            request=ready.request, region=fleet.region, role=fleet.role, external_id=fleet.external_id
        )
        store.put_note(ready.rollout_id, order)


def _ending_of(report: Report) -> FleetEnding:
    return FleetEnding.INTERRUPTED if report.status is Outcome.RUNNING else FleetEnding(report.status.value)
