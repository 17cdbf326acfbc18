"""The task token of a Step Functions execution that waits for a command.

A driver stores the token, and never a user: it is a note. A token counts once, so it stays stored until the next wait.
"""

import json

from awsroll.aws.connection import Connection
from awsroll.driver.context import Context
from awsroll.driver.session import Session
from awsroll.driver.step_status import StepStatus, WaitingFor, step_status_of
from awsroll.ports import Store
from awsroll.stores import RecordStore, Waiting

WAITING_SECONDS = 45
"""How long a state machine waits for a command before it observes the fleet again."""


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


def complete_waiting_task(rollout_id: str, store: Store, aws: Connection) -> None:
    """Complete the task of a state machine that waits for a command. Do nothing if none waits.

    A state machine that does not receive this answer observes the rollout a little later by itself.

    Raises:
        StateError: if the token cannot be read.
        AwsError: if Step Functions refused or did not answer.
    """
    token = waiting_token(rollout_id, store)
    if token is not None and isinstance(store, RecordStore):
        aws.step_functions.answer(token, json.dumps({"rollout_id": rollout_id}))


def waiting_token(rollout_id: str, store: Store) -> str | None:
    """Return the task token of the state that waits for a command; None if none waits.

    Raises:
        StateError: if it cannot be read.
    """
    note = store.note(rollout_id, Waiting) if isinstance(store, RecordStore) else None
    return None if note is None else note.task_token
