"""Rolls many fleets: checks all of them, then makes one turn after the other, and reports their state at any time.

`core.wave_turns` decides what each turn does. A turn starts rollouts and rollbacks in threads, or waits: for the end of
a rollout, or until the next look at the alarms.
"""

import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from awsroll.aws.connection import Connection
from awsroll.aws.sessions import SharedClients, SharedSession, open_session
from awsroll.clock import default_clock
from awsroll.core.request.waves import FleetEnding, FleetSpec, FleetsSpec, WaveSpec
from awsroll.core.wave_turns import LOOK_SECONDS, Facts, FleetFacts, Turn, WaveFacts, next_turn
from awsroll.driver.context import Context
from awsroll.driver.read_story import report_of
from awsroll.driver.session import Session
from awsroll.driver.user_commands import Command
from awsroll.errors import AwsrollError, FleetError, SpecError
from awsroll.events import Tee
from awsroll.report import FleetsPlan, FleetsReport, WavePlan
from awsroll.stores import LocalStore
from awsroll.waves.armed_alarms import ArmedAlarms, SeenAlarms, is_armed
from awsroll.waves.ask_fleets import ask
from awsroll.waves.check_fleets import FleetChecks, ReadyFleet, check_apart, check_disjoint, combined_error
from awsroll.waves.fleet_results import NOT_STARTED, FleetResult, result_of_report, rolled, rolled_back
from awsroll.waves.fleets_judge import FleetsJudge, SeenFleets
from awsroll.waves.stored_progress import StoredProgress, progress_of_file
from awsroll.waves.threads import Threads, in_parallel
from awsroll.waves.wave_events import FleetSink, WaveEvents
from awsroll.waves.wave_reports import fleets_report

if TYPE_CHECKING:
    from awsroll.ports import Clock, Sink

_CHECKED_AT_ONCE = 8
_LEAVE_SECONDS = 5.0


