"""Takes what a person wants of a rollout: pause, resume, approve, reject, abort, rollback.

With `await` it keeps a state machine's task token until a person has said something.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from awsroll.driver.step_status import StepStatus
from awsroll.driver.user_commands import Command, apply_command, wait_for_command
from driving import ROLLOUT_ID, around_known
from handling import handles
from named import InvalidEvent


class Event(Struct, frozen=True, forbid_unknown_fields=True):
    """What is wanted of which rollout.

    Attributes:
        task_token: of the state that waits; with `await` alone.
    """

    rollout_id: Annotated[str, Meta(pattern=ROLLOUT_ID)]
    action: Literal["pause", "resume", "approve", "reject", "abort", "rollback", "await"]
    task_token: str = ""


@handles(Event)
def handler(event: Event, _: Any) -> StepStatus:
    """Answer where the rollout stood when it was said; the next step heeds it."""
    if (event.action == "await") != bool(event.task_token):
        problem = "a task_token is given with the action await, and with it alone; nothing was changed"
        raise InvalidEvent(problem)
    surroundings = around_known(event.rollout_id)
    if event.action == "await":
        return wait_for_command(event.rollout_id, event.task_token, surroundings)
    return apply_command(event.rollout_id, Command(event.action), surroundings)
