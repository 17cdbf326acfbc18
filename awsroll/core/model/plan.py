"""The decision of a step: the plan, its waits, and the time until the next observation."""

from dataclasses import dataclass
from datetime import datetime

from awsroll.core.model.actions import Action
from awsroll.core.model.hook_calls import HookRun
from awsroll.core.model.reasons import Reason
from awsroll.core.model.replacing import replace
from awsroll.core.model.rollout_events import Event, EventName
from awsroll.core.model.status import Mode, Outcome, Status
from awsroll.core.model.status_parts import Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A wait, with its reason, its instances and its deadline."""

    reason: Reason
    instance_ids: tuple[str, ...] = ()
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The actions to do now, the status to save, and when to observe again.

    Attributes:
        actions: writes of one kind, in order; possibly none.
        status: the status to save before the actions are carried out.
        holds: the waits.
        requeue_seconds: the longest time until the next observation, counted from this one. 0: at once.
        hooks: runs of hooks to start before the writes. They continue in the background.
    """

    actions: tuple[Action, ...]
    status: Status
    holds: tuple[Hold, ...] = ()
    requeue_seconds: float = 0
    hooks: tuple[HookRun, ...] = ()


def add_failures(status: Status, *failures: Failure) -> Status:
    """Add failures to the status, each only once. `failing` decides what follows from them."""
    known = {(failure.instance_id, failure.cause) for failure in status.failures[status.forgiven :]}
    new = tuple(failure for failure in failures if (failure.instance_id, failure.cause) not in known)
    if not new:
        return status
    events = (
        Event(name=EventName.FAILURE, fields={"instance_id": failure.instance_id, "cause": failure.cause})
        for failure in new
    )
    return replace(status, failures=status.failures + new, events=(*status.events, *events))


def add_warnings(status: Status, *warnings: str) -> Status:
    """Add warnings for the report, each only once."""
    known = frozenset(status.warnings)
    new = tuple(warning for warning in dict.fromkeys(warnings) if warning not in known)
    if not new:
        return status
    events = (Event(name=EventName.WARNING, fields={"message": warning}) for warning in new)
    return replace(status, warnings=status.warnings + new, events=(*status.events, *events))


def pause(status: Status, reason: str, *, rests: bool = True) -> Status:
    """Pause the rollout until a person resumes it.

    Args:
        status: the record.
        reason: why, for people.
        rests: the next steps let the group take care of itself again. If False, AWS cannot be called: the rollout
            pauses as it is.
    """
    event = Event(name=EventName.PAUSED, fields={"reason": reason})
    must_rest = rests and bool(status.settings.found)
    return replace(status, outcome=Outcome.PAUSED, reason=reason, must_rest=must_rest, events=(*status.events, event))


def end(status: Status, outcome: Outcome, at: datetime) -> Status:
    """End the rollout with an outcome."""
    event = Event(name=EventName.ENDED, fields={"outcome": str(outcome), "reason": status.reason})
    return replace(status, mode=Mode.ENDED, outcome=outcome, ended_at=at, events=(*status.events, event))
