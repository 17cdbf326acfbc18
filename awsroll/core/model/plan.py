"""What a step decides: the plan, and the reasoned waits that say when to look again."""

from dataclasses import dataclass, replace
from datetime import datetime

from awsroll.core.model.actions import Action, Reason
from awsroll.core.model.hooks import HookRun
from awsroll.core.model.rollout_events import Event, EventName
from awsroll.core.model.status import Failure, Mode, Outcome, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A reasoned wait: for what, for how many instances, and until when it may last at most (its deadline)."""

    reason: Reason
    instance_ids: tuple[str, ...] = ()
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to do now, what to keep, and when to look again.

    Attributes:
        actions: writes of one kind, in order; possibly none.
        status: what must be saved before the actions are carried out.
        holds: what is waited for, and why.
        requeue_seconds: when to look again at the latest, counted from the look. 0: at once.
        hooks: runs of hooks to start, before the writes; they go on by themselves.
    """

    actions: tuple[Action, ...]
    status: Status
    holds: tuple[Hold, ...] = ()
    requeue_seconds: float = 0
    hooks: tuple[HookRun, ...] = ()


def add_failures(status: Status, *failures: Failure) -> Status:
    """Note failures, each only once; what follows from them is decided in `failing`."""
    known = {(one.instance_id, one.cause) for one in status.failures[status.forgiven :]}
    new = tuple(one for one in failures if (one.instance_id, one.cause) not in known)
    if not new:
        return status
    events = (Event(name=EventName.FAILURE, fields={"instance_id": one.instance_id, "cause": one.cause}) for one in new)
    return replace(status, failures=status.failures + new, events=(*status.events, *events))


def add_warnings(status: Status, *warnings: str) -> Status:
    """Note what the report must say, each only once."""
    new = tuple(warning for warning in warnings if warning not in status.warnings)
    if not new:
        return status
    events = (Event(name=EventName.WARNING, fields={"message": warning}) for warning in new)
    return replace(status, warnings=status.warnings + new, events=(*status.events, *events))


def pause(status: Status, reason: str) -> Status:
    """Leave everything as it is and wait for a person; `resume` continues from here."""
    event = Event(name=EventName.PAUSED, fields={"reason": reason})
    return replace(status, outcome=Outcome.PAUSED, reason=reason, events=(*status.events, event))


def end(status: Status, outcome: Outcome, at: datetime) -> Status:
    """Close the rollout."""
    event = Event(name=EventName.ENDED, fields={"outcome": str(outcome), "reason": status.reason})
    return replace(status, mode=Mode.ENDED, outcome=outcome, ended_at=at, events=(*status.events, event))


_SECONDS_BETWEEN_LOOKS: dict[Reason, float] = {
    Reason.DRAINING: 15,
    Reason.TERMINATING: 5,
    Reason.LAUNCHING: 4,
    Reason.VERIFYING: 3,
    Reason.RUNNING_COMMAND: 3,
    Reason.RUNNING_HOOK: 3,
    Reason.SETTLING: 3,
    Reason.CAPACITY: 10,
    Reason.SKIPPED: 30,
    Reason.CHECKPOINT: 15,
    Reason.APPROVAL: 5,
    Reason.BAKING: 15,
}
_OTHERWISE = 5.0


def seconds_until_next_observation(
    holds: tuple[Hold, ...], *, poll: float | None, soonest: float | None = None
) -> float:
    """Return how long may pass before the next look: as fits what is awaited, at most `poll`.

    Args:
        holds: what is waited for.
        poll: the longest time between looks that the user allows; None: no limit of his.
        soonest: seconds until the first known instant at which something ends (a drain), if there is one.
    """
    seconds = min((_SECONDS_BETWEEN_LOOKS.get(hold.reason, _OTHERWISE) for hold in holds), default=_OTHERWISE)
    if soonest is not None:
        seconds = min(seconds, max(soonest, 1.0))
    return seconds if poll is None else min(seconds, poll)
