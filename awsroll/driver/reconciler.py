"""Drives one rollout: look, decide, save, act; wait; again. The only place where these meet.

One `step` is one reconcile: bounded, and harmless to repeat. `run` repeats it until the rollout has ended, waiting on
the clock as each plan says. Nothing is kept here between steps but the revision of the record: a second controller that
loads the record goes on where this one stopped.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from awsroll.core.model import actions as act
from awsroll.core.model.actions import Action, Answer, Reason, Result
from awsroll.core.model.hooks import HookCall, HookRun, HookSeen, HookState
from awsroll.core.model.plan import Plan, pause
from awsroll.core.model.rollout_events import Event
from awsroll.core.model.status import Mode, Outcome, Status
from awsroll.core.observe.settle import settle
from awsroll.core.planner import plan
from awsroll.errors import AccessRefusedError, AwsBusyError, AwsUnansweredError
from awsroll.ports import Clock, Fleet, Hooks, Record, Sink, Store

_LONGEST_NAP_SECONDS = 0.5  # how soon a wish to stop is heard while waiting
_AFTER_NO_EFFECT_SECONDS = 2.0  # before the same is tried again
_AFTER_NO_ANSWER_SECONDS = 5.0  # before AWS is looked at again


_NO_TIME = 0.001  # less than this is not waited for: clocks round
_WISHES_SECONDS = 2.0  # how soon a wish of people is heard while waiting


def _never() -> bool:
    return False


class _NoHooks:
    """Where nobody can run hooks, each one has failed: none is passed over in silence."""

    def start(self, run: HookRun) -> None:
        """Start nothing."""

    def observe(self, calls: Sequence[HookCall]) -> tuple[HookSeen, ...]:
        detail = "whoever drives this rollout runs no hooks"
        return tuple(HookSeen(number=call.number, state=HookState.FAILED, detail=detail) for call in calls)

    def has_news(self) -> bool:
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Approver:
    """Who answers at a gate that needs a person.

    Attributes:
        approves: asked with the number of the checkpoint, from 1; None: the answer comes as a wish.
        waits: False: the rollout pauses there instead.
    """

    approves: Callable[[int], bool] | None = None
    waits: bool = True


class Controller:
    """One driver of one rollout.

    Args:
        record: the rollout and its status as loaded or just made.
        fleet: looks at and changes the fleet.
        store: keeps the record.
        clock: time and waiting.
        sink: told what happens.

    Attributes:
        person: who answers at gates.
        hooks: who runs hooks.
    """

    def __init__(self, record: Record, *, fleet: Fleet, store: Store, clock: Clock, sink: Sink) -> None:
        self.record = record
        self._fleet = fleet
        self._store = store
        self._clock = clock
        self._sink = sink
        self._last_actions: tuple[Action, ...] = ()
        self.approver = Approver()
        self.hooks: Hooks = _NoHooks()

    @property
    def status(self) -> Status:
        """The status as last saved."""
        return self.record.status

    def step(self) -> Plan:
        """Reconcile once: look, decide, save the intent, act, save what came of it.

        Returns:
            The plan that was carried out; `requeue_seconds` says when to step again.

        Raises:
            AwsError: if the fleet could not be looked at; nothing was done.
            StateError: if the record could not be written; nothing was done.
        """
        rollout = self.record.rollout
        target = rollout.target(rolling_back=self.status.rolling_back)
        observation = self._fleet.observe(target, self.status)
        observation = replace(observation, hooks=self.hooks.observe(self.status.hooks.announced))
        user_requests = self._store.user_requests(rollout.rollout_id)
        decided = self._asked(plan(rollout, observation, replace(self.status, user_requests=user_requests)))
        self._save(decided.status)
        self._sink.observed(rollout, observation, self.status)
        self._emit(decided.status.events)
        for run in decided.hooks:
            self.hooks.start(run)
            self._emit_started(run)
        if not decided.actions:
            self._last_actions = ()
            return decided
        target = rollout.target(rolling_back=self.status.rolling_back)
        results = self._fleet.execute(target, decided.actions)
        self._emit_results(results)
        settled = settle(self.status, tuple(results), self._clock.now())
        self._save(settled)
        self._emit(settled.events)
        return self._unhurried(decided, results)

    def run(self, stop_requested: Callable[[], bool] = _never) -> Status:
        """Step until the rollout has ended or paused, or until asked to stop.

        Args:
            stop_requested: asked between steps and while waiting; on True the status is saved as interrupted.
        """
        answered_at = self._clock.monotonic()
        while not self.is_over:
            if stop_requested():
                self._save(replace(self.status, outcome=Outcome.INTERRUPTED))
                break
            seconds = self.attempt(silent_seconds=self._clock.monotonic() - answered_at)
            if seconds is None:
                seconds = _AFTER_NO_ANSWER_SECONDS
            else:
                answered_at = self._clock.monotonic()
            if not self.is_over:
                self._wait(seconds, stop_requested)
        return self.status

    def attempt(self, *, silent_seconds: float = 0) -> float | None:
        """Step once, whatever AWS says to it: what it refuses pauses the rollout, what it does not answer is no error.

        Args:
            silent_seconds: for how long AWS has not answered before this; after too long a silence, pause.

        Returns:
            In how many seconds to step again; None if AWS did not answer: soon.

        Raises:
            StateError: if the record could not be written; nothing was done.
        """
        try:
            return self.step().requeue_seconds
        except (AwsUnansweredError, AwsBusyError) as error:
            self._sink.event("aws.unanswered", self._clock.now(), operation=error.operation, message=str(error))
            if silent_seconds >= self.record.rollout.limits.progress_seconds:
                self._pause(f"AWS does not answer: {error}. The fleet was left as it is; `awsroll resume` goes on.")
            return None
        except AccessRefusedError as error:
            self._pause(f"{error}. Renew the credentials or grant the permission, then `awsroll resume`.")
            return 0

    def _asked(self, decided: Plan) -> Plan:
        """Have a gate that needs a person answered, or pause there."""
        if not any(hold.reason is Reason.APPROVAL for hold in decided.holds):
            return decided
        number = decided.status.gate.passed + 1
        if self.approver.approves is not None:
            approved = self.approver.approves(number)
            self._store.change_user_requests(
                self.record.rollout.rollout_id,
                lambda said: replace(said, approved=number) if approved else replace(said, rejected=True),
            )
            return replace(decided, requeue_seconds=0)
        if self.approver.waits:
            return decided
        reason = f"waits for approval at checkpoint {number}"
        return replace(decided, actions=(), hooks=(), status=pause(decided.status, reason))

    @property
    def is_over(self) -> bool:
        """Whether there is nothing to do: the rollout has ended, or waits for somebody to go on."""
        return self.status.mode is Mode.ENDED or self.status.outcome is not Outcome.RUNNING

    def _pause(self, reason: str) -> None:
        paused = pause(self.status, reason)
        self._save(paused)
        self._emit(paused.events)

    def _wait(self, seconds: float, stop_requested: Callable[[], bool]) -> None:
        """Wait, but not past a wish to stop, and not long past what people ask of the rollout."""
        begun = heard = self._clock.monotonic()
        nap = _LONGEST_NAP_SECONDS if stop_requested is not _never else _WISHES_SECONDS
        while (left := begun + seconds - self._clock.monotonic()) > _NO_TIME and not stop_requested():
            if self.hooks.has_news():
                return
            self._clock.sleep(min(left, nap))
            if self._clock.monotonic() - heard >= _WISHES_SECONDS:
                heard = self._clock.monotonic()
                # A store that does not answer now is asked again at the next look, as in any step.
                with suppress(AwsUnansweredError, AwsBusyError):
                    if self._store.user_requests(self.record.rollout.rollout_id) != self.status.user_requests:
                        return

    def _save(self, status: Status) -> None:
        """Save the record if it has changed. Events are not stored: they are emitted once the record is saved."""
        stored = replace(status, events=())
        if stored != self.status or self.record.revision == 0:
            self.record = self._store.save(replace(self.record, status=stored))

    def _unhurried(self, decided: Plan, results: Sequence[Result]) -> Plan:
        """Let a moment pass before what had no effect, or does not show yet, is tried again."""
        in_vain = all(result.answer is not Answer.DONE for result in results)
        again = _effects(decided.actions) == _effects(self._last_actions)
        self._last_actions = decided.actions
        if not in_vain and not again:
            return decided
        pace = self.record.rollout.limits.poll_seconds
        pause_seconds = _AFTER_NO_EFFECT_SECONDS if pace is None else min(pace, _AFTER_NO_EFFECT_SECONDS)
        return replace(decided, requeue_seconds=max(decided.requeue_seconds, pause_seconds))

    # --- events -------------------------------------------------------------------------------------------------------

    def _emit(self, events: Sequence[Event]) -> None:
        at = self._clock.now()
        for event in events:
            self._sink.event(event.name, at, **event.fields)

    def _emit_started(self, run: HookRun) -> None:
        at, point = self._clock.now(), str(run.hook.point)
        self._sink.event("hook.started", at, hook=run.hook.name, run=run.call.number, point=point, of=run.call.subject)

    def _emit_results(self, results: Sequence[Result]) -> None:
        for result in (one for one in results if one.code != act.PUT_OFF):
            self._sink.event(
                _EVENTS[type(result.action)],
                self._clock.now(),
                answer=str(result.answer),
                instance_ids=result.instance_ids or _about(result.action),
                reason=str(result.action.reason),
                **({"message": result.message} if result.message else {}),
            )


def _about(action: Action) -> tuple[str, ...]:
    one = getattr(action, "instance_id", "")
    return (one,) if one else tuple(getattr(action, "instance_ids", ()))


def _effects(actions: tuple[Action, ...]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((type(action).__name__, _about(action)) for action in actions)


_EVENTS: dict[type[Action], str] = {
    act.TagInstances: "instances.marked",
    act.LaunchInstance: "instance.launched",
    act.LaunchInGroup: "group.instances-launched",
    act.SetDesiredCapacity: "group.desired-set",
    act.RegisterTargets: "instance.registered",
    act.DeregisterTargets: "instance.deregistered",
    act.TerminateInstance: "instance.terminated",
    act.TerminateInGroup: "group.instances-terminated",
    act.EnterStandby: "group.standby-entered",
    act.ExitStandby: "group.standby-left",
    act.SendCommand: "command.sent",
    act.UpdateGroup: "group.updated",
    act.SuspendProcesses: "group.processes-suspended",
    act.ResumeProcesses: "group.processes-resumed",
    act.DeleteWarmPool: "group.warm-pool-deleted",
    act.PutWarmPool: "group.warm-pool-put",
    act.SetDeregistrationDelay: "target-group.delay-set",
    act.SaveSettings: "settings.remembered",
    act.ForgetSavedSettings: "settings.forgotten",
}
