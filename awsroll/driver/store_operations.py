"""The operations on one rollout that use the store alone: `pause`, `approve` and `reject`."""

from awsroll.core.model.status import Mode
from awsroll.driver.caller_name import local_name
from awsroll.driver.record_lifecycle import ended_error
from awsroll.driver.summaries import summary_of
from awsroll.driver.user_commands import Command, change_for
from awsroll.ports import Store
from awsroll.report import RolloutSummary


def pause(rollout_id: str, store: Store, *, by: str = "") -> RolloutSummary:
    """Ask a rollout to pause at its next safe point; return its summary.

    Raises:
        StateError: if its record is missing or cannot be used, or it has ended.
    """
    return send(rollout_id, Command.PAUSE, store, by=by)


def approve(rollout_id: str, store: Store, checkpoint: int | None = None, *, by: str = "") -> RolloutSummary:
    """Approve the checkpoint that a rollout waits at; return its summary, with that checkpoint as `approval`.

    Args:
        rollout_id: the rollout.
        store: the store of its record.
        checkpoint: the number of the checkpoint; None: the checkpoint that waits.
        by: who approves; empty: the user and the host of this process.

    Raises:
        StateError: if its record is missing or cannot be used, or it has ended.
        NoApprovalAwaitedError: if the checkpoint does not wait for an answer; nothing was changed.
    """
    return send(rollout_id, Command.APPROVE, store, checkpoint, by=by)


def reject(rollout_id: str, store: Store, checkpoint: int | None = None, *, by: str = "") -> RolloutSummary:
    """Reject the checkpoint that a rollout waits at: a failure of the rollout. Return as `approve` does.

    Raises:
        StateError: if its record is missing or cannot be used, or it has ended.
        NoApprovalAwaitedError: if the checkpoint does not wait for an answer; nothing was changed.
    """
    return send(rollout_id, Command.REJECT, store, checkpoint, by=by)


def send(
    rollout_id: str, command: Command, store: Store, checkpoint: int | None = None, *, by: str = ""
) -> RolloutSummary:
    """Send a command to the driver of a rollout, as a user request in the store; return the summary of the rollout.

    Raises:
        StateError: if its record is missing or cannot be used, or it has ended.
        NoApprovalAwaitedError: if no checkpoint waits for the answer; nothing was changed.
    """
    record = store.load(rollout_id)
    if record.status.mode is Mode.ENDED:
        raise ended_error(record)
    change = change_for(command, record, checkpoint=checkpoint, by=by or local_name())
    requests = store.change_user_requests(rollout_id, change)
    return summary_of(store, record, requests)
