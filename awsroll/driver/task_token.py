"""A Step Functions execution that waits for a person: its task token lies beside the record until one has spoken."""

import json

from awsroll.aws.connection import Connection
from awsroll.ports import Store
from awsroll.stores import RecordStore, Waiting


def let_go_on(rollout_id: str, store: Store, aws: Connection) -> None:
    """Let a machine that waits for a person look at once; does nothing where none waits.

    One that cannot be told looks by itself a little later.

    Raises:
        StateError: if the token cannot be read.
        AwsError: if Step Functions refused or did not answer.
    """
    token = waiting_token(rollout_id, store)
    if token and isinstance(store, RecordStore):
        aws.step_functions.answer(token, json.dumps({"rollout_id": rollout_id}))
        store.put_note(rollout_id, Waiting())


def waiting_token(rollout_id: str, store: Store) -> str:
    """Return the token of the state that waits for a person; empty if none does.

    Raises:
        StateError: if it cannot be read.
    """
    found = store.note(rollout_id, Waiting) if isinstance(store, RecordStore) else None
    return "" if found is None else found.task_token
