"""What must be kept between two looks because AWS cannot show it.

The record of a rollout is the `Rollout` (the request, fixed) and this `Status` (rewritten at every step, compare and
swap). It stays small: ids of instances in flight, clocks, the exact requests of calls whose outcome is not known, the
old values of settings, and counters. Everything else is looked up again each time.

Plain values only, so that the same dataclasses are what is stored.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from awsroll.core.model.hooks import HookCall
from awsroll.core.model.observation import TargetKey, TemplateVersion
from awsroll.core.model.user_requests import UserRequests


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
    ROLLED_BACK = "rolled_back"
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
    RETURNING = "returning"  # reloaded or called back, on its way into traffic
    KEPT = "kept"  # old, out of traffic, running on in case it is needed again; no deadline


class CallKind(StrEnum):
    """A call that is not idempotent by nature, or that moves the group's desired capacity."""

    TERMINATE = "terminate"
    TERMINATE_AND_DECREMENT = "terminate-and-decrement"
    ENTER_STANDBY = "enter-standby"
    EXIT_STANDBY = "exit-standby"
    SET_DESIRED = "set-desired"
    SEND_COMMAND = "send-command"


TERMINATING_CALLS = frozenset({CallKind.TERMINATE, CallKind.TERMINATE_AND_DECREMENT})
"""The calls that end an instance."""


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
        at: when it was decided; once it is settled, when that became known.
        repeated: it was made before, without an answer: that may have had its effect.
        refused: why the repetition was refused, which says nothing of the first: a look must.
    """

    number: int
    token: str
    at: datetime
    count: int = 1
    zone: str = ""
    subnet_id: str = ""
    template: TemplateVersion | None = None
    replaces: str = ""
    targets: tuple[TargetKey, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    instance_ids: tuple[str, ...] = ()
    settled: bool = False
    repeated: bool = False
    refused: str = ""


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
        void: a sending that counts no more, but must have ended before the next.
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
    void: int = 0
    stays_out: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """Instances of a standalone fleet that share a subnet and registrations: what a replacement must be given.

    Attributes:
        occupants: the instance ids that hold (or last held) these places.
        template: what the first of them came from: the baseline of these places; None if AWS does not say.
    """

    zone: str
    subnet_id: str
    targets: tuple[TargetKey, ...]
    occupants: tuple[str, ...]
    template: TemplateVersion | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """The group's desired capacity: what it should be, and what our own calls have made of it.

    Attributes:
        goal: what the fleet should have: as found, or as somebody else set it since.
        expected: what the group should say now, with our surge and standby moves.
        previous: what it said before our last moves, for as long as a look may still show it.
        moved_at: when that was.
    """

    goal: int
    expected: int
    previous: int
    moved_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One thing that went wrong, and why. `instance_id` is empty when no instance can be named.

    Attributes:
        final: no other try could mend it (an alarm, no progress): `max_failures` does not cover it.
    """

    instance_id: str
    cause: str
    at: datetime
    final: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """Figures for the report. `lowest_serving` and `highest_live` are over all looks."""

    launches: int = 0
    commands: int = 0
    hooks: int = 0
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
        backwards: the goal is the baseline now: the rollout is being rolled back.
        rejected: ids that shall go (or take the reload again) although they run the goal version: they failed.
        kept: ids of old instances that run on out of traffic, to be brought back at once if need be.
        found: ids that ran the goal version when the rollout began; nothing is done to them in either direction.
        wishes: what people have asked of this rollout.
        judged: so many of the failures have had their consequence; `forgiven` of them count no more.
        passed: so many checkpoints lie behind.
        gate_since: since when the rollout has waited at the next one; None: it does not.
        baking_since: since when the whole new fleet has served; `baked`: long enough.
        pausing: why it is about to pause: what is in flight comes to its end first; empty: it is not.
        ledger: settings of others that were changed: name -> value as found.
        applied: the same settings: name -> the value that we gave them; another one seen is somebody else's wish. Until
            a look shows the last, those before it stay, with a space between: its call may not have been made.
        prepared_at: when settings were last announced or changed, until a look shows it.
        shortage_since: since when the group or EC2 has owed us instances; `shortage` says why, in AWS's words.
        short_zones: zones in which a group's surge was refused for lack of capacity, and when: others are tried first.
        excused_until: failed launches of the group up to this instant (AWS's own) are none of this rollout's.
        launch_after: no new launch before this instant, after a refusal that may pass.
        abandoned: settings that could not be restored; they stay in the ledger and in the report.
        hook_calls: runs of hooks that were announced and whose end has not been seen.
        hooks_passed: hooks that have passed, with what for; forgotten when that is in flight no more.
        warnings: what the report must say at the end.
    """

    mode: Mode = Mode.ROLLING
    outcome: Outcome = Outcome.RUNNING
    reason: str = ""
    started_at: datetime
    ended_at: datetime | None = None
    observed_at: datetime | None = None
    progress_at: datetime
    counters: Counters = field(default_factory=Counters)
    flights: dict[str, Flight] = field(default_factory=dict)
    launches: tuple[Launch, ...] = ()
    calls: tuple[Call, ...] = ()
    retiring: tuple[str, ...] = ()
    reloading: tuple[str, ...] = ()
    returning: tuple[str, ...] = ()
    serving: tuple[str, ...] = ()
    backwards: bool = False
    rejected: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    found: tuple[str, ...] = ()
    user_requests: UserRequests = field(default_factory=UserRequests)
    judged: int = 0
    forgiven: int = 0
    passed: int = 0
    gate_since: datetime | None = None
    baking_since: datetime | None = None
    baked: bool = False
    pausing: str = ""
    slots: tuple[Slots, ...] = ()
    desired: Desired | None = None
    saved_settings: dict[str, str] = field(default_factory=dict)
    applied: dict[str, str] = field(default_factory=dict)
    prepared_at: datetime | None = None
    skipped_since: datetime | None = None
    shortage_since: datetime | None = None
    shortage: str = ""
    short_zones: dict[str, datetime] = field(default_factory=dict)
    excused_until: datetime | None = None
    launch_after: datetime | None = None
    abandoned: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()
    hook_calls: tuple[HookCall, ...] = ()
    hooks_passed: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
