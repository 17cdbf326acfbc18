"""Forges records as someone who can write to a store does, with the checksum and the digest that awsroll writes."""

from dataclasses import replace
from typing import Any

from awsroll.stores import RecordStore
from awsroll.stores.items import Items
from awsroll.stores.records import Records


def forge(store: RecordStore, rollout_id: str, **changes: Any) -> None:
    """Change the rollout in a record. A store that has read the record before knows that its request has changed."""
    items = Items(store.backend, None)
    item = Records(items).read(rollout_id)
    assert item is not None
    record = replace(item.value, rollout=replace(item.value.rollout, **changes), revision=item.value.revision + 1)
    Records(items).write(record, expected=item.version)
