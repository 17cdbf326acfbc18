"""Store a command for a rollout: pause, resume, approve, reject, abort, rollback.

This function writes user requests only, neither records nor notes, and its permissions allow only that.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

import container
from awsroll.driver.step_status import StepStatus
from awsroll.driver.user_commands import Command, apply_command
from handling import handles
from named import InvalidEvent
from rollout_context import ROLLOUT_ID, rollout_context


class Event(Struct, frozen=True, forbid_unknown_fields=True):
    """Which command to store for which rollout.

    Attributes:
        checkpoint: the number of the checkpoint, from 1; only with `approve` and `reject`. Default: the one that waits.
        by: who gives the command, for the record and the report, such as the name that your chat or portal has checked.
    """

    rollout_id: Annotated[str, Meta(pattern=ROLLOUT_ID)]
    action: Literal["pause", "resume", "approve", "reject", "abort", "rollback"]
    checkpoint: Annotated[int, Meta(ge=1)] | None = None
    by: Annotated[str, Meta(max_length=256)] = ""


@handles(Event)
def handler(event: Event, _: Any) -> StepStatus:
    """Store the command and answer the status of the rollout. The next step applies the command."""
    if event.checkpoint is not None and event.action not in ("approve", "reject"):
        problem = "pass a checkpoint with the actions approve and reject only; nothing was changed"
        raise InvalidEvent(problem)
    context = rollout_context(
        None, container.store()
    )  # it changes no fleet, so it needs no role of the fleet's account
    return apply_command(event.rollout_id, Command(event.action), context, checkpoint=event.checkpoint, by=event.by)
