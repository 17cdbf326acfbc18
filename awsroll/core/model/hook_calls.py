"""The runs of hooks: the event that a run gets, and what was seen of it. Values only."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from awsroll.core.model.hooks import Hook, HookPoint


@dataclass(frozen=True, slots=True, kw_only=True)
class HookEvent:
    """The event that a hook gets: a callable as this object, a command and a function as JSON.

    Attributes:
        point: the point of the rollout.
        hook: the hook's name.
        run: counts the runs of all hooks of this rollout. A run that is started again after a crash keeps its number.
        phase: `rolling`, `rolling-back` or `stopping`.
        instance_ids: the server of this run; at a point of the whole rollout: all servers concerned.
        reason: for `on_failure`: the failure.
        checkpoint: for `at_checkpoint`: its number, from 1; else 0.
        ports: for `while_draining`: the ports on which the server was registered.
        drain_seconds: for `while_draining`: how long the drain takes at most.
        quiet_seconds: for `while_draining`: for how long no connection may have been open.
        since: for `while_judging`: the begin of the interval to count, in seconds since 1970 (UTC).
        until: for `while_judging`: the end of the interval.
    """

    point: HookPoint
    hook: str
    run: int
    phase: str
    rollout_id: str
    fleet: str
    from_version: str
    to_version: str
    instance_ids: tuple[str, ...] = ()
    reason: str = ""
    checkpoint: int = 0
    ports: tuple[int, ...] = ()
    drain_seconds: int = 0
    quiet_seconds: int = 0
    since: float = 0
    until: float = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HookCall:
    """One run of a hook. It is saved before it starts, until its end has been observed.

    Attributes:
        name: the name of the hook.
        number: counts the runs of this rollout; it identifies the run.
        subject: the instance, or the checkpoint (`checkpoint-2`); empty: the rollout.
        since: when the time of a script on a server starts, for every process that observes it.
    """

    name: str
    number: int
    subject: str = ""
    since: datetime | None = None

    @property
    def key(self) -> str:
        """The key that the status keeps when this run succeeds."""
        return passed_key(self.name, self.subject)


def passed_key(name: str, subject: str = "") -> str:
    """Return the key that the status keeps when a hook has passed for a subject."""
    return f"{name} {subject}".rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class HookRun:
    """A run to start, with its hook and its event. If it is started again, it is the same run."""

    hook: Hook
    call: HookCall
    event: HookEvent


class HookState(StrEnum):
    """The state of a run."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The requests of one server in one interval, as a hook at `while_judging` has counted them."""

    instance_id: str
    bad: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HookSeen:
    """The observed state of one run.

    Attributes:
        detail: the cause of its failure, in one line.
        readings: for `while_judging`: what it has counted.
    """

    number: int
    state: HookState
    detail: str = ""
    readings: tuple[Reading, ...] = ()
