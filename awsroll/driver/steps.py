"""Drives a rollout one bounded step at a time, for Lambda functions and state machines that wait between steps.

`driver/first_step.py` checks the request and writes the record; `step` makes one pass. It may be repeated, called twice
at once, or killed anywhere: the truth is in the store. Between two steps the fleet stays locked until a minute after
the next step is due. If the next step never comes, `awsroll resume` waits for the lease to expire.
"""

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from awsroll.core.model.rollout_events import PERSON_AWAITED
from awsroll.core.model.status import Mode, Outcome
from awsroll.core.model.status_parts import Blocked
from awsroll.driver.budget_room import take_share
from awsroll.driver.confirmation import refused_instructions
from awsroll.driver.context import Context
from awsroll.driver.paused_steps import PAUSED_SECONDS, pause_refused, pause_without_access
from awsroll.driver.reconciler import Controller
from awsroll.driver.record_lifecycle import ended_error, reopen_record, resume_record
from awsroll.driver.session import Session
from awsroll.driver.step_hooks import unfit_hooks
from awsroll.driver.step_status import LOCKED_SECONDS, StepStatus, WaitingFor, step_status_of
from awsroll.driver.task_token import WAITING_SECONDS
from awsroll.errors import (
    AccessRefusedError,
    BudgetFullError,
    FleetError,
    FleetLockedError,
    LeaseLostError,
    RolloutEndedError,
    StaleRecordError,
    StateError,
)
from awsroll.hooks import HookRunner
from awsroll.ports import Record, Store
from awsroll.stores import RolloutRequest

