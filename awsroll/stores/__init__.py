"""Where the records of rollouts are saved, and who may drive a rollout: a directory, S3 or DynamoDB.

A `Backend` stores bytes under keys, by compare-and-swap. Everything else is the same for all backends. What a record
means is not known here.
"""

from awsroll.stores.driver_notes import RolloutRequest, Waiting
from awsroll.stores.leases import Lease
from awsroll.stores.local_store import LocalStore, default_directory
from awsroll.stores.locks import Holder, Lock
from awsroll.stores.opening import store_at
from awsroll.stores.record_listing import UnreadableRecord
from awsroll.stores.record_store import RecordStore

__all__ = [
    "Holder",
    "Lease",
    "LocalStore",
    "Lock",
    "RecordStore",
    "RolloutRequest",
    "UnreadableRecord",
    "Waiting",
    "default_directory",
    "store_at",
]
