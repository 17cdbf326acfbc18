"""Drives a rollout one bounded step at a time, for whoever waits in between: Lambda functions, a state machine.

`begin` checks the request and writes the record, `step` makes one pass, `apply_command` takes a command from a person.
Each may be repeated, called twice at once, or killed anywhere: the truth is in the store. Between two steps the fleet
stays locked until a minute after the next step is due. If the next step never comes, `awsroll resume` waits for the
lease to expire.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from awsroll.core.model.status import Mode, Outcome
from awsroll.core.model.user_requests import UserRequests
from awsroll.core.observe.verdict import why_not_back
from awsroll.driver.operations import Context, admit, nothing_left, open_again, prepared_for, resumed
from awsroll.driver.reconciler import Controller
from awsroll.driver.session import Run
from awsroll.driver.step_status import StepStatus, WaitingFor, step_status_of
from awsroll.driver.task_token import let_go_on
from awsroll.errors import (
    FleetError,
    FleetLockedError,
    LeaseLostError,
    RolloutNotFoundError,
    SpecError,
    StaleRecordError,
    StepInProgressError,
)
from awsroll.hooks import HookRunner
from awsroll.ports import Record, Store
from awsroll.preflight import Prepared
from awsroll.stores import RecordStore, RolloutRequest, Waiting

LONGEST_HOOK_SECONDS = 240.0
"""A Lambda function of a hook must have answered by then: a step waits for it, and a step is bounded."""

_PASS_SECONDS = 8.0  # further looks that are due at once are taken in the same step for so long
_AT_ONCE_SECONDS = 1.0  # what is due within that is
_PARKED_SECONDS = 60  # the fleet stays held for so long after the next step is due
_NO_ANSWER_SECONDS = 5
_ELSEWHERE_SECONDS = 15
_PERSON_SECONDS = 45  # a person's answer ends this wait; what must be watched meanwhile is
_PAUSED_SECONDS = 300
_LABEL_SECONDS = 300.0
_LONGEST_NAP = 0.25


class Command(StrEnum):
    """What a person may say of a rollout."""

    PAUSE = "pause"
    RESUME = "resume"
    APPROVE = "approve"
    REJECT = "reject"
    ABORT = "abort"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How long one step may take, in seconds.

    Attributes:
        left: asked whenever it could go on: how much time there is before this process must have answered.
        spare: what is kept of it for saving and answering.
    """

    left: Callable[[], float] = lambda: 60.0
    spare: float = 15.0


NO_HURRY = Bounds()


def begin(order: RolloutRequest, context: Context, *, rollout_id: str = "") -> StepStatus:
    """Check a request and write its record; the steps are `step`'s. Asked again under the same id: where it stands.

    Raises:
        SpecError, FleetError: if the request or the fleet does not allow it, or the id is another rollout's; nothing
            was changed.
        FleetLockedError: if another rollout holds the fleet; nothing was changed.
        StepInProgressError: if an earlier call for this very rollout has not finished: try again.
        AwsError: if AWS refused or did not answer before anything was changed.
    """
    run = Run(context)
    store = _own_store(run)
    if rollout_id and (known := _known(store, rollout_id, order)) is not None:
        return step_status_of(known, wait_seconds=1)
    prepared = prepared_for(run, order.request, rollout_id=rollout_id)
    _check_runnable(prepared)
    rollout = prepared.rollout
    try:
        with run.holding(rollout, takes_steps=True) as lease:
            store.put_note(rollout.rollout_id, order)
            record = admit(run, prepared)
            if lease is not None:
                lease.park(_PARKED_SECONDS)
    except FleetLockedError as error:
        if store.driver(rollout.rollout_id, at=run.clock.now()) is None:
            raise
        raise _in_progress(rollout.rollout_id, error) from error
    return step_status_of(record, wait_seconds=1)


def _own_store(run: Run) -> RecordStore:
    if not isinstance(run.store, RecordStore):
        problem = "steps need a store with locks: a directory, s3://BUCKET/PREFIX or dynamodb://TABLE"
        raise SpecError(problem)
    return run.store


