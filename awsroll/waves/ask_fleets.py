"""Ask the driver of a fleet's rollout to turn back or to pause, as a user would."""

from contextlib import suppress

from awsroll.core.model.status import Mode
from awsroll.core.observe.verdict import why_no_rollback
from awsroll.driver.user_commands import Command, change_for
from awsroll.errors import RolloutNotFoundError
from awsroll.ports import Store


def ask(store: Store, rollout_id: str, command: Command, *, why: str) -> bool:
    """Save a command for a rollout that is in progress; return False if it cannot take it now.

    A rollout without a record has not begun, and one that has ended is rolled back by its next driver.

    Raises:
        StateError: if the store cannot be read or written.
    """
    with suppress(RolloutNotFoundError):
        record = store.load(rollout_id)
        if record.status.mode is Mode.ENDED or (command is Command.ROLLBACK and why_no_rollback(record.rollout)):
            return False
        store.change_user_requests(rollout_id, change_for(command, record, by=f"awsroll: {why}"))
        return True
    return False


def ask_ended(store: Store, rollout_id: str, *, why: str) -> None:
    """Save a rollback for a rollout that no driver works on: its next driver reopens it, or continues it backwards.

    Raises:
        StateError: if the store cannot be read or written.
    """
    change = change_for(Command.ROLLBACK, store.load(rollout_id), by=f"awsroll: {why}")
    store.change_user_requests(rollout_id, change)
