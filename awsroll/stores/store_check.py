"""Checks that a store can be used, before rollouts rely on it: `awsroll state create`."""

from uuid import uuid4

from awsroll.errors import StateError
from awsroll.stores.backend import Backend
from awsroll.stores.items import Items
from awsroll.stores.record_keys import ROLLOUTS, probe_key
from awsroll.stores.signing import Signer


def check_store(backend: Backend, signer: Signer | None) -> None:
    """Write, read, list and delete an item, and make writes whose conditions do not hold. Leave nothing behind.

    Raises:
        StateError, AwsError: if the store, or the key that signs its items, cannot be used.
    """
    backend.check_conditions()
    key, written = probe_key(), {"test": uuid4().hex}
    version = Items(backend, signer).write(key, written, revision=1, expected=None)
    item = Items(backend, signer).read(key, dict[str, str])
    if item is None or item.value != written:
        problem = f"{backend.address} does not return what was written to it. Choose another --state"
        raise StateError(problem)
    backend.delete(key, version)
    backend.keys(ROLLOUTS)
