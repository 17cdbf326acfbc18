"""Reads the recorded decisions of a rollout from a store. No calls to AWS."""

from awsroll.errors import StateError
from awsroll.recording.documents import DocumentError
from awsroll.recording.recording_bytes import unpacked
from awsroll.stores import RecordStore


def stored_lines(rollout_id: str, store: RecordStore) -> tuple[str, ...]:
    """Return the lines of the recording of a rollout.

    Raises:
        RolloutNotFoundError: if there is no rollout with this id.
        StateError: if the store has no recording of it that can be used.
    """
    store.load(rollout_id)
    lines = list[str]()
    for segment in store.decisions(rollout_id).segments():
        try:
            lines += unpacked(segment.data)
        except DocumentError as error:
            problem = f"the recording of rollout {rollout_id} cannot be used: {error}; nothing was changed"
            raise StateError(problem) from error
    if not lines:
        problem = (
            f"{store.address} has no recording of rollout {rollout_id}: it has made no step yet, or an older awsroll "
            "drove it"
        )
        raise StateError(problem)
    return tuple(lines)
