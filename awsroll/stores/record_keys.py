"""The keys of what a store saves. The first part of a key says whose it is, so that IAM can separate the writers.

Of drivers:
    rollouts/<rollout id>/record.json     the record
                          lock.json       who drives the rollout
    open/<rollout id>.json                exists while the rollout has not ended (`unfinished_index`)
    fleets/<group or target group>.json   who rolls the fleet (`locks`)
           _budget-<account>-<region>.json    the shares of its rollouts in the budget (`share_file`)
    timelines/<rollout id>/0000.json      the course of the rollout, in segments (`timeline_files`)
    decisions/<rollout id>/0000.json      the decisions of the rollout, in segments (`decision_files`)

    history/<number>.json                 who did what to which rollout, as a chain (`audit_entries`)

Of users:
    requests/<rollout id>.json            what users have requested
             _halt.json                   whether all rollouts of the store are halted (`halts`)
             _budget.json                 how many rollouts may run at once (`budgets`)

Of stepwise drivers:
    notes/<rollout id>/request.json       the original request
                       waiting.json       the state that waits for a command

Of drivers that send notices:
    notes/<rollout id>/notified.json      the keys of the notices that were sent

Of drivers of many fleets:
    notes/<id of the waves>/waves.json    which rollouts have begun, and whether they roll back
          <id of a fleet>/kept.json       which versions `awsroll keep` has published, and which have failed

Of every writer:
    probes/<random>.json                  exists while a store is tested
"""

import re
from typing import TYPE_CHECKING
from uuid import uuid4

from awsroll.core.request.store_parts import DECISIONS, NOTES, PROBES, RECORDS, TIMELINES, USER_REQUESTS
from awsroll.errors import RolloutNotFoundError

if TYPE_CHECKING:
    from awsroll.stores.driver_notes import Notified, RolloutRequest, Waiting
    from awsroll.stores.fleets_notes import KeptFleet, WavesProgress

ROLLOUTS = f"{RECORDS}/"

HALT_KEY = f"{USER_REQUESTS}/_halt.json"  # no rollout id begins with an underscore
BUDGET_KEY = f"{USER_REQUESTS}/_budget.json"

_RECORD_FILE = "record.json"

_ROLLOUT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def record_key(rollout_id: str) -> str:
    """Return the key of a record."""
    return f"{ROLLOUTS}{check_rollout_id(rollout_id)}/{_RECORD_FILE}"


def recorded_rollout(key: str) -> str | None:
    """Return the id of the rollout whose record has this key; None for any other key.

    The key of a folder is that of a rollout whose files this user may not read.
    """
    rollout_id, _, name = key.removeprefix(ROLLOUTS).partition("/")
    is_folder = not name and not key.endswith(".json")
    is_record = key.startswith(ROLLOUTS) and (is_folder or name == _RECORD_FILE)
    return rollout_id if is_record and _ROLLOUT_ID.fullmatch(rollout_id) else None


def user_requests_key(rollout_id: str) -> str:
    """Return the key of the user requests of a rollout."""
    return f"{USER_REQUESTS}/{check_rollout_id(rollout_id)}.json"


def note_key(rollout_id: str, kind: "type[RolloutRequest | Waiting | Notified | WavesProgress | KeptFleet]") -> str:
    """Return the key of a note for a stepwise driver."""
    return f"{NOTES}/{check_rollout_id(rollout_id)}/{kind.FILE}"


def timeline_folder(rollout_id: str) -> str:
    """Return the folder of the timeline of a rollout."""
    return f"{TIMELINES}/{check_rollout_id(rollout_id)}/"


def decisions_folder(rollout_id: str) -> str:
    """Return the folder of the recorded decisions of a rollout."""
    return f"{DECISIONS}/{check_rollout_id(rollout_id)}/"


def probe_key() -> str:
    """Return a new key for a test of the store."""
    return f"{PROBES}/{uuid4().hex}.json"


def is_rollout_id(text: str) -> bool:
    """Return whether a rollout can have this id."""
    return _ROLLOUT_ID.fullmatch(text) is not None


def check_rollout_id(rollout_id: str) -> str:
    """Return the id.

    Raises:
        RolloutNotFoundError: if no rollout can have this id.
    """
    if not _ROLLOUT_ID.fullmatch(rollout_id):
        problem = f"{rollout_id!r} is not a valid rollout id. `awsroll list` shows the known rollouts"
        raise RolloutNotFoundError(problem)
    return rollout_id
