"""What must be kept between two looks because AWS cannot show it.

The record of a rollout is the `Rollout` (the request, fixed) and this `Status` (rewritten at every step, compare and
swap). It stays small: ids of instances in flight, clocks, the exact requests of calls whose outcome is not known, the
old values of settings, and counters. Everything else is looked up again each time.

Plain values only, so that the same dataclasses are what is stored.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from awsroll.core.fleet import TargetKey, TemplateVersion


class Mode(StrEnum):
    """What the planner is about."""

    ROLLING = "rolling"
    STOPPING = "stopping"  # something failed: settle what is in flight, restore the settings
    COMPLETING = "completing"  # all is on the goal: restore the settings
    ENDED = "ended"


class Outcome(StrEnum):
    """How a rollout stands for people and scripts: the report's `status`."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    STOPPED = "stopped"
    PAUSED = "paused"
    INTERRUPTED = "interrupted"


class Step(StrEnum):
    """Where an instance in flight is on its way; each step has its own deadline."""

    DRAINING = "draining"
    TERMINATING = "terminating"
    LAUNCHING = "launching"
    VERIFYING = "verifying"
    RELOADING = "reloading"
    RETURNING = "returning"  # reloaded, on its way back into the group


class CallKind(StrEnum):
    """A call that is not idempotent by nature, or that moves the group's desired capacity."""

    TERMINATE = "terminate"
    TERMINATE_AND_DECREMENT = "terminate-and-decrement"
    ENTER_STANDBY = "enter-standby"
    EXIT_STANDBY = "exit-standby"
    SET_DESIRED = "set-desired"
    SEND_COMMAND = "send-command"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One such call on one instance (or on the group), announced before it is made, until its outcome is known.

    Attributes:
        number: a desired capacity for `SET_DESIRED`, the attempt for `SEND_COMMAND`; else 0.
        answered: AWS accepted it; what is missing is only that a look shows its effect.
    """

    kind: CallKind
    at: datetime
    instance_id: str = ""
    number: int = 0
    answered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """One request for instances, exactly as it is (re)made, until its instances serve.

    Attributes:
        number: counts the launches of this rollout; the client token is derived from it.
        count: how many instances it asks for (1 for a standalone fleet).
        succeeds: standalone: the instance whose place the new one takes.
        instance_ids: what came of it; empty until the answer is known.
        settled: its outcome is known. An unsettled one is replayed with the same token, never issued anew.
    """

    number: int
    token: str
    at: datetime
    count: int = 1
    zone: str = ""
    subnet_id: str = ""
    template: TemplateVersion | None = None
    succeeds: str = ""
    targets: tuple[TargetKey, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    instance_ids: tuple[str, ...] = ()
    settled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Flight:
    """The clock of one instance in flight.

    Attributes:
        step: where it is.
        since: when it was first seen there; the step's deadline counts from here.
        healthy_since: since when it has been seen healthy at every look; None when it is not.
        deregistered_at: when awsroll deregistered it; the drain is over no earlier than seen.
        draining_seen: a look has shown it draining.
        gone_since: since when every look has shown it registered nowhere.
        targets: where it was registered, to be restored if it comes back.
        attempt: the sending of the reload command that counts; 0 before the first.
        stays_out: it was found in standby and goes back there after its reload.
    """

    step: Step
    since: datetime
    healthy_since: datetime | None = None
    deregistered_at: datetime | None = None
    draining_seen: bool = False
    gone_since: datetime | None = None
    targets: tuple[TargetKey, ...] = ()
    attempt: int = 0
    stays_out: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Instances of a standalone fleet that share a subnet and registrations: what a replacement must be given.

    Attributes:
        occupants: the instance ids that hold (or last held) these places.
    """

    zone: str
    subnet_id: str
    targets: tuple[TargetKey, ...]
    occupants: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """The group's desired capacity: what it should be, and what our own calls have made of it.

    Attributes:
        goal: what the fleet should have: as found, or as somebody else set it since.
        expected: what the group should say now, with our surge and standby moves.
        previous: what it said before our last move, for as long as a look may still show it.
        moved_at: when that was.
    """

    goal: int
    expected: int
    previous: int
    moved_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One thing that went wrong, and why. `instance_id` is empty when no instance can be named."""

    instance_id: str
    cause: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """Figures for the report. `lowest_serving` and `highest_live` are over all looks."""

    launches: int = 0
    commands: int = 0
    replaced: int = 0
    reloaded: int = 0
    skipped: int = 0
    lowest_serving: int | None = None
    highest_live: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """All that is kept of a rollout between two looks.

    Attributes:
        flights: instances in flight, by id: those on their way out, in, or through a reload.
        retiring: ids chosen to go; they count as unavailable from that moment.
        reloading: ids chosen to be reloaded; likewise.
        returning: ids that were deregistered by us and shall be registered again (a stop).
        serving: current instances that have been verified; they stay so while each look shows them healthy.
        ledger: settings of others that were changed: name -> value as found.
        applied: the same settings: name -> the value that we gave them; another one seen is somebody else's wish.
        shortage_since: since when the group or EC2 has owed us instances; `shortage` says why, in AWS's words.
        short_zones: zones in which a group's surge was refused for lack of capacity, and when: others are tried first.
        excused_until: failed launches of the group up to this instant (AWS's own) are none of this rollout's.
        launch_after: no new launch before this instant, after a refusal that may pass.
        abandoned: settings that could not be restored; they stay in the ledger and in the report.
        warnings: what the report must say at the end.
    """

    mode: Mode = Mode.ROLLING
    outcome: Outcome = Outcome.RUNNING
    reason: str = ""
    started_at: datetime
    ended_at: datetime | None = None
    looked_at: datetime | None = None
    progress_at: datetime
    counters: Counters = field(default_factory=Counters)
    flights: dict[str, Flight] = field(default_factory=dict)
    launches: tuple[Launch, ...] = ()
    calls: tuple[Call, ...] = ()
    retiring: tuple[str, ...] = ()
    reloading: tuple[str, ...] = ()
    returning: tuple[str, ...] = ()
    serving: tuple[str, ...] = ()
    places: tuple[Places, ...] = ()
    desired: Desired | None = None
    ledger: dict[str, str] = field(default_factory=dict)
    applied: dict[str, str] = field(default_factory=dict)
    exempt_since: datetime | None = None
    shortage_since: datetime | None = None
    shortage: str = ""
    short_zones: dict[str, datetime] = field(default_factory=dict)
    excused_until: datetime | None = None
    launch_after: datetime | None = None
    abandoned: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()
    warnings: tuple[str, ...] = ()
