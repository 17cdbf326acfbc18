"""Events: facts about a rollout or a server that the core adds and the driver emits.

The core adds an event where it makes the change, so the driver need not compare two records to find changes.
"""

from dataclasses import dataclass, field
from enum import StrEnum


class EventName(StrEnum):
    """The names of the events, as logs, JSON lines and hooks show them."""

    SERVER_CHOSEN = "instance.chosen"
    SERVER_SERVING = "instance.serving"
    FAILURE = "rollout.failure"
    WARNING = "rollout.warning"
    HOOK_PASSED = "hook.passed"
    ROLLBACK_STARTED = "rollout.rollback-started"
    REHEARSAL_RETURNS = "rehearsal.returns"
    REHEARSAL_PASSED = "rehearsal.passed"
    CHECKPOINT_REACHED = "checkpoint.reached"
    APPROVAL_AWAITED = "approval.awaited"
    CHECKPOINT_PASSED = "checkpoint.passed"
    BLOCKED = "rollout.waiting"
    UNBLOCKED = "rollout.continuing"
    BAKING = "rollout.baking"
    PAUSED = "rollout.paused"
    STOPPING = "rollout.stopping"
    COMPLETING = "rollout.completing"
    ENDED = "rollout.ended"


PERSON_AWAITED = "person.awaited"
"""The event of each step of a function that finds a rollout waiting for a person. Metric filters match it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One fact, with its fields as plain values."""

    name: EventName
    fields: dict[str, str | int] = field(default_factory=dict)
