"""Store a command for a rollout: pause, resume, approve, reject, abort, rollback.

The action `await` stores the task token of a state machine that waits for a command.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from awsroll.driver.step_status import StepStatus
from awsroll.driver.user_commands import Command, apply_command, wait_for_command
from handling import handles
from named import InvalidEvent
from rollout_context import ROLLOUT_ID, known_rollout_context


class Event(Struct, frozen=True, forbid_unknown_fields=True):
    """Which command to store for which rollout.

    Attributes:
        task_token: the token of the state that waits; only with `await`.
        checkpoint: the number of the checkpoint, from 1; only with `approve` and `reject`. Default: the one that waits.
    """

    rollout_id: Annotated[str, Meta(pattern=ROLLOUT_ID)]
    action: Literal["pause", "resume", "approve", "reject", "abort", "rollback", "await"]
    task_token: str = ""
    checkpoint: Annotated[int, Meta(ge=1)] | None = None


@handles(Event)
def handler(event: Event, _: Any) -> StepStatus:
    """Store the command and answer the status of the rollout. The next step applies the command."""
    if (event.action == "await") != bool(event.task_token):
        problem = "pass a task_token with the action await, and with no other action; nothing was changed"
        raise InvalidEvent(problem)
    if event.checkpoint is not None and event.action not in ("approve", "reject"):
        problem = "pass a checkpoint with the actions approve and reject only; nothing was changed"
        raise InvalidEvent(problem)
    context = known_rollout_context(event.rollout_id)
    if event.action == "await":
        return wait_for_command(event.rollout_id, event.task_token, context)
    return apply_command(event.rollout_id, Command(event.action), context, checkpoint=event.checkpoint)
