"""What the handlers of the rollout driver share: the context of a rollout, and the bounds of one call."""

from typing import Annotated, Any

from msgspec import Meta

import container
from awsroll.core.model.amount import MOST
from awsroll.driver.context import Context
from awsroll.driver.steps import Bounds
from awsroll.stores import RecordStore, RolloutRequest
from handling import LogSink, seconds_left

ROLLOUT_ID = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
Count = Annotated[int, Meta(ge=0, le=MOST)]


def rollout_context(request: RolloutRequest | None, store: RecordStore) -> Context:
    """Return the context of a rollout in the account and region of its request."""
    session = container.session() if request is None else container.session(request)
    return Context(session=session, store=store, clock=container.clock, sink=LogSink())


def known_rollout_context(rollout_id: str) -> Context:
    """Return the context of a rollout that was started before.

    Raises:
        StateError: if its request cannot be read.
    """
    store = container.store()
    return rollout_context(store.note(rollout_id, RolloutRequest), store)


def bounds(context: Any) -> Bounds:
    """Return how long a step may take in this invocation."""
    return Bounds(left=lambda: seconds_left(context))
