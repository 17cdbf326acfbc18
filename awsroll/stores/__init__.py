"""Where the records of rollouts are saved, and who may drive a rollout: a directory, S3 or DynamoDB.

A `Backend` stores bytes under keys, by compare-and-swap. Everything else is the same for all backends. What a record
means is not known here. Budgets, directories and the notes of a stepwise driver are loaded on use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from awsroll.stores.audit_entries import Act, Deed, Entry, HistoryFiles
from awsroll.stores.decision_files import DecisionFiles, DecisionSegment
from awsroll.stores.halts import Halt
from awsroll.stores.leases import Lease
from awsroll.stores.locks import Holder, Lock
from awsroll.stores.opening import store_at
from awsroll.stores.record_listing import UnreadableRecord
from awsroll.stores.record_store import RecordStore
from awsroll.stores.timeline_files import Segment, TimelineFiles

if TYPE_CHECKING:
    from awsroll.stores.budgets import Budget, Share, Shortfall
    from awsroll.stores.driver_notes import Notified, RolloutRequest, Waiting
    from awsroll.stores.fleets_notes import KeptFleet, WavesProgress
    from awsroll.stores.local_store import LocalStore, default_directory

__all__ = [
    "Act",
    "Budget",
    "DecisionFiles",
    "DecisionSegment",
    "Deed",
    "Entry",
    "Halt",
    "HistoryFiles",
    "Holder",
    "KeptFleet",
    "Lease",
    "LocalStore",
    "Lock",
    "Notified",
    "RecordStore",
    "RolloutRequest",
    "Segment",
    "Share",
    "Shortfall",
    "TimelineFiles",
    "UnreadableRecord",
    "Waiting",
    "WavesProgress",
    "default_directory",
    "store_at",
]


_ON_USE = {
    "Budget": "budgets",
    "KeptFleet": "fleets_notes",
    "LocalStore": "local_store",
    "Notified": "driver_notes",
    "RolloutRequest": "driver_notes",
    "Share": "budgets",
    "Shortfall": "budgets",
    "Waiting": "driver_notes",
    "WavesProgress": "fleets_notes",
    "default_directory": "local_store",
}
"""The modules that most steps of a function do not need, by the names that they define."""


def __getattr__(name: str) -> Any:
    """Load a name of `_ON_USE` on its first use (PEP 562)."""
    if name not in _ON_USE:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(f"{__name__}.{_ON_USE[name]}"), name)
