"""The controller of one rollout: observe, decide, save, act, wait, repeat.

One `step` is one reconcile: bounded, and harmless to repeat. `run` repeats it until the rollout has ended, and waits on
the clock for as long as each plan asks. Between steps, the controller keeps only the record and its revision: a second
controller that loads the record continues where this one stopped.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from awsroll.core.decide.rest import rest_unobserved, with_settings_left
from awsroll.core.model import actions as act
from awsroll.core.model.action_results import Answer, Result
from awsroll.core.model.actions import Action, instance_ids_of
from awsroll.core.model.hook_calls import HookCall, HookRun, HookSeen, HookState
from awsroll.core.model.observation import Observation
from awsroll.core.model.plan import Plan, pause
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Mode, Outcome, Status
from awsroll.core.model.user_requests import UserRequests
from awsroll.core.observe.settle import settle
from awsroll.core.observe.shown_after import shown_after
from awsroll.core.planner import plan
from awsroll.driver.gate_answers import Approver, with_approval
from awsroll.driver.record_writer import RecordWriter
from awsroll.driver.step_events import StepEvents
from awsroll.errors import AccessRefusedError, AwsBusyError, AwsError, AwsUnansweredError
from awsroll.ports import Clock, Fleet, Hooks, Record, Sink, Store

if TYPE_CHECKING:
    from awsroll.driver.known_observation import KnownObservation

_STOP_CHECK_SECONDS = 0.5  # between two checks for a stop request, while waiting
_USER_REQUESTS_CHECK_SECONDS = 2.0  # between two checks for user requests, while waiting
_AFTER_NO_EFFECT_SECONDS = 2.0  # before the same action is tried again
_AFTER_NO_ANSWER_SECONDS = 5.0  # before the next observation
_SLOW = (act.LaunchInstance, act.LaunchInGroup, act.TerminateInGroup)  # the record keeps what they were asked to do
_SHORTEST_WAIT_SECONDS = 0.001  # a shorter wait is skipped, because clocks round


def _never() -> bool:
    return False


def _nothing() -> None:
    pass


def _ignore(_: object) -> None:
    pass


class _NoHooks:
    """Hooks of a driver that cannot run them: each run fails, so that none is skipped silently."""

    def start(self, run: HookRun) -> None:
        """Start nothing."""

    def observe(self, calls: Sequence[HookCall]) -> tuple[HookSeen, ...]:
        """Return each run as failed."""
        detail = "the process that drives this rollout cannot run hooks"
        return tuple(HookSeen(number=call.number, state=HookState.FAILED, detail=detail) for call in calls)

    def has_news(self) -> bool:
        """Return False: no run ends later."""
        return False


class Controller:
    """Drive one rollout.

    Args:
        record: the rollout and its status, as loaded or just created.
        fleet: observes and changes the fleet.
        store: keeps the record.
        clock: time and waiting.
        sink: receives the events.

    Attributes:
        approver: how gates get their approval.
        known: what was just observed, for the next step.
        hooks: runs the hooks.
        before_changes: called before each step's actions are carried out.
        after_step: called after each step of `run`.
        planner: decides each step, as `core.planner.plan` does.
        answered: called with the results of each step's actions.
    """

    def __init__(self, record: Record, *, fleet: Fleet, store: Store, clock: Clock, sink: Sink) -> None:
        self._writer = RecordWriter(record, store, clock)
        self._fleet = fleet
        self._store = store
        self._clock = clock
        self._sink = sink
        self._events = StepEvents(sink, clock)
        self._last_actions: tuple[Action, ...] = ()
        self.before_changes: Callable[[], None] = _nothing
        self.after_step: Callable[[], None] = _nothing
        self.planner: Callable[[Rollout, Observation, Status], Plan] = plan
        self.answered: Callable[[Sequence[Result]], None] = _ignore
        self.approver = Approver()
        self.known: KnownObservation | None = None
        self.hooks: Hooks = _NoHooks()

    @property
    def record(self) -> Record:
        """The rollout and its status, with the revision of the last write."""
        return self._writer.record

    @property
    def status(self) -> Status:
        """The status after the last step."""
        return self.record.status

    def step(self) -> Plan:
        """Reconcile once: observe, decide, save the intent, act, save the results.

        Returns:
            The plan that was carried out. Its `requeue_seconds` is the time until the next step.

        Raises:
            AwsError: if the fleet could not be observed; nothing was done.
            StateError: if the record could not be written; nothing was done.
        """
        rollout = self.record.rollout
        target = rollout.target(rolling_back=self.status.rolling_back)
        observation, observed_at = self._observe(target)
        observation = replace(observation, hooks=self.hooks.observe(self.status.hooks.announced))
        before = replace(self.status, user_requests=self._user_requests(), abort_refused_since=None)
        decided = with_approval(self.planner(rollout, observation, before), self.approver, rollout, self._store)
        if self.known is not None and not self.known.allows_changes and (decided.actions or decided.hooks):
            self.known = None
            return self.step()
        keep = self._writer.save if decided.actions or decided.hooks else self._writer.note
        keep(decided.status)
        self._sink.observed(rollout, observation, self.status)
        self._events.emit(decided.status.events)
        for run in decided.hooks:
            self.hooks.start(run)
            self._events.hook_started(run)
        if not decided.actions:
            self._last_actions = ()
            return decided
        self.known = None
        self.before_changes()
        target = rollout.target(rolling_back=self.status.rolling_back)
        results = self._fleet.execute(target, decided.actions)
        self.answered(results)
        self._events.results(results)
        # Counted from the observation, which may be on another clock than this process.
        spent = timedelta(seconds=self._clock.monotonic() - observed_at)
        settled = settle(self.status, tuple(results), observation.at + spent)
        self._writer.save(settled)
        self._events.emit(settled.events)
        decided = self._looking_ahead(decided, shown_after(observation, results), settled)
        return self._delayed_if_without_effect(decided, results)

    def _user_requests(self) -> UserRequests:
        """Return the user requests to apply. While a pause restores settings, a new one is left to the next driver."""
        if self.status.outcome is Outcome.PAUSED and self.status.must_rest:
            return self.status.user_requests
        return self._store.user_requests(self.record.rollout.rollout_id)

    def _observe(self, target: Rollout) -> tuple[Observation, float]:
        """Observe the fleet, unless it was just observed; return the observation, and when it began."""
        now = self._clock.monotonic()
        if self.known is not None and self.known.is_usable(now):
            return self.known.observation, self.known.at
        self.known = None
        return self._fleet.observe(target, self.status), now

    def _looking_ahead(self, decided: Plan, observation: Observation, settled: Status) -> Plan:
        """Delay the next observation after calls whose effect takes a while, if nothing else can be done until then.

        The planner decides when to look, from what an observation right after the call would show: what the one before
        has shown, and the members that leave. What it decides beyond that is not used.
        """
        if not all(isinstance(action, _SLOW) for action in decided.actions):
            return decided
        ahead = plan(self.record.rollout, observation, settled)
        at_once = ahead.actions or ahead.hooks or ahead.status.outcome is not Outcome.RUNNING
        return decided if at_once else replace(decided, requeue_seconds=ahead.requeue_seconds)

    def run(self, stop_requested: Callable[[], bool] = _never) -> Status:
        """Step until the rollout has ended or paused, or until a stop is requested.

        Args:
            stop_requested: called between steps and while waiting. If it returns True, the status is saved as
                interrupted.
        """
        answered_at = self._clock.monotonic()
        while not self.is_over:
            if stop_requested():
                self._writer.save(replace(self.status, outcome=Outcome.INTERRUPTED))
                break
            seconds = self.attempt(silent_seconds=self._clock.monotonic() - answered_at)
            if seconds is None:
                seconds = _AFTER_NO_ANSWER_SECONDS
            else:
                answered_at = self._clock.monotonic()
            self.after_step()
            if not self.is_over:
                self._wait(seconds, stop_requested)
        return self.status

    def attempt(self, *, silent_seconds: float = 0) -> float | None:
        """Step once and handle errors of AWS: missing access pauses the rollout, a missing answer does not.

        Args:
            silent_seconds: how long AWS has not answered until now. If AWS still does not answer when the time
                without progress is over, the rollout pauses.

        Returns:
            The seconds until the next step; None if AWS did not answer.

        Raises:
            StateError: if the record could not be written; nothing was done.
        """
        try:
            return self.step().requeue_seconds
        except (AwsUnansweredError, AwsBusyError) as error:
            self._sink.event("aws.unanswered", self._clock.now(), operation=error.operation, message=str(error))
            if silent_seconds >= self.record.rollout.limits.progress_seconds:
                resume = f"`awsroll resume {self.record.rollout.rollout_id}`"
                self._pause(f"AWS does not answer: {error}. {resume} continues.")
            return None
        except AccessRefusedError as error:
            return self._rest_unobserved(error)

    def _rest_unobserved(self, error: AccessRefusedError) -> float:
        """Pause. The next steps let the group take care of itself, as far as AWS allows it and shows the group.

        Return the seconds until the next step.
        """
        rollout, before = self.record.rollout, self.status
        if before.outcome is not Outcome.PAUSED or not before.must_rest:
            remedy = "Renew the credentials" if error.is_expiry else "Renew the credentials or grant the permission"
            reason = f"{error}. {remedy}, then run `awsroll resume {rollout.rollout_id}`."
            now = self._clock.now()
            is_abort = self._store.user_requests(rollout.rollout_id).abort
            refused_since = (before.abort_refused_since or now) if is_abort else None
            paused = replace(pause(before, reason), progress_at=now, abort_refused_since=refused_since)
            self._writer.save(paused)
            self._events.emit(paused.events)
            return 0
        try:
            group = self._fleet.observe_group(rollout)
        except AwsError:
            group = None
        decided = rest_unobserved(rollout, before, group, self._clock.now())
        self._writer.save(decided.status)
        self._events.emit(decided.status.events)
        results = self._fleet.execute(rollout, decided.actions)
        self._events.results(results)
        settled = settle(self.status, tuple(results), self._clock.now())
        self._writer.save(settled)
        self._events.emit(settled.events)
        return decided.requeue_seconds

    @property
    def is_over(self) -> bool:
        """Whether there is nothing to do: the rollout has ended, is at rest in a pause, or is interrupted."""
        if self.status.mode is Mode.ENDED:
            return True
        is_resting = self.status.outcome is Outcome.PAUSED and self.status.must_rest
        return self.status.outcome is not Outcome.RUNNING and not is_resting

    def _pause(self, reason: str) -> None:
        """Pause as it is: without AWS the group's own care cannot be restored."""
        paused = pause(self.status, with_settings_left(reason, self.record.rollout, self.status), rests=False)
        self._writer.save(paused)
        self._events.emit(paused.events)

    def _wait(self, seconds: float, stop_requested: Callable[[], bool]) -> None:
        """Wait until the time is over, a hook has ended, a stop is requested, or the user requests have changed."""
        begun = checked = self._clock.monotonic()
        nap = _STOP_CHECK_SECONDS if stop_requested is not _never else _USER_REQUESTS_CHECK_SECONDS
        while (left := begun + seconds - self._clock.monotonic()) > _SHORTEST_WAIT_SECONDS and not stop_requested():
            if self.hooks.has_news():
                return
            self._clock.sleep(min(left, nap))
            if self._clock.monotonic() - checked >= _USER_REQUESTS_CHECK_SECONDS:
                checked = self._clock.monotonic()
                # If the store does not answer now, the next step reads the user requests.
                with suppress(AwsUnansweredError, AwsBusyError):
                    if self._store.user_requests(self.record.rollout.rollout_id) != self.status.user_requests:
                        return

    def save(self) -> None:
        """Write the record if the store does not hold it yet, for another controller that continues later."""
        self._writer.save(self.status)

    def _delayed_if_without_effect(self, decided: Plan, results: Sequence[Result]) -> Plan:
        """Delay the next step if this one had no effect or its effect is not visible yet."""
        has_effect = any(result.answer is Answer.DONE for result in results)
        is_repeated = _kinds_and_ids(decided.actions) == _kinds_and_ids(self._last_actions)
        self._last_actions = decided.actions
        if has_effect and not is_repeated:
            return decided
        pace = self.record.rollout.limits.poll_seconds
        pause_seconds = _AFTER_NO_EFFECT_SECONDS if pace is None else min(pace, _AFTER_NO_EFFECT_SECONDS)
        return replace(decided, requeue_seconds=max(decided.requeue_seconds, pause_seconds))


def _kinds_and_ids(actions: tuple[Action, ...]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((type(action).__name__, instance_ids_of(action)) for action in actions)
