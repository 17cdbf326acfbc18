"""The check that the record of a rollout fits into its store.

The record holds a few facts about each server. A store in DynamoDB writes a record in up to ten items. A rollout that
outgrows them would have to pause half-way, so it is refused before anything is changed.
"""

from typing import assert_never

from awsroll.core.classify.capacity import bounds
from awsroll.core.model.observation import FleetKind
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Status
from awsroll.core.request.store_address import StoreKind
from awsroll.errors import FleetError
from awsroll.ports import Store
from awsroll.stores import RecordStore
from awsroll.stores.dynamodb_parts import MOST_ITEMS, PART_BYTES

ROOM = MOST_ITEMS * PART_BYTES
"""The most bytes of a record in DynamoDB."""
_BASE_BYTES = 4_000
# Compressed bytes for each server of the fleet, and for each that may be in flight: the most of whole rollouts of 2,000
# servers with random ids, and a tenth more (tests/stores/test_record_room.py).
_OF_KIND = {FleetKind.STANDALONE: (50, 60), FleetKind.AUTO_SCALING: (30, 17)}
_OF_RELOAD = (30, 0)


def likely_bytes(rollout: Rollout, servers: int) -> int:
    """Return how many bytes the compressed record of a rollout is likely to need at most."""
    each, in_flight = _OF_RELOAD if rollout.reloads else _OF_KIND[rollout.kind]
    return _BASE_BYTES + each * servers + in_flight * min(bounds(rollout, servers).window, servers)


def check_room(store: Store, rollout: Rollout, status: Status) -> None:
    """Check that the record of a new rollout fits into its store.

    Raises:
        FleetError: if it is likely to become too large; nothing was changed.
    """
    if not isinstance(store, RecordStore):
        return
    address = store.backend.address
    match address.kind:
        case StoreKind.DIRECTORY | StoreKind.S3:
            return
        case StoreKind.DYNAMODB:
            pass
        case _ as never:
            assert_never(never)
    servers = sum(len(slots.instance_ids) for slots in status.slots) if status.desired is None else status.desired.goal
    needed = likely_bytes(rollout, servers)
    if needed > ROOM:
        problem = (
            f"{rollout.fleet} has {servers:,} servers, so the record of this rollout would take about "
            f"{needed // 1000} KB. A record in {address} has at most {ROOM // 1000} KB. Nothing was changed. Pass "
            "--state s3://BUCKET/PREFIX"
        )
        raise FleetError(problem)
