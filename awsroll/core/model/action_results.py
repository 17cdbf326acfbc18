"""The outcome of an action. `settle` turns results into the next status."""

from dataclasses import dataclass
from enum import StrEnum

from awsroll.core.model.actions import Action


class Answer(StrEnum):
    """The answer to an action."""

    DONE = "done"  # AWS accepted it
    STALE = "stale"  # the precondition no longer held: no call was made
    REFUSED = "refused"  # AWS refused it: no effect
    UNANSWERED = "unanswered"  # it may or may not have had an effect


PUT_OFF = "PutOff"
"""The code of an action that is postponed to the next step."""
LAUNCHED_FEWER = "LaunchedFewer"
"""The code of a launch beyond the last instance that EC2 has launched for its batch."""
EMPTY_ANSWER = "EmptyAnswer"
"""The code of a launch that AWS answered without instances and without errors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The outcome of one action.

    Attributes:
        instance_ids: for launches: the new instances; for calls on several instances: those that AWS accepted.
        code: AWS's error code for `REFUSED` and `UNANSWERED`; `PUT_OFF` if the step had no time left for the action.
        message: one line for people: AWS's message, or why the action is stale.
        transient: the cause of the refusal may pass by itself (no capacity, activity in progress, throttling).
        denied: a refusal because of missing permission or invalid credentials.
    """

    action: Action
    answer: Answer
    instance_ids: tuple[str, ...] = ()
    code: str = ""
    message: str = ""
    transient: bool = False
    denied: bool = False