def _known(store: RecordStore, rollout_id: str, order: RolloutRequest) -> Record | None:
    """Return the record of a rollout that was begun by the same order; None if there is none yet."""
    try:
        record = store.load(rollout_id)
    except RolloutNotFoundError:
        return None
    if store.note(rollout_id, RolloutRequest) != order:
        problem = (
            f"rollout {rollout_id} was begun for another request, at {record.status.started_at:%Y-%m-%d %H:%M:%SZ}; "
            "nothing was changed: give this one another id (the execution another name)"
        )
        raise SpecError(problem)
    return record


def _in_progress(rollout_id: str, error: FleetLockedError) -> StepInProgressError:
    problem = f"an earlier step of rollout {rollout_id} has not finished, or has died a moment ago; try again: {error}"
    return StepInProgressError(problem)


def _check_runnable(prepared: Prepared) -> None:
    """Refuse hooks that cannot run where nothing goes on between two steps.

    Raises:
        FleetError: if there are such; nothing was changed.
    """
    found = []
    for hook in prepared.rollout.hooks:
        if hook.command or hook.is_callable:
            found.append(f"hook {hook.name}: commands and Python callables need a machine: give a function or a script")
        if hook.function and hook.timeout_seconds > LONGEST_HOOK_SECONDS:
            found.append(
                f"hook {hook.name}: a step waits for a function's answer for {LONGEST_HOOK_SECONDS:g} s at most: lower "
                "its timeout, or make it a script on the server"
            )
    if found:
        raise FleetError(*found)


# --- one step ---------------------------------------------------------------------------------------------------------


def step(rollout_id: str, context: Context, *, bounds: Bounds = NO_HURRY) -> StepStatus:
    """Make one bounded pass on a rollout: look, decide, save, act; harmless to repeat.

    Raises:
        StateError: if its record is missing or cannot be used.
        FleetLockedError: if another rollout holds its fleet.
        AwsError: if the store did not answer; nothing was done.
    """
    run = Run(context)
    store = _own_store(run)
    record = store.load(rollout_id)
    if not _goes_on(record, store):
        return step_status_of(record, wait_seconds=_PAUSED_SECONDS)
    try:
        with run.holding(record.rollout, takes_steps=True) as lease:
            step_status = _step_held(run, store.load(rollout_id), bounds)
            if lease is not None and not step_status.done and step_status.phase is not WaitingFor.PAUSED:
                lease.park(step_status.wait_seconds + _PARKED_SECONDS)
            return step_status
    except (StaleRecordError, LeaseLostError):
        return step_status_of(store.load(rollout_id), wait_seconds=_ELSEWHERE_SECONDS, phase=WaitingFor.ELSEWHERE)
    except FleetLockedError:
        if store.driver(rollout_id, at=run.clock.now()) is None:
            raise
        return step_status_of(store.load(rollout_id), wait_seconds=_ELSEWHERE_SECONDS, phase=WaitingFor.ELSEWHERE)


def _goes_on(record: Record, store: Store) -> bool:
    """Tell whether there is something to do: a paused rollout waits until a person says something new."""
    status = record.status
    if status.mode is Mode.ENDED:
        return False
    if status.outcome is not Outcome.PAUSED:
        return True
    user_requests, before = store.user_requests(record.rollout.rollout_id), status.user_requests
    new = (user_requests.abort, user_requests.rollback, user_requests.resumed) != (
        before.abort,
        before.rollback,
        before.resumed,
    )
    return new and not user_requests.pause


def _step_held(run: Run, record: Record, bounds: Bounds) -> StepStatus:
    """Step on a fleet that is held."""
    if not _goes_on(record, run.store):
        return step_status_of(record, wait_seconds=_PAUSED_SECONDS)
    run.check_account(record.rollout)
    if record.status.outcome is not Outcome.RUNNING:
        record = resumed(record, run.clock.now())
    label = run.label(record.rollout)
    label.put_if_older(_LABEL_SECONDS)
    controller, hooks = run.controller(record)
    try:
        seconds = _pass(run, controller, hooks, bounds)
    finally:
        run.end_hooks(hooks)
    if controller.is_over:
        label.remove_left()
    step_status = step_status_of(controller.record, wait_seconds=max(1, math.ceil(seconds)))
    if step_status.phase is WaitingFor.APPROVAL:
        return replace(step_status, wait_seconds=_PERSON_SECONDS)
    return replace(step_status, wait_seconds=_PAUSED_SECONDS) if step_status.phase is WaitingFor.PAUSED else step_status


