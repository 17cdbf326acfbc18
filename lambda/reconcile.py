"""Make one bounded step of a rollout: observe, plan, save, execute. It may be repeated, called twice, or killed."""

from dataclasses import dataclass, fields
from typing import Annotated, Any

from msgspec import Meta, Struct

from awsroll.driver.step_status import StepStatus
from awsroll.driver.steps import step
from handling import handles
from rollout_context import ROLLOUT_ID, Count, bounds, given_rollout_context


class Event(Struct, frozen=True, forbid_unknown_fields=True):
    """Which rollout.

    Attributes:
        steps: how many steps the caller has made, for state machines that limit their history.
        request: the request that the rollout was started with. What the record makes this function run or use is
            compared with it. Default: with the environment of the function.
        region: region of the fleet. Default: the region of the function.
        role: ARN of the role to assume for the account of the fleet.
        external_id: the external id that the role requires, if any.
    """

    rollout_id: Annotated[str, Meta(pattern=ROLLOUT_ID)]
    steps: Count = 0
    request: dict[str, Any] = {}
    region: str = ""
    role: str = ""
    external_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(StepStatus):
    """The status of the rollout, and in how many seconds to call again.

    Attributes:
        steps: the `steps` of the event plus 1.
    """

    steps: int


@handles(Event)
def handler(event: Event, context: Any) -> Answer:
    """Make one step, and answer the status of the rollout."""
    status = step(event.rollout_id, given_rollout_context(event.rollout_id, event), bounds=bounds(context))
    return Answer(**{field.name: getattr(status, field.name) for field in fields(status)}, steps=event.steps + 1)
