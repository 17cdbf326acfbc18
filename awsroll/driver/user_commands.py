"""The commands that users send to a running rollout, and how a stepwise driver receives them.

A command is a change of the user requests in the store. The next step, or the process that drives the rollout, reads
them there.
"""

from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum

from awsroll.core.decide.approvals import closed_checkpoint, why_no_answer
from awsroll.core.model.status import Mode, Outcome, Status
from awsroll.core.model.user_requests import OVERRIDE, UserRequests, approval_of, rejection_of
from awsroll.core.observe.rejection import is_rejection_applied
from awsroll.core.observe.verdict import why_no_rollback
from awsroll.core.request.instructions import PLACE_KINDS
from awsroll.driver.caller_name import checked_name, local_name
from awsroll.driver.confirmation import confirm
from awsroll.driver.context import Context
from awsroll.driver.record_lifecycle import ended_error
from awsroll.driver.session import Session
from awsroll.driver.step_status import StepOutcome, StepStatus, WaitingFor, step_status_of
from awsroll.driver.summaries import summary_of
from awsroll.driver.task_token import complete_waiting_task
from awsroll.errors import NoApprovalAwaitedError, SpecError
from awsroll.ports import Record, Store
from awsroll.report import RolloutSummary


class Command(StrEnum):
    """A command to a rollout."""

    PAUSE = "pause"
    RESUME = "resume"
    APPROVE = "approve"
    REJECT = "reject"
    ABORT = "abort"
    ROLLBACK = "rollback"


def change_for(
    command: Command, record: Record, *, checkpoint: int | None = None, by: str = ""
) -> Callable[[UserRequests], UserRequests]:
    """Return how a command changes the user requests of a rollout.

    Args:
        command: the command.
        record: the record of the rollout.
        checkpoint: the number of the checkpoint to approve or reject; None: the checkpoint that waits.
        by: who gives the command; empty if that is not known.
    """
    changes: dict[Command, Callable[[UserRequests], UserRequests]] = {
        Command.PAUSE: lambda requests: replace(requests, pause=True),
        Command.RESUME: lambda requests: replace(resuming(requests, record.status), resumed=requests.resumed + 1),
        Command.APPROVE: lambda requests: _answering(requests, record, checkpoint, approves=True),
        Command.REJECT: lambda requests: _answering(requests, record, checkpoint, approves=False),
        Command.ABORT: lambda requests: replace(requests, abort=True, pause=False),
        Command.ROLLBACK: UserRequests.reopening if record.status.mode is Mode.ENDED else UserRequests.going_back,
    }
    change, gate = changes[command], closed_checkpoint(record.status)
    answers = {Command.APPROVE: approval_of(gate), Command.REJECT: rejection_of(gate)}
    what = answers.get(command, str(command))
    return lambda requests: change(requests).named(what, checked_name(by))


def _answering(requests: UserRequests, record: Record, checkpoint: int | None, *, approves: bool) -> UserRequests:
    """Return the user requests with an answer to the checkpoint that waits: the first answer counts.

    The store calls this again after a concurrent change, so that a second answer is always refused.

    Raises:
        NoApprovalAwaitedError: if the checkpoint does not wait for an answer.
    """
    rollout, status = record.rollout, record.status
    problem = why_no_answer(rollout, status, requests, approves=approves, checkpoint=checkpoint)
    if problem:
        problem += f"; nothing was changed. `awsroll status {rollout.rollout_id}` shows where it stands"
        raise NoApprovalAwaitedError(problem)
    gate = closed_checkpoint(status)
    return requests.approving(gate) if approves else requests.rejecting(gate)


def resuming(requests: UserRequests, status: Status) -> UserRequests:
    """Return the user requests of a rollout that resumes: without the pause, and without an applied rejection."""
    if requests.rejected and is_rejection_applied(status):
        requests = replace(requests, rejected=False, rejected_gate=0)
    return replace(requests, pause=False)


def apply_command(
    rollout_id: str, command: Command, context: Context, *, checkpoint: int | None = None, by: str = ""
) -> StepStatus:
    """Save a command for the next step of a rollout, and wake a state machine that waits for a command.

    This writes no record. A rollout that has ended is reopened by its next step: for a rollback of it, the caller must
    start a new execution.

    Args:
        rollout_id: the rollout.
        command: the command.
        context: the environment.
        checkpoint: the number of the checkpoint to approve or reject; None: the checkpoint that waits.
        by: who gives the command; empty if that is not known.

    Raises:
        StateError: if its record is missing or cannot be used, or it has ended.
        NoApprovalAwaitedError: if the checkpoint to approve or reject does not wait for an answer.
        SpecError: if there is no version to roll back to, or the record of an ended rollout names a role or a region
            that the context does not allow.
    """
    session = Session(context)
    store = session.record_store()
    record = store.load(rollout_id)
    if command is Command.ROLLBACK:
        problem = why_no_rollback(record.rollout)
        if problem:
            raise SpecError(problem)
    has_ended = record.status.mode is Mode.ENDED
    if has_ended and (command is not Command.ROLLBACK or record.status.outcome is Outcome.ROLLED_BACK):
        raise ended_error(record)
    if has_ended:
        confirm(rollout_id, record.rollout, session, context, kinds=PLACE_KINDS)
    requests = store.change_user_requests(rollout_id, change_for(command, record, checkpoint=checkpoint, by=by))
    if has_ended:
        answer = step_status_of(record, wait_seconds=1, phase=WaitingFor.SETTLE, requests=requests)
        reason = f"a rollback was requested: start an execution with the rollout_id {rollout_id} to carry it out"
        return replace(answer, done=False, outcome=StepOutcome.RUNNING, reason=reason)
    complete_waiting_task(rollout_id, store, session.aws)
    return step_status_of(record, wait_seconds=1, requests=requests)


def override_freeze(rollout_id: str, store: Store, reason: str, *, by: str = "") -> RolloutSummary:
    """Let a rollout continue despite its windows and freezes; return its summary.

    Args:
        rollout_id: the rollout.
        store: the store of its record.
        reason: why; the record keeps it.
        by: who decides that; empty: the user and the host of this process.

    Raises:
        StateError: if its record is missing or cannot be used, or it has ended.
        SpecError: if it follows no windows and no freezes, or there is no reason; nothing was changed.
    """
    record, reason = store.load(rollout_id), " ".join(reason.split())
    if record.status.mode is Mode.ENDED:
        raise ended_error(record)
    if not record.rollout.gates.is_scheduled or not reason:
        missing = "there is no reason" if record.rollout.gates.is_scheduled else "it follows no windows and no freezes"
        problem = f"rollout {rollout_id} has nothing to override: {missing}. Nothing was changed"
        raise SpecError(problem)
    name = checked_name(by or local_name())
    requests = store.change_user_requests(
        rollout_id, lambda stored: replace(stored, override=reason).named(OVERRIDE, name)
    )
    return summary_of(store, record, requests)
