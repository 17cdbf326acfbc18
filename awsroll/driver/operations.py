"""The operations on one rollout, under the names of the command line and the library.

`roll`, `plan`, `resume`, `rollback` and `abort` use AWS. `pause`, `approve`, `reject`, `status` and `list_rollouts` use
the store alone. `repair` is in `awsroll.repairs`.
"""

from contextlib import suppress
from dataclasses import replace

from awsroll.core.decide.approvals import approval_event, awaited_approval
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_choices import Pace
from awsroll.core.model.status import Mode, Outcome
from awsroll.core.observe.verdict import why_no_rollback
from awsroll.core.request.spec import RolloutSpec
from awsroll.driver.assumed_role import RoleRefusedError, able_to_end, assume_confirmed_role
from awsroll.driver.budget_room import await_room, take_share
from awsroll.driver.caller_name import caller_name
from awsroll.driver.confirmation import Confirmed, confirm
from awsroll.driver.conflicts import check_not_halted
from awsroll.driver.context import Context, NotConfirmedError
from awsroll.driver.drive_record import drive
from awsroll.driver.readiness import check_ready, confirm_ready
from awsroll.driver.record_lifecycle import (
    create_record,
    ended_error,
    reopen_record,
    resume_record,
)
from awsroll.driver.refused_aborts import end_unrestored
from awsroll.driver.session import Session
from awsroll.driver.start_checks import check_callables
from awsroll.driver.store_operations import approve, pause, reject, send
from awsroll.driver.summaries import list_rollouts, status
from awsroll.driver.task_token import complete_waiting_task
from awsroll.driver.user_commands import Command, change_for, resuming
from awsroll.errors import AwsrollError, BudgetFullError, FleetLockedError, SpecError
from awsroll.ports import Record
from awsroll.report import Report, RolloutPlan
from awsroll.stores import RecordStore

__all__ = [
    "Context",
    "NotConfirmedError",
    "abort",
    "approve",
    "list_rollouts",
    "pause",
    "plan",
    "reject",
    "resume",
    "roll",
    "rollback",
    "status",
    "take_over_to_end",
    "wake_state_machine",
]


SAME_PACE = Pace()
_NOT_CONFIRMED = "not confirmed; nothing was changed"


# --- operations that use AWS ------------------------------------------------------------------------------------------


def roll(request: RolloutSpec | RolloutPlan, context: Context, *, rollout_id: str = "") -> Report:
    """Roll a fleet to its new version: check, save the record, drive the rollout until it ends.

    Args:
        request: the request, or a plan to carry out exactly as it was made.
        context: the environment.
        rollout_id: the id of the rollout; empty: generate one.

    Raises:
        SpecError, FleetError: if the request or the fleet does not allow it, or the fleet has changed since it was
            planned; nothing was changed.
        FleetLockedError: if another rollout holds the fleet or has not ended; nothing was changed.
        BudgetFullError: if the budget of the store has no room and the call does not wait; nothing was changed.
        AwsError: if AWS refused or did not answer before anything was changed.
    """
    asked = request.asked if isinstance(request, RolloutPlan) else request
    context = replace(context, notify=(*context.notify, *(() if asked is None else asked.notify)))
    session = Session(context)
    ready = check_ready(session, request, rollout_id=rollout_id, reads_history=context.shows_plan)

    def confirmed(plan: RolloutPlan) -> bool:
        is_confirmed = context.confirm(plan)
        if is_confirmed:
            await_room(session, ready.prepared.rollout, context)
        return is_confirmed

    prepared = confirm_ready(session, ready, confirmed)
    if prepared is None:
        raise NotConfirmedError(_NOT_CONFIRMED)
    while True:
        with session.hold(prepared.rollout), suppress(BudgetFullError):  # then another rollout has taken the last share
            return drive(session, create_record(session, prepared, known=ready.known))
        await_room(session, prepared.rollout, context)


def plan(spec: RolloutSpec, context: Context) -> RolloutPlan:
    """Return what a rollout would do. Change nothing.

    Without a store in the context, no store is read: only the label on a fleet shows a rollout that holds it.

    Raises:
        SpecError, FleetError: if the request or the fleet does not allow it.
        FleetLockedError: if another rollout holds the fleet or has not ended.
        AwsError: if AWS refused or did not answer.
    """
    return check_ready(Session(context), spec, reads_store=context.store is not None, reads_history=True).plan