_AWAITS_A_PERSON = frozenset({WaitingFor.APPROVAL, WaitingFor.PAUSED})
_PASS_SECONDS = 8.0  # one step makes further passes that are due at once for this long
_AT_ONCE_SECONDS = 1.0  # a pass that is due within this time is due at once
_LONGEST_WAIT = 60  # between two steps, nothing notices that a person pauses or aborts the rollout
_NO_ANSWER_SECONDS = 5
_ELSEWHERE_SECONDS = 15
_LABEL_SECONDS = 300.0
_LONGEST_NAP = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How long one step may take, in seconds.

    Attributes:
        left: returns the time that is left before this process must have answered; called before each pass.
        spare: the part of that time to keep for saving and answering.
    """

    left: Callable[[], float] = lambda: 60.0
    spare: float = 15.0


DEFAULT_BOUNDS = Bounds()


def step(rollout_id: str, context: Context, *, bounds: Bounds = DEFAULT_BOUNDS, revision: int = 0) -> StepStatus:
    """Make one bounded pass on a rollout: observe, plan, save, execute. Repeating it does no harm.

    Args:
        rollout_id: the rollout.
        context: the environment.
        bounds: how long the step may take.
        revision: the revision of the record that the caller has seen: an older record was put back, and is refused.

    Raises:
        StateError: if its record is missing or cannot be used.
        FleetLockedError: if another rollout holds its fleet.
        AwsError: if the store did not answer; nothing was done.
    """
    session = Session(context)
    store = session.record_store()
    step_status = _step(rollout_id, session, context, bounds, revision)
    if step_status.phase in _AWAITS_A_PERSON:
        session.emit(PERSON_AWAITED, rollout_id=rollout_id, phase=str(step_status.phase))
    if context.notify and step_status.phase is not WaitingFor.ELSEWHERE:
        with suppress(StateError):
            session.notify(store.load(rollout_id))
    return step_status


def _step(rollout_id: str, session: Session, context: Context, bounds: Bounds, revision: int) -> StepStatus:
    store = session.record_store()
    store.expect(rollout_id, revision)
    record = store.load(rollout_id)
    if not _has_work(record, store):
        return step_status_of(record, wait_seconds=PAUSED_SECONDS)
    try:
        with session.hold(record.rollout, takes_steps=True) as lease:
            record, request = store.load(rollout_id), store.note(rollout_id, RolloutRequest)
            refused = refused_instructions(record.rollout, request, session, context)
            problems = (*unfit_hooks(record.rollout), *refused)
            step_status = _step_held(session, record, bounds, problems)
            if lease is not None and not step_status.done and step_status.phase is not WaitingFor.PAUSED:
                lease.extend_for_next_step(step_status.wait_seconds + LOCKED_SECONDS)
            return step_status
    except (StaleRecordError, LeaseLostError):
        return _driven_elsewhere(store, rollout_id)
    except FleetLockedError:
        if not store.is_held(record.rollout, clock=session.clock):
            raise
        return _driven_elsewhere(store, rollout_id)


def _driven_elsewhere(store: Store, rollout_id: str) -> StepStatus:
    return step_status_of(store.load(rollout_id), wait_seconds=_ELSEWHERE_SECONDS, phase=WaitingFor.ELSEWHERE)


def _has_work(record: Record, store: Store) -> bool:
    """Return whether a step has work: a paused rollout waits for a new command, an ended one for a rollback."""
    status = record.status
    if status.mode is not Mode.ENDED and (status.outcome is not Outcome.PAUSED or status.must_rest):
        return True
    if status.outcome is Outcome.ROLLED_BACK:
        return False
    requests, applied = store.user_requests(record.rollout.rollout_id), status.user_requests
    if status.mode is Mode.ENDED:
        return requests.reopens(applied)
    if status.abort_refused_since is not None and requests.abort:
        return True
    seen = (applied.abort, applied.rollback, applied.resumed)
    is_held = requests.pause or (requests.halted and not requests.abort)
    return (requests.abort, requests.rollback, requests.resumed) != seen and not is_held


def _step_held(session: Session, record: Record, bounds: Bounds, problems: Sequence[str]) -> StepStatus:
    """Make one pass on a fleet that is held; with problems, pause instead."""
    if not _has_work(record, session.store):
        return step_status_of(record, wait_seconds=PAUSED_SECONDS)
    if problems:
        return pause_refused(session, record, problems)
    try:
        session.check_account(record.rollout)
    except AccessRefusedError as error:  # for example: the role of the fleet's account is gone
        return pause_without_access(session, record, error)
    label = session.label(record.rollout)
    if record.status.mode is Mode.ENDED:
        record = _reopened(session, record)
    elif record.status.outcome is not Outcome.RUNNING and not record.status.must_rest:
        try:
            in_any_case = _makes_whole(session, record)
            take_share(session.store, record.rollout, session.clock, in_any_case=in_any_case, waits=True)
        except BudgetFullError:
            return step_status_of(record, wait_seconds=_ELSEWHERE_SECONDS, phase=WaitingFor.ELSEWHERE)
        record = resume_record(record, session.aws.now())
    controller, hooks = session.controller(record)
    controller.before_changes = lambda: label.put_if_older(_LABEL_SECONDS)
    try:
        seconds = _pass(session, controller, hooks, bounds)
        controller.save()  # the next step is another process, and must know when the fleet was last observed
    finally:
        session.end_hooks(hooks)
    if controller.is_over:
        label.remove_left()
    record = controller.record
    if record.status.abort_refused_since is not None:
        from awsroll.driver.refused_aborts import end_if_refused_for_long  # noqa: PLC0415 - rare: a step starts faster

        record = end_if_refused_for_long(session, record)
    step_status = step_status_of(record, wait_seconds=min(_LONGEST_WAIT, max(1, math.ceil(seconds))))
    return replace(step_status, wait_seconds=_wait_at_rest(session, record, step_status))


def _wait_at_rest(session: Session, record: Record, step_status: StepStatus) -> int:
    """Return the time until the next step; longer than usual if the rollout is at rest until a person or a time."""
    match step_status.phase:
        case WaitingFor.WINDOW if record.status.gate.closed_since is None:
            return _until_open(record.status.blocked, session.aws.now())
        case WaitingFor.APPROVAL:
            return WAITING_SECONDS
        case WaitingFor.PAUSED:
            return PAUSED_SECONDS
        case _:
            return step_status.wait_seconds


def _makes_whole(session: Session, record: Record) -> bool:
    """Return whether a rollout must not wait for the budget: servers may be in flight, or it is to end or go back."""
    requests = session.store.user_requests(record.rollout.rollout_id)
    return record.status.outcome is not Outcome.PAUSED or requests.abort or requests.rollback


def _until_open(blocked: Blocked | None, now: datetime) -> int:
    """Return the time until the next step of a rollout that a window keeps from going on: it is at rest until then."""
    if blocked is None or not blocked.rests:
        return 1
    left = PAUSED_SECONDS if blocked.until is None else math.ceil((blocked.until - now).total_seconds())
    return min(PAUSED_SECONDS, max(1, left))


def _reopened(session: Session, record: Record) -> Record:
    """Return the record of an ended rollout that rolls back now, as a user has requested.

    Raises:
        RolloutEndedError: if the fleet does not allow it any longer; nothing was changed.
        FleetLockedError: if another rollout holds the fleet or has not ended; nothing was changed.
    """
    session.label(record.rollout).check()
    try:
        reopened = reopen_record(session, record)
    except FleetError as error:
        problem = f"{ended_error(record)}; the rollback that was requested is not possible: {error}"
        raise RolloutEndedError(problem) from error
    return session.store.save(resume_record(reopened, session.aws.now()))


def _pass(session: Session, controller: Controller, hooks: HookRunner, bounds: Bounds) -> float:
    """Make passes while the next pass is due at once, or a hook runs that only this process knows.

    Return the seconds until the next step.
    """
    started = session.clock.monotonic()
    observed_at, now = controller.status.observed_at, session.aws.now()
    silent = 0.0 if observed_at is None else (now - observed_at).total_seconds()
    while True:
        seconds = controller.attempt(silent_seconds=silent)
        if seconds is None:
            return _NO_ANSWER_SECONDS
        if controller.is_over:
            return 1
        spent = session.clock.monotonic() - started
        if hooks.is_busy and bounds.left() > bounds.spare:
            _await_hooks(session, hooks, seconds, bounds)
        elif seconds > _AT_ONCE_SECONDS or spent >= _PASS_SECONDS or bounds.left() <= bounds.spare:
            return seconds
        else:
            session.clock.sleep(seconds)
        silent = 0.0


def _await_hooks(session: Session, hooks: HookRunner, seconds: float, bounds: Bounds) -> None:
    """Wait until the next pass is due, or a hook has ended."""
    started = session.clock.monotonic()
    while session.clock.monotonic() - started < max(seconds, _LONGEST_NAP) and bounds.left() > bounds.spare:
        if hooks.has_news():
            return
        session.clock.sleep(_LONGEST_NAP)
