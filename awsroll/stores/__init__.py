"""Where the records of rollouts are saved, and who may drive a rollout: a directory, S3 or DynamoDB.

A `Backend` stores bytes under keys, by compare-and-swap. Everything else is the same for all backends. What a record
means is not known here. The notes of a stepwise driver are loaded on use: they hold a request with all its options.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from awsroll.stores.audit_entries import Act, Deed, Entry, HistoryFiles
from awsroll.stores.budgets import Budget, Share, Shortfall
from awsroll.stores.decision_files import DecisionFiles, DecisionSegment
from awsroll.stores.halts import Halt
from awsroll.stores.leases import Lease
from awsroll.stores.local_store import LocalStore, default_directory
from awsroll.stores.locks import Holder, Lock
from awsroll.stores.opening import store_at
from awsroll.stores.record_listing import UnreadableRecord
from awsroll.stores.record_store import RecordStore
from awsroll.stores.timeline_files import Segment, TimelineFiles

if TYPE_CHECKING:
    from awsroll.stores.driver_notes import Notified, RolloutRequest, Waiting

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
    "default_directory",
    "store_at",
]


def __getattr__(name: str) -> Any:
    """Load the class of a note on its first use (PEP 562)."""
    if name not in ("Notified", "RolloutRequest", "Waiting"):
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(f"{__name__}.driver_notes"), name)
