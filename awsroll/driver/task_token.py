"""The task token of a Step Functions execution that waits for a command: stored beside the record until it is used."""

import json

from awsroll.aws.connection import Connection
from awsroll.ports import Store
from awsroll.stores import RecordStore, Waiting


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
        store.put_note(rollout_id, Waiting())


def waiting_token(rollout_id: str, store: Store) -> str | None:
    """Return the task token of the state that waits for a command; None if none waits.

    Raises:
        StateError: if it cannot be read.
    """
    note = store.note(rollout_id, Waiting) if isinstance(store, RecordStore) else None
    return None if note is None else note.task_token
