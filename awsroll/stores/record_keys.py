"""The keys of what a store saves.

rollouts/<rollout id>/record.json         the record
                      user_requests.json  what users have requested
                      lock.json           who drives the rollout
                      request.json        stepwise driver: the original request
                      waiting.json        stepwise driver: the state that waits for a command
open/<rollout id>.json                    exists while the rollout has not ended (`unfinished_index`)
fleets/<group or target group>.json       who rolls the fleet (`locks`)
"""

import re

from awsroll.errors import RolloutNotFoundError
from awsroll.stores.driver_notes import RolloutRequest, Waiting

ROLLOUTS = "rollouts/"
RECORD_FILE = "record.json"

_ROLLOUT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_NOTE_FILES: dict[type[RolloutRequest | Waiting], str] = {RolloutRequest: "request.json", Waiting: "waiting.json"}


def record_key(rollout_id: str) -> str:
    """Return the key of a record."""
    return _key(rollout_id, RECORD_FILE)


def user_requests_key(rollout_id: str) -> str:
    """Return the key of the user requests of a rollout."""
    return _key(rollout_id, "user_requests.json")


def note_key(rollout_id: str, kind: type[RolloutRequest | Waiting]) -> str:
    """Return the key of a note for a stepwise driver."""
    return _key(rollout_id, _NOTE_FILES[kind])


def check_rollout_id(rollout_id: str) -> str:
    """Return the id.

    Raises:
        RolloutNotFoundError: if no rollout can have this id.
    """
    if not _ROLLOUT_ID.fullmatch(rollout_id):
        problem = f"{rollout_id!r} is not a valid rollout id. `awsroll list` shows the known rollouts"
        raise RolloutNotFoundError(problem)
    return rollout_id


def _key(rollout_id: str, file: str) -> str:
    return f"{ROLLOUTS}{check_rollout_id(rollout_id)}/{file}"
