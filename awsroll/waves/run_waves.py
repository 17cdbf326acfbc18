"""Rolls many fleets: checks all of them, rolls wave by wave, and reports their state at any time."""

import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from awsroll.aws.sessions import SharedClients, SharedSession, open_session
from awsroll.clock import SystemClock
from awsroll.core.model.status import Outcome
from awsroll.core.request.waves import FleetEnding, FleetSpec, FleetsSpec, WaveSpec, worst
from awsroll.driver import operations
from awsroll.driver.context import Context, NotConfirmedError
from awsroll.driver.read_story import report_of
from awsroll.errors import AwsrollError, SpecError
from awsroll.events import Tee
from awsroll.report import FleetReport, FleetsPlan, FleetsReport, Report, WavePlan, WaveReport
from awsroll.stores import LocalStore, RecordStore, RolloutRequest
from awsroll.waves.check_fleets import FleetChecks, ReadyFleet, check_apart, check_disjoint, combined_error
from awsroll.waves.threads import Threads, in_parallel
from awsroll.waves.wave_events import FleetSink

if TYPE_CHECKING:
    from awsroll.ports import Clock, Sink

_CHECKED_AT_ONCE = 8
_LEAVE_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _FleetResult:
    """The state of one fleet."""

    ending: FleetEnding
    reason: str = ""
    report: Report | None = None
    error: AwsrollError | None = None


_NOT_STARTED = _FleetResult(ending=FleetEnding.NOT_BEGUN)