def resume(rollout_id: str, context: Context, pace: Pace = SAME_PACE) -> Report:
    """Resume a rollout that was interrupted or paused; return its report. An ended rollout only returns its report.

    Raises:
        UnconfirmedError: if the record makes this process run or use something that the caller has not given; nothing
            was changed.
        StateError: if its record is missing or cannot be used.
        HaltedError: if the rollouts of the store are halted; nothing was changed.
        FleetLockedError: if another process drives it, or another rollout holds its fleet.
    """
    session = Session(context)
    stored = _with_pace(session.store.load(rollout_id), pace)
    rollout, confirmed = stored.rollout, Confirmed(rollout_id=rollout_id)
    if stored.status.mode is not Mode.ENDED:
        check_not_halted(session.store)
        confirmed = confirm(rollout_id, rollout, session, context)
        session = Session(assume_confirmed_role(rollout_id, confirmed.request, context))
        if stored.status.outcome is Outcome.PAUSED:  # otherwise servers are in flight: they do not wait
            await_room(session, rollout, context)
    if session.store.user_requests(rollout_id).pause:  # a process that still drives the rollout must not pause it
        session.store.change_user_requests(rollout_id, lambda requests: replace(requests, pause=False))
    with session.hold(rollout, again=True):
        record = session.store.load(rollout_id)  # again: another process may have written it before the lease was ours
        if record.status.mode is Mode.ENDED:
            _remove_label(session, rollout)
            return session.report_of_others(record)
        confirmed.check(record.rollout)
        check_callables(session, record)
        session.check_account(rollout)
        session.store.change_user_requests(rollout_id, lambda requests: resuming(requests, record.status))
        session.label(rollout).check()
        take_share(session.store, rollout, session.clock, in_any_case=record.status.outcome is not Outcome.PAUSED)
        return _drive_again(session, record, pace)


def rollback(rollout_id: str, context: Context, pace: Pace = SAME_PACE) -> Report:
    """Roll the fleet back to its baseline: while the rollout runs, after it was stopped, or after it succeeded.

    If a process drives the rollout, that process rolls it back. Otherwise this call does. A rollout that was rolled
    back already only returns its report.

    Raises:
        StateError: if its record is missing or cannot be used.
        SpecError: if there is no version to roll back to.
        HaltedError: if the rollouts of the store are halted; nothing was changed.
        FleetLockedError: if another rollout holds the fleet or has not ended.
    """
    session = Session(context)
    record = session.store.load(rollout_id)
    problem = why_no_rollback(record.rollout)
    if problem:
        raise SpecError(problem)
    if record.status.outcome is Outcome.ROLLED_BACK:
        with suppress(FleetLockedError), session.hold(record.rollout):  # else the label is of the rollout that holds it
            _remove_label(session, record.rollout)
        return session.report_of_others(record)
    check_not_halted(session.store)
    if not context.confirm_rollback(record):
        raise NotConfirmedError(_NOT_CONFIRMED)
    instructions = _confirm_unless_driven(session, record, context)
    by = caller_name(session.store, session.aws.sts.caller)
    session.store.change_user_requests(rollout_id, change_for(Command.ROLLBACK, record, by=by))
    _wake(session, rollout_id)
    ended = session.follow(rollout_id)
    if ended is None:
        return _take_over(rollout_id, context, pace, instructions)
    return session.report_of_others(ended)


def abort(rollout_id: str, context: Context, pace: Pace = SAME_PACE) -> Report:
    """Abort a rollout: settle what is in flight, restore the settings, leave the fleet mixed; return the report.

    If a process drives the rollout, that process aborts it. Otherwise this call does. If AWS refuses the access to the
    fleet, the rollout ends as it is once `confirm_unrestored` of the context allows it.

    Raises:
        StateError: if its record is missing or cannot be used, or it has ended.
        FleetError: if AWS refuses its role, and the caller does not end it without restoring anything.
    """
    session = Session(context)
    record = session.store.load(rollout_id)
    if record.status.mode is Mode.ENDED:
        raise ended_error(record)
    confirmed = _confirm_unless_driven(session, record, context)
    send(rollout_id, Command.ABORT, session.store, by=caller_name(session.store, session.aws.sts.caller))
    _wake(session, rollout_id)
    ended = session.follow(rollout_id) or session.store.load(rollout_id)
    if ended.status.mode is not Mode.ENDED:
        return take_over_to_end(rollout_id, context, pace, confirmed)
    return session.report_of_others(ended)


