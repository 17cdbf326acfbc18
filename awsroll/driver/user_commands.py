"""The commands that users send to a running rollout, and how a stepwise driver receives them.

A command is a change of the user requests in the store. The next step, or the process that drives the rollout, reads
them there.
"""

from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum

from awsroll.core.model.status import Mode, Outcome, Status
from awsroll.core.model.user_requests import UserRequests
from awsroll.core.observe.verdict import is_rejection_applied, why_no_rollback
from awsroll.driver.context import Context
from awsroll.driver.record_lifecycle import ended_error, reopen_record, resume_record
from awsroll.driver.session import Session
from awsroll.driver.step_status import StepStatus, WaitingFor, step_status_of
from awsroll.driver.task_token import complete_waiting_task
from awsroll.errors import SpecError
from awsroll.ports import Record
from awsroll.stores import Waiting

WAITING_SECONDS = 45
"""How long a state machine waits for a command before it observes the fleet again."""

_REOPENED_SECONDS = 300  # a reopened rollout stays locked for its first step


class Command(StrEnum):
    """A command to a rollout."""

    PAUSE = "pause"
    RESUME = "resume"
    APPROVE = "approve"
    REJECT = "reject"
    ABORT = "abort"
    ROLLBACK = "rollback"


def change_for(command: Command, record: Record) -> Callable[[UserRequests], UserRequests]:
    """Return how a command changes the user requests of a rollout."""
    gate = record.status.gate.passed + 1
    changes: dict[Command, Callable[[UserRequests], UserRequests]] = {
        Command.PAUSE: lambda requests: replace(requests, pause=True),
        Command.RESUME: lambda requests: replace(resuming(requests, record.status), resumed=requests.resumed + 1),
        Command.APPROVE: lambda requests: requests.approving(gate),
        Command.REJECT: lambda requests: replace(requests, rejected=True),
        Command.ABORT: lambda requests: replace(requests, abort=True, pause=False),
        Command.ROLLBACK: UserRequests.going_back,
    }
    return changes[command]


def resuming(requests: UserRequests, status: Status) -> UserRequests:
    """Return the user requests of a rollout that resumes: without the pause, and without an applied rejection."""
    rejected = requests.rejected and not is_rejection_applied(status)
    return replace(requests, pause=False, rejected=rejected)


def apply_command(rollout_id: str, command: Command, context: Context) -> StepStatus:
    """Save a command for the next step of a rollout, and wake a state machine that waits for a command.

    A rollback of a rollout that has succeeded reopens it: the caller must start a new execution for it.

    Raises:
        StateError: if its record is missing or cannot be used, or it has ended.
        SpecError: if there is no version to roll back to.
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
    store.change_user_requests(rollout_id, change_for(command, record))
    if has_ended:
        record = _reopen(session, record)
    complete_waiting_task(rollout_id, store, session.aws)
    return step_status_of(record, wait_seconds=1)


def _reopen(session: Session, record: Record) -> Record:
    rollout = record.rollout
    with session.hold(rollout, takes_steps=True) as lease:
        session.check_account(rollout)
        session.label(rollout).check()
        record = reopen_record(session, session.store.load(rollout.rollout_id))
        record = session.store.save(resume_record(record, session.aws.now()))
        if lease is not None:
            lease.extend_for_next_step(_REOPENED_SECONDS)
    return record


def wait_for_command(rollout_id: str, task_token: str, context: Context) -> StepStatus:
    """Save a task token until a user sends a command; complete the task at once if a command has arrived already.

    Raises:
        StateError: if its record is missing or cannot be used.
    """
    session = Session(context)
    store = session.record_store()
    record = store.load(rollout_id)
    store.put_note(rollout_id, Waiting(task_token=task_token))
    step_status = step_status_of(record, wait_seconds=WAITING_SECONDS)
    waits = step_status.phase in (WaitingFor.APPROVAL, WaitingFor.PAUSED)
    if not waits or store.user_requests(rollout_id) != record.status.user_requests:
        complete_waiting_task(rollout_id, store, session.aws)
    return step_status
