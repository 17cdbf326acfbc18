"""What the handlers of the rollout driver share: the surroundings of a rollout, and the bounds of one call."""

from typing import Any

import container
from awsroll.driver.context import Context
from awsroll.driver.steps import Bounds
from awsroll.stores import RecordStore, RolloutRequest
from handling import LogSink, seconds_left

ROLLOUT_ID = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"


def around(order: RolloutRequest | None, store: RecordStore) -> Context:
    """Return what a rollout runs in: the account and region that its order names."""
    session = container.session() if order is None else container.session(order)
    return Context(session=session, store=store, clock=container.clock, sink=LogSink())


def around_known(rollout_id: str) -> Context:
    """Return what a rollout runs in that was begun before.

    Raises:
        StateError: if its order cannot be read.
    """
    store = container.store()
    return around(store.note(rollout_id, RolloutRequest), store)


def bounds(context: Any) -> Bounds:
    """Return how long a step may take in this invocation."""
    return Bounds(left=lambda: seconds_left(context))
