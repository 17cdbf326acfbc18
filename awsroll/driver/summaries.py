"""The summaries of rollouts, from their records and locks. They need no AWS, so this imports nothing that does."""

from contextlib import suppress

from awsroll.core.decide.approvals import closed_checkpoint
from awsroll.core.model.status import Mode
from awsroll.core.model.user_requests import UserRequests
from awsroll.errors import StateError
from awsroll.ports import Record, Store
from awsroll.report.summary import RolloutSummary, summarize
from awsroll.stores.record_store import RecordStore


def status(rollout_id: str, store: Store) -> RolloutSummary:
    """Return the summary of a rollout.

    Raises:
        StateError: if its record is missing or cannot be used.
    """
    return summary_of(store, store.load(rollout_id))


def list_rollouts(store: Store) -> tuple[RolloutSummary, ...]:
    """Return the summaries of the rollouts in a store, newest first."""
    return tuple(summary_of(store, record) for record in store.list())


def is_driven(store: Store, rollout_id: str) -> bool:
    """Return whether a process drives a rollout now; False if its lock cannot be read: `resume` reports the cause."""
    with suppress(StateError):
        return isinstance(store, RecordStore) and store.driver(rollout_id) is not None
    return False


def summary_of(store: Store, record: Record, requests: UserRequests | None = None) -> RolloutSummary:
    """Return the summary of a record, with what its store says about the process that drives it."""
    rollout_id = record.rollout.rollout_id
    driven = record.status.mode is not Mode.ENDED and is_driven(store, rollout_id)
    if requests is None and closed_checkpoint(record.status):  # an answer may wait for the process that drives it
        with suppress(StateError):
            requests = store.user_requests(rollout_id)
    return summarize(record, is_driven=driven, requests=requests)
