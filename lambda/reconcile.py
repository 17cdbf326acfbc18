"""Makes one bounded pass on a rollout: look, decide, save, act. Harmless to repeat, to call twice, or to kill."""

from typing import Annotated, Any

from msgspec import Meta, Struct

from awsroll.standing import Standing
from awsroll.stepwise import step
from driving import ROLLOUT_ID, around_known, bounds
from handling import handles


class Event(Struct, frozen=True, forbid_unknown_fields=True):
    """Which rollout."""

    rollout_id: Annotated[str, Meta(pattern=ROLLOUT_ID)]


@handles(Event)
def handler(event: Event, context: Any) -> Standing:
    """Answer where the rollout stands, and in how many seconds to call again."""
    return step(event.rollout_id, around_known(event.rollout_id), bounds=bounds(context))
