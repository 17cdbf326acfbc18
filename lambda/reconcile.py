"""Makes one bounded pass on a rollout: look, decide, save, act. Harmless to repeat, to call twice, or to kill."""

from dataclasses import dataclass, fields
from typing import Annotated, Any

from msgspec import Meta, Struct

from awsroll.driver.step_status import StepStatus
from awsroll.driver.steps import step
from driving import ROLLOUT_ID, around_known, bounds
from handling import handles


class Event(Struct, frozen=True, forbid_unknown_fields=True):
    """Which rollout.

    Attributes:
        steps: how many steps the caller has made, for machines that must not grow for ever.
    """

    rollout_id: Annotated[str, Meta(pattern=ROLLOUT_ID)]
    steps: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(StepStatus):
    """Where the rollout stands, and in how many seconds to call again; `steps`: as given, and one more."""

    steps: int


@handles(Event)
def handler(event: Event, context: Any) -> Answer:
    """Make one pass, and answer where the rollout stands then."""
    standing = step(event.rollout_id, around_known(event.rollout_id), bounds=bounds(context))
    return Answer(**{one.name: getattr(standing, one.name) for one in fields(standing)}, steps=event.steps + 1)