class FleetsRun:
    """Rolls many fleets.

    Args:
        spec: the fleets in their waves.
        context: shared by all fleets. Its credentials assume the roles of the fleets, or roll fleets without a role.
            The sink receives every event with `fleet_name` and `wave`. Its `confirm` and its Python hooks are not used.
    """

    def __init__(self, spec: FleetsSpec, context: Context) -> None:
        if problems := spec.problems():
            raise SpecError(*problems)
        self._spec = spec
        self._clock: Clock = context.clock or SystemClock()
        self._store = context.store or LocalStore()
        self._sink: Sink = context.sink or Tee()
        self._is_stop_requested = context.stop_requested
        self._halted = threading.Event()
        self._sink_lock = threading.Lock()
        self._context = replace(context, store=self._store, clock=self._clock, stop_requested=self._stops, hooks=())
        self._ready: dict[str, ReadyFleet] = {}
        self._started: dict[str, FleetSpec] = {}
        self._results: dict[str, _FleetResult] = {}
        self._started_at = self._clock.now()

    # --- checks -------------------------------------------------------------------------------------------------------

    def check(self) -> FleetsPlan:
        """Observe and check every fleet; return the plan. Change nothing. `roll` rolls the checked fleets.

        Raises:
            SpecError, FleetError: with the problems of all fleets that cannot be rolled.
            FleetLockedError: if another rollout on a fleet has not ended.
            AwsError: if AWS refused or did not answer, for example to assume a role.
        """
        base = open_session() if self._context.session is None else self._context.session
        lock, clients = threading.RLock(), SharedClients()
        checks = FleetChecks(
            self._context,
            lambda region: SharedSession(base, region=region, lock=lock, clients=clients),
            self._store.unfinished(),
        )
        results = in_parallel(self._spec.fleets, checks.check, at_once=_CHECKED_AT_ONCE)
        ready = [result for result in results if isinstance(result, ReadyFleet)]
        refused = []
        for fleet, result in zip(self._spec.fleets, results, strict=True):
            if isinstance(result, AwsrollError):
                refused.append((fleet.name, result))
            elif isinstance(result, BaseException):
                raise result
        if refused:
            raise combined_error(refused)
        check_disjoint(ready)
        self._ready = {each.fleet.name: each for each in ready}
        for wave in self._spec.waves:
            check_apart(wave, [self._ready[fleet.name] for fleet in wave.fleets])
        return FleetsPlan(waves=tuple(self._wave_plan(wave) for wave in self._spec.waves))

    def _wave_plan(self, wave: WaveSpec) -> WavePlan:
        return WavePlan(
            name=wave.name,
            concurrency=wave.at_once,
            tolerated_failures=wave.may_fail,
            fleets=tuple(self._ready[fleet.name].plan for fleet in wave.fleets),
        )

    # --- rollouts -----------------------------------------------------------------------------------------------------

    def roll(self) -> FleetsReport:
        """Roll the checked fleets wave by wave, until all have ended or a wave has failed.

        Raises:
            AwsrollError: if the first fleets were refused after all, so that nothing was changed.
        """
        for wave in self._spec.waves:
            self._roll_wave(wave)
            if self._stops() or wave.is_failed(self._endings(wave.fleets)):
                break
        errors = [(name, result.error) for name, result in self._results.items() if result.error is not None]
        if errors and not any(result.report for result in self._results.values()):
            raise combined_error(errors)
        return self.report()

    def _roll_wave(self, wave: WaveSpec) -> None:
        threads: Threads[str, _FleetResult] = Threads()
        waiting = list(wave.fleets)
        self._emit("wave.begun", wave=wave.name, fleets=[fleet.name for fleet in wave.fleets])
        try:
            while True:
                endings = self._endings(wave.fleets)
                room = 0 if self._stops() else wave.room(endings, running=threads.running)
                for fleet in waiting[:room]:
                    self._start(threads, fleet, wave)
                del waiting[:room]
                if not threads.running:
                    break
                self._take_result(*threads.wait(), wave)
        except BaseException:
            self._halted.set()
            threads.leave(_LEAVE_SECONDS)
            raise
        endings = self._endings(wave.fleets)
        is_incomplete = {FleetEnding.INTERRUPTED, FleetEnding.NOT_BEGUN}.intersection(endings)
        event = "wave.stopped" if waiting or is_incomplete or wave.is_failed(endings) else "wave.passed"
        self._emit(event, wave=wave.name, not_begun=[fleet.name for fleet in waiting])

    def _start(self, threads: Threads[str, _FleetResult], fleet: FleetSpec, wave: WaveSpec) -> None:
        ready = self._ready[fleet.name]
        sink = FleetSink(self._sink, self._sink_lock, fleet_name=fleet.name, wave=wave.name)
        context = replace(ready.context, sink=sink, confirm=lambda _: not self._stops())
        self._started[fleet.name] = fleet
        threads.start(fleet.name, lambda: _rolled(ready, context))

    def _take_result(self, name: str, result: _FleetResult | BaseException, wave: WaveSpec) -> None:
        if isinstance(result, BaseException):
            raise result
        self._results[name] = result
        if result.error is not None:
            self._emit("fleet.refused", fleet_name=name, wave=wave.name, reason=result.reason)

    def _stops(self) -> bool:
        return self._halted.is_set() or self._is_stop_requested()

    def _endings(self, fleets: Sequence[FleetSpec]) -> list[FleetEnding]:
        return [self._results[fleet.name].ending for fleet in fleets if fleet.name in self._results]

    def _emit(self, event: str, **fields: object) -> None:
        with self._sink_lock:
            self._sink.event(event, self._clock.now(), **fields)

    # --- the report ---------------------------------------------------------------------------------------------------

    def report(self) -> FleetsReport:
        """Return the state of all fleets now. A rollout in progress is reported as its record says: interrupted."""
        now = self._clock.now()
        results = {fleet.name: self._result(fleet, now) for fleet in self._spec.fleets}
        interrupted = self._stops() and any(result.ending is FleetEnding.NOT_BEGUN for result in results.values())
        return FleetsReport(
            status=worst((result.ending for result in results.values()), interrupted=interrupted),
            started_at=self._started_at,
            ended_at=now,
            waves=tuple(self._wave_report(wave, results) for wave in self._spec.waves),
        )

    def _result(self, fleet: FleetSpec, now: datetime) -> _FleetResult:
        result = self._results.get(fleet.name)
        if result is not None or fleet.name not in self._started:
            return result or _NOT_STARTED
        with suppress(AwsrollError):  # without a record, the rollout has not started
            record = self._store.load(self._ready[fleet.name].rollout_id)
            report = report_of(record, self._store, at=now)
            return _FleetResult(ending=_ending_of(report), reason=report.reason, report=report)
        return _NOT_STARTED

    def _wave_report(self, wave: WaveSpec, results: dict[str, _FleetResult]) -> WaveReport:
        endings = [results[fleet.name].ending for fleet in wave.fleets]
        none_started = set(endings) == {FleetEnding.NOT_BEGUN}
        return WaveReport(
            name=wave.name,
            status=FleetEnding.NOT_BEGUN if none_started else FleetEnding(worst(endings).value),
            concurrency=wave.at_once,
            tolerated_failures=wave.may_fail,
            fleets=tuple(self._fleet_report(fleet, results[fleet.name]) for fleet in wave.fleets),
        )

    def _fleet_report(self, fleet: FleetSpec, result: _FleetResult) -> FleetReport:
        ready = self._ready.get(fleet.name)
        return FleetReport(
            fleet_name=fleet.name,
            region=fleet.region if ready is None else ready.plan.region,
            role=fleet.role,
            status=result.ending,
            reason=result.reason,
            report=result.report,
        )


def _rolled(ready: ReadyFleet, context: Context) -> _FleetResult:
    try:
        if ready.request is None:
            report = operations.resume(ready.rollout_id, replace(context, requests=(ready.fleet,)))
        else:
            _save_role(ready)
            context = replace(context, notify=ready.fleet.request.notify)  # also webhooks, which no plan keeps
            report = operations.roll(ready.request, context, rollout_id=ready.rollout_id)
    except NotConfirmedError:
        return _NOT_STARTED
    except AwsrollError as error:
        return _FleetResult(ending=FleetEnding.REFUSED, reason=str(error), error=error)
    return _FleetResult(ending=_ending_of(report), reason=report.reason, report=report)


def _save_role(ready: ReadyFleet) -> None:
    """Save the role of a fleet before its record: `awsroll resume` and other commands assume it again."""
    fleet, store = ready.fleet, ready.context.store
    if fleet.role and ready.request is not None and isinstance(store, RecordStore):
        request = RolloutRequest(
            request=ready.request, region=fleet.region, role=fleet.role, external_id=fleet.external_id
        )
        store.put_note(ready.rollout_id, request)


def _ending_of(report: Report) -> FleetEnding:
    return FleetEnding.INTERRUPTED if report.status is Outcome.RUNNING else FleetEnding(report.status.value)