def take_over_to_end(rollout_id: str, context: Context, pace: Pace, confirmed: Confirmed | None) -> Report:
    """Abort a rollout that no process drives; return its report. Its abort is requested already.

    What AWS does not refuse is restored. If AWS refuses the access to the fleet, `confirm_unrestored` of the context
    says whether the rollout ends nevertheless.

    Raises:
        FleetError: if AWS refuses its role, and the rollout does not end.
    """
    try:
        report = _take_over(rollout_id, context, pace, confirmed, only_ends=True)
    except RoleRefusedError as error:
        ended = end_unrestored(rollout_id, context, str(error.__cause__ or error))
        if ended is None:
            raise
        return ended
    is_refused = Session(context).store.load(rollout_id).status.abort_refused_since is not None
    return (end_unrestored(rollout_id, context, report.reason) if is_refused else None) or report


def wake_state_machine(rollout_id: str, context: Context) -> None:
    """Have a state machine that waits for a command read the user requests at once. It also does so later by itself."""
    _wake(Session(context), rollout_id)


def _wake(session: Session, rollout_id: str) -> None:
    with suppress(AwsrollError):
        complete_waiting_task(rollout_id, session.store, session.aws)


def _confirm_unless_driven(session: Session, record: Record, context: Context) -> Confirmed | None:
    """Confirm the instructions of a rollout before a request to it is stored; None if another process drives it."""
    rollout, store = record.rollout, session.store
    if isinstance(store, RecordStore) and store.driver(rollout.rollout_id) is not None:
        return None
    return confirm(rollout.rollout_id, rollout, session, context)


def _take_over(
    rollout_id: str, context: Context, pace: Pace, confirmed: Confirmed | None, *, only_ends: bool = False
) -> Report:
    """Drive a rollout that no process drives, even after its end: the user requests say which way.

    To end it, its role may be gone: then the caller's own credentials do it.
    """
    session = Session(context)
    rollout = _with_pace(session.store.load(rollout_id), pace).rollout
    confirmed = confirmed or confirm(rollout_id, rollout, session, context)
    if only_ends:
        session = Session(able_to_end(rollout, confirmed.request, context))
    else:
        session = Session(assume_confirmed_role(rollout_id, confirmed.request, context))
    with session.hold(rollout, again=True):
        record = session.store.load(rollout_id)
        confirmed.check(record.rollout)
        session.check_account(rollout)
        session.label(rollout).check()
        session.store.change_user_requests(rollout_id, lambda requests: replace(requests, pause=False))
        if record.status.mode is Mode.ENDED:
            record = reopen_record(session, record)
        take_share(session.store, rollout, session.clock, in_any_case=True)
        return _drive_again(session, record, pace)


def _drive_again(session: Session, record: Record, pace: Pace) -> Report:
    record = _with_pace(resume_record(record, session.aws.now()), pace)
    session.emit_rollout("rollout.resumed", record.rollout)
    requests = session.store.user_requests(record.rollout.rollout_id)
    awaited = awaited_approval(record.rollout, record.status, requests)
    if awaited is not None and not awaited.answer and record.status.gate.asked_since is not None:
        event = approval_event(awaited)
        session.emit(event.name, **event.fields)
    return drive(session, record)


def _remove_label(session: Session, rollout: Rollout) -> None:
    """Remove the label of a process that died right after it had saved the end. The report needs no AWS.

    The caller has not confirmed the region of an ended rollout, so a label in another region than the caller's stays.
    """
    with suppress(AwsrollError):
        if rollout.region != session.own_region:
            return
        session.check_account(rollout)
        session.label(rollout).remove_left()


def _with_pace(record: Record, pace: Pace) -> Record:
    return replace(record, rollout=replace(record.rollout, limits=record.rollout.limits.paced(pace)))
