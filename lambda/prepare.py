"""Begins a rollout: checks the request against the fleet and writes the record. Changes nothing on the fleet.

Called again with the same id and request it answers where the rollout stands, so a retry is harmless.
"""

from typing import Annotated, Any

from msgspec import Meta, Struct

import surroundings as container
from awsroll.standing import Standing
from awsroll.stepwise import begin
from awsroll.stores import Order
from driving import ROLLOUT_ID, around
from handling import handles
from requested import to_request


class Event(Struct, frozen=True, forbid_unknown_fields=True):
    """What to roll out.

    Attributes:
        request: the options of a rollout file, such as `{"asg": "web", "concurrent": "25%"}`.
        rollout_id: names the rollout, and makes repeating harmless; a state machine gives its execution's name. Left
            out: a new id is made.
        execution_started_at: when the execution was started: tells it from an earlier one of the same name.
        region: where the fleet is; left out: where the function is.
        role: ARN of a role to assume for the fleet's account.
        external_id: what that role asks for, if it does.
    """

    request: dict[str, Any]
    rollout_id: Annotated[str, Meta(pattern=ROLLOUT_ID)] | None = None
    execution_started_at: str = ""
    region: str = ""
    role: str = ""
    external_id: str = ""


@handles(Event)
def handler(event: Event, _: Any) -> Standing:
    """Answer where the rollout stands."""
    order = Order(
        request=to_request(event.request),
        region=event.region,
        role=event.role,
        external_id=event.external_id,
        started_at=event.execution_started_at,
    )
    return begin(order, around(order, container.store()), rollout_id=event.rollout_id or "")