def _pass(run: Run, controller: Controller, hooks: HookRunner, bounds: Bounds) -> float:
    """Step for as long as the next one is due at once, or a hook runs that this process alone knows of."""
    begun = run.clock.monotonic()
    observed_at, now = controller.status.observed_at, run.clock.now()
    silent = 0.0 if observed_at is None else (now - observed_at).total_seconds()
    while True:
        seconds = controller.attempt(silent_seconds=silent)
        if seconds is None:
            return _NO_ANSWER_SECONDS
        if controller.is_over:
            return 1
        spent = run.clock.monotonic() - begun
        if hooks.is_busy and bounds.left() > bounds.spare:
            _await_hooks(run, hooks, seconds, bounds)
        elif seconds > _AT_ONCE_SECONDS or spent >= _PASS_SECONDS or bounds.left() <= bounds.spare:
            return seconds
        else:
            run.clock.sleep(seconds)
        silent = 0.0


def _await_hooks(run: Run, hooks: HookRunner, seconds: float, bounds: Bounds) -> None:
    """Wait as long as the driver would, or until a hook has ended."""
    begun = run.clock.monotonic()
    while run.clock.monotonic() - begun < max(seconds, _LONGEST_NAP) and bounds.left() > bounds.spare:
        if hooks.has_news():
            return
        run.clock.sleep(_LONGEST_NAP)


# --- people -----------------------------------------------------------------------------------------------------------


def apply_command(rollout_id: str, what: Command, context: Context) -> StepStatus:
    """Leave what a person wants of a rollout for its next step, and end the wait of a machine that waits for a person.

    A rollback of a rollout that has succeeded opens it again: whoever is to drive it must be started anew.

    Raises:
        StateError: if its record is missing or cannot be used, or it has ended.
        SpecError: if there is nothing to go back to.
    """
    run = Run(context)
    store = _own_store(run)
    record = store.load(rollout_id)
    if what is Command.ROLLBACK:
        problem = why_not_back(record.rollout)
        if problem:
            raise SpecError(problem)
    ended = record.status.mode is Mode.ENDED
    if ended and (what is not Command.ROLLBACK or record.status.outcome is Outcome.ROLLED_BACK):
        raise nothing_left(record)
    store.change_user_requests(rollout_id, _change(what, record))
    if ended:
        record = _reopen(run, record)
    let_go_on(rollout_id, store, run.aws)
    return step_status_of(record, wait_seconds=1)


def _change(what: Command, record: Record) -> Callable[[UserRequests], UserRequests]:
    gate = record.status.passed + 1
    changes: dict[Command, Callable[[UserRequests], UserRequests]] = {
        Command.PAUSE: lambda said: replace(said, pause=True),
        Command.RESUME: lambda said: replace(said, pause=False, rejected=False, resumed=said.resumed + 1),
        Command.APPROVE: lambda said: said.approving(gate),
        Command.REJECT: lambda said: replace(said, rejected=True),
        Command.ABORT: lambda said: replace(said, abort=True, pause=False),
        Command.ROLLBACK: UserRequests.going_back,
    }
    return changes[what]


def _reopen(run: Run, record: Record) -> Record:
    rollout = record.rollout
    with run.holding(rollout, takes_steps=True) as lease:
        run.check_account(rollout)
        run.label(rollout).check()
        record = open_again(run, run.store.load(rollout.rollout_id))
        record = run.store.save(resumed(record, run.clock.now()))
        if lease is not None:
            lease.park(_PAUSED_SECONDS)
    return record


def wait_for_person(rollout_id: str, task_token: str, context: Context) -> StepStatus:
    """Keep a task token until a person has said something; answer it at once if somebody has meanwhile.

    Raises:
        StateError: if its record is missing or cannot be used.
    """
    run = Run(context)
    store = _own_store(run)
    record = store.load(rollout_id)
    store.put_note(rollout_id, Waiting(task_token=task_token))
    step_status = step_status_of(record, wait_seconds=_PERSON_SECONDS)
    if (
        step_status.phase not in (WaitingFor.APPROVAL, WaitingFor.PAUSED)
        or store.user_requests(rollout_id) != record.status.user_requests
    ):
        let_go_on(rollout_id, store, run.aws)
    return step_status
