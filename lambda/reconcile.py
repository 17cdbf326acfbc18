"""Make one bounded step of a rollout: observe, plan, save, execute. It may be repeated, called twice, or killed.

With a task token, it makes no step: it stores the token of a state that waits for a command of a user.
"""

from dataclasses import dataclass, fields, replace
from typing import Annotated, Any

from msgspec import Meta, Struct

import container
from awsroll.driver.step_status import StepStatus
from awsroll.driver.steps import step
from awsroll.driver.task_token import wait_for_command
from handling import handles
from rollout_context import ROLLOUT_ID, Count, bounds, given_rollout_context, rollout_context


class Event(Struct, frozen=True, forbid_unknown_fields=True):
    """Which rollout.

    Attributes:
        steps: how many steps the caller has made, for state machines that limit their history.
        revision: the `revision` of the last answer. An older record was put back, and is refused.
        task_token: the token of a state that waits for a command. No step is made.
        request: the request that the rollout was started with. What the record makes this function run or use is
            compared with it. Default: with the environment of the function.
        region: region of the fleet. Default: the region of the function.
        role: ARN of the role to assume for the account of the fleet.
        external_id: the external id that the role requires, if any.
        execution: ARN of the execution that drives the rollout. A refused rollout of the same fleet names it.
    """

    rollout_id: Annotated[str, Meta(pattern=ROLLOUT_ID)]
    steps: Count = 0
    revision: Count = 0
    task_token: str = ""
    request: dict[str, Any] = {}
    region: str = ""
    role: str = ""
    external_id: str = ""
    execution: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(StepStatus):
    """The status of the rollout, and in how many seconds to call again.

    Attributes:
        steps: the `steps` of the event plus 1; with a task token, the `steps` of the event.
    """

    steps: int


@handles(Event)
def handler(event: Event, context: Any) -> Answer:
    """Make one step, and answer the status of the rollout."""
    if event.task_token:  # the state machine is in the account of this function, not in the account of the fleet
        own = rollout_context(None, container.store())
        return _answer(wait_for_command(event.rollout_id, event.task_token, own), steps=event.steps)
    given = replace(given_rollout_context(event.rollout_id, event), execution=event.execution)
    status = step(event.rollout_id, given, bounds=bounds(context), revision=event.revision)
    return _answer(status, steps=event.steps + 1)


def _answer(status: StepStatus, *, steps: int) -> Answer:
    return Answer(**{field.name: getattr(status, field.name) for field in fields(status)}, steps=steps)