class FleetsRun:
    """Rolls many fleets.

    Attributes:
        refused: why `check` refused fleets, by name.

    Args:
        spec: the fleets in their waves.
        context: shared by all fleets. Its credentials assume the roles of the fleets, or roll fleets without a role.
            The sink receives every event with `fleet_name` and `wave`. Its `confirm` and its Python hooks are not used.
    """

    def __init__(self, spec: FleetsSpec, context: Context) -> None:
        if problems := spec.problems():
            raise SpecError(*problems)
        self._spec = spec
        self._clock: Clock = context.clock or default_clock()
        self._store = context.store or LocalStore()
        sink: Sink = context.sink or Tee()
        self._is_stop_requested = context.stop_requested
        self._halted = threading.Event()
        self._sink, self._sink_lock = sink, threading.Lock()
        self._events = WaveEvents(sink, self._sink_lock, self._clock)
        self._context = replace(context, store=self._store, clock=self._clock, stop_requested=self._stops, hooks=())
        self._alarms = ArmedAlarms(self._connection)
        self._waves = {fleet.name: wave for wave in spec.waves for fleet in wave.fleets}
        self._ready: dict[str, ReadyFleet] = {}
        self._threads: Threads[str, FleetResult] = Threads()
        self._running: set[str] = set()
        self._asked: set[str] = set()
        self._results: dict[str, FleetResult] = {}
        self._progress: StoredProgress | None = None
        self._is_cut_short = False
        self.refused: dict[str, AwsrollError] = {}
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
        progress = progress_of_file(self._spec, self._store, self._context)
        checks = FleetChecks(
            self._context,
            lambda region: SharedSession(base, region=region, lock=lock, clients=clients),
            self._store.unfinished(),
            progress.value,
        )
        results = in_parallel(self._spec.fleets, checks.check, at_once=_CHECKED_AT_ONCE)
        self._progress, self._ready = progress, self._checked(results)
        if progress.value.failure is None:
            self._check_waves()
        self._results = {name: self._stored_result(ready) for name, ready in self._ready.items() if ready.is_begun}
        return FleetsPlan(waves=tuple(self._wave_plan(wave) for wave in self._spec.waves))

    def _checked(self, results: Sequence[ReadyFleet | BaseException]) -> dict[str, ReadyFleet]:
        refused = []
        for fleet, result in zip(self._spec.fleets, results, strict=True):
            if isinstance(result, AwsrollError):
                refused.append((fleet.name, result))
            elif isinstance(result, BaseException):
                raise result
        self.refused = dict(refused)
        if refused:
            raise combined_error(refused)
        return {ready.fleet.name: ready for ready in results if isinstance(ready, ReadyFleet)}

    def _check_waves(self) -> None:
        check_disjoint(tuple(self._ready.values()))
        for wave in self._spec.waves:
            check_apart(wave, [self._ready[fleet.name] for fleet in wave.fleets])
        if problems := [problem for wave in self._spec.waves for problem in self._alarms.problems(wave)]:
            raise FleetError(*problems)

    def _stored_result(self, ready: ReadyFleet) -> FleetResult:
        with suppress(AwsrollError):  # without a record, the rollout has not started
            record = self._store.load(ready.rollout_id)
            return result_of_report(report_of(record, self._store, at=self._clock.now()))
        return NOT_STARTED

    def _wave_plan(self, wave: WaveSpec) -> WavePlan:
        return WavePlan(
            name=wave.name,
            concurrency=wave.at_once,
            tolerated_failures=wave.may_fail,
            bake_seconds=wave.bake_time,
            alarms=wave.alarm,
            judge=wave.judge,
            on_failure=wave.on_failure,
            fleets=tuple(self._ready[fleet.name].plan for fleet in wave.fleets),
        )

    @property
    def rollout_ids(self) -> dict[str, str]:
        """The ids of the rollouts of the checked fleets, by the names of the fleets."""
        return {name: ready.rollout_id for name, ready in self._ready.items()}

    # --- rollouts -----------------------------------------------------------------------------------------------------

    def roll(self) -> FleetsReport:
        """Roll the checked fleets wave by wave, until all have ended, or a wave has failed and its reaction is done.

        Raises:
            AwsrollError: if the first fleets were refused after all, so that nothing was changed.
        """
        progress = self._progress
        if progress is None:
            problem = "check the fleets before they are rolled"
            raise SpecError(problem)
        try:
            self._make_turns(progress)
        except BaseException:
            self._halted.set()
            self._threads.leave(_LEAVE_SECONDS)
            raise
        errors = [(name, result.error) for name, result in self._results.items() if result.error is not None]
        if errors and not any(result.report for result in self._results.values()):
            raise combined_error(errors)
        return self.report()

    def _make_turns(self, progress: StoredProgress) -> None:
        watched_since = self._clock.now()
        judge = FleetsJudge(self._spec, self._connection, progress=progress, clock=self._clock, runs_commands=True)
        while True:
            facts = self._facts(progress, watched_since, judge)
            turn = next_turn(facts)
            if turn.failure is not None:
                progress.fail(turn.failure)
            self._events.tell(turn, facts)
            if turn.is_over:
                break
            for name in turn.begin:
                progress.begin(name, self._ready[name].rollout_id)
                self._start(name, is_back=False)
            self._turn_around(turn, facts)
            self._wait(turn)
        self._is_cut_short = turn.is_cut_short
        if not self._is_cut_short and FleetEnding.INTERRUPTED not in self._endings():
            progress.end()

    def _facts(self, progress: StoredProgress, watched_since: datetime, judge: FleetsJudge) -> Facts:
        fleets = {fleet.name: self._fleet_facts(fleet.name) for fleet in self._spec.fleets}
        judged = SeenFleets() if progress.value.failure else judge.look(fleets.values())
        self._events.warn("", judged.warning)
        return Facts(
            waves=tuple(self._wave_facts(wave, fleets, judged.worse.get(wave.name, "")) for wave in self._spec.waves),
            at=self._clock.now(),
            watched_since=watched_since,
            failure=progress.value.failure,
            is_stopping=self._stops(),
        )

    def _wave_facts(self, wave: WaveSpec, facts: Mapping[str, FleetFacts], worse: str) -> WaveFacts:
        fleets = tuple(facts[fleet.name] for fleet in wave.fleets)
        seen = SeenAlarms()
        if is_armed(wave) and any(fleet.has_begun for fleet in fleets):
            seen = self._alarms.see(wave, {each.name for each in fleets if each.ending is FleetEnding.SUCCEEDED})
        self._events.warn(wave.name, seen.unread)
        return WaveFacts(
            name=wave.name,
            limits=wave.limits,
            fleets=fleets,
            firing=seen.firing,
            is_unread=bool(seen.unread),
            worse=worse,
        )

    def _fleet_facts(self, name: str) -> FleetFacts:
        result = self._results.get(name, NOT_STARTED)
        if name in self._running:
            return FleetFacts(name=name, is_running=True, is_asked=name in self._asked)
        return FleetFacts(
            name=name,
            ending=result.ending,
            ended_at=None if result.report is None else result.report.ended_at,
            is_asked=result.is_final,
            is_held=result.is_held,
        )

    def _turn_around(self, turn: Turn, facts: Facts) -> None:
        failure = turn.failure or facts.failure
        reason = "" if failure is None else f"wave {failure.wave} has failed: {failure.reason}"
        for name in turn.turn_back:
            if name not in self._running:
                self._start(name, is_back=True)
            elif ask(self._store, self._ready[name].rollout_id, Command.ROLLBACK, why=reason):
                self._asked.add(name)
        for name in turn.pause:
            if ask(self._store, self._ready[name].rollout_id, Command.PAUSE, why=reason):
                self._asked.add(name)

    def _start(self, name: str, *, is_back: bool) -> None:
        ready, wave = self._ready[name], self._waves[name]
        sink = FleetSink(self._sink, self._sink_lock, fleet_name=name, wave=wave.name)
        context = replace(ready.context, sink=sink, confirm=lambda _: self._may_start())
        self._running.add(name)
        if is_back:
            self._asked.add(name)
        self._threads.start(name, lambda: (rolled_back if is_back else rolled)(ready, context))

    def _may_start(self) -> bool:
        return not self._stops() and (self._progress is None or self._progress.value.failure is None)

    def _wait(self, turn: Turn) -> None:
        """Wait until a rollout ends, or until the next look."""
        is_armed_or_judged = any(is_armed(wave) or wave.judge is not None for wave in self._spec.waves)
        is_watching = is_armed_or_judged or turn.turn_back or turn.pause
        if turn.wait_seconds is None and not is_watching:
            self._take_result(*self._threads.wait())
        else:
            self._clock.sleep(LOOK_SECONDS if turn.wait_seconds is None else turn.wait_seconds)
        for name, result in self._threads.ended():
            self._take_result(name, result)

    def _take_result(self, name: str, result: FleetResult | BaseException) -> None:
        if isinstance(result, BaseException):
            raise result
        self._running.discard(name)
        self._asked.discard(name)
        self._results[name] = result
        if result.error is not None:
            self._events.refused(name, self._waves[name].name, result.reason)

    def _connection(self, fleet: FleetSpec) -> Connection:
        return Session(self._ready[fleet.name].context).aws

    def _stops(self) -> bool:
        return self._halted.is_set() or self._is_stop_requested()

    def _endings(self) -> list[FleetEnding]:
        return [result.ending for result in self._results.values()]

    # --- the report ---------------------------------------------------------------------------------------------------

    def report(self) -> FleetsReport:
        """Return the state of all fleets now. A rollout in progress is reported as its record says: interrupted."""
        results = {fleet.name: self._result(fleet) for fleet in self._spec.fleets}
        any_not_begun = any(result.ending is FleetEnding.NOT_BEGUN for result in results.values())
        return fleets_report(
            self._spec,
            {name: (self._ready.get(name), result) for name, result in results.items()},
            None if self._progress is None else self._progress.value.failure,
            is_interrupted=self._stops() and (self._is_cut_short or any_not_begun),
            times=(self._started_at, self._clock.now()),
        )

    def _result(self, fleet: FleetSpec) -> FleetResult:
        if fleet.name in self._running:
            return self._stored_result(self._ready[fleet.name])
        return self._results.get(fleet.name, NOT_STARTED)
