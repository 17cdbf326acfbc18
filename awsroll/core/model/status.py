"""What must be kept between two looks because AWS cannot show it.

The record of a rollout is the `Rollout` (the request, fixed) and this `Status` (rewritten at every step, compare and
swap). It stays small: ids of instances in flight, clocks, the exact requests of calls whose outcome is not known, the
old values of settings, and counters. Everything else is looked up again each time.

Plain values only, so that the same dataclasses are what is stored.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from awsroll.core.model.hooks import HookCall
from awsroll.core.model.observation import TargetKey, TemplateVersion
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.rollout_events import Event
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
class Server:
    """The record of one server: where it is, since when, and what only this rollout knows of it.

    `core.lifecycle` writes it; no other module does.

    Attributes:
        phase: where it is. A server in phase `NONE` has no record.
        since: when it came into its phase; the phase's deadline counts from here.
        failed: it must leave (or be reloaded again) although it may run the target version.
        reloading: it was chosen to be reloaded; it counts as unavailable until it serves again.
        healthy_since: since when each observation has shown it healthy; None if the last one did not.
        targets: where it was registered, so that it can be registered there again.
        deregistered_at: when awsroll deregistered it.
        draining_seen: an observation has shown it draining.
        gone_since: since when each observation has shown it registered nowhere.
        attempt: the number of the reload command that counts; 0 before the first.
        void_attempt: a reload command that no longer counts, but must have ended before the next one is sent.
        was_in_standby: it was in standby when it was chosen, and returns there after its reload.
    """

    phase: ServerPhase
    since: datetime
    failed: bool = False
    reloading: bool = False
    healthy_since: datetime | None = None
    targets: tuple[TargetKey, ...] = ()
    deregistered_at: datetime | None = None
    draining_seen: bool = False
    gone_since: datetime | None = None
    attempt: int = 0
    void_attempt: int = 0
    was_in_standby: bool = False


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
    instance_ids: tuple[str, ...]
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
class Gate:
    """How far the gates have been passed.

    Attributes:
        passed: the number of checkpoints passed.
        closed_since: since when the rollout waits at the next checkpoint; None if it does not wait.
        baking_since: since when the whole new fleet has served; None before and after the bake time.
        baked: the bake time is over.
    """

    passed: int = 0
    closed_since: datetime | None = None
    baking_since: datetime | None = None
    baked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedSettings:
    """Settings of the group and of target groups that this rollout changed.

    Attributes:
        found: name -> value as found.
        set: name -> the values that this rollout gave, separated by spaces, the last one wanted now. Earlier ones stay
            until an observation shows the last: its call may not have been made. Any other value was set by someone
            else.
        changed_at: when settings were last announced or changed, until an observation shows the change.
        abandoned: names of the calls that could not restore a setting; they are in the report.
    """

    found: dict[str, str] = field(default_factory=dict)
    set: dict[str, str] = field(default_factory=dict)
    changed_at: datetime | None = None
    abandoned: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortage:
    """Instances that EC2 or the group owes this rollout.

    Attributes:
        since: since when; None if nothing is owed.
        reason: why, in AWS's words.
        zones: zones where LaunchInstances found no capacity, and when. Other zones are tried first.
        excused_until: failed launches of the group up to this instant (AWS's own) are not caused by this rollout.
        launch_after: no new launch before this instant, after a refusal that may pass.
    """

    since: datetime | None = None
    reason: str = ""
    zones: dict[str, datetime] = field(default_factory=dict)
    excused_until: datetime | None = None
    launch_after: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HookRuns:
    """Runs of hooks.

    Attributes:
        announced: runs that were announced and whose end has not been seen.
        passed: keys of the hooks that have passed, as long as they matter.
    """

    announced: tuple[HookCall, ...] = ()
    passed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """All that is kept of a rollout between two observations.

    Attributes:
        aborted: it stops because a person aborted it.
        rolling_back: the baseline is the target now.
        skipped_since: since when the rollout waits for protected or standby instances.
        pausing: why it is about to pause, once nothing is in flight; empty if it is not.
        servers: the record of each server that is not in phase `NONE`, by instance id.
        launches: requests for instances, until the instances serve.
        calls: announced calls whose outcome is not known yet.
        current_at_start: ids that ran the target version when the rollout began. Nothing is done to them.
        user_requests: what people have asked of this rollout.
        judged: the number of failures that have been handled.
        forgiven: the number of failures that no longer count against `max_failures`.
        warnings: what the report must say at the end.
        events: what happened since the record was last saved. The driver emits them; they are never stored.
    """

    mode: Mode = Mode.ROLLING
    outcome: Outcome = Outcome.RUNNING
    reason: str = ""
    aborted: bool = False
    rolling_back: bool = False
    started_at: datetime
    ended_at: datetime | None = None
    observed_at: datetime | None = None
    progress_at: datetime
    skipped_since: datetime | None = None
    pausing: str = ""
    counters: Counters = field(default_factory=Counters)
    servers: dict[str, Server] = field(default_factory=dict)
    launches: tuple[Launch, ...] = ()
    calls: tuple[Call, ...] = ()
    current_at_start: tuple[str, ...] = ()
    slots: tuple[Slots, ...] = ()
    desired: Desired | None = None
    user_requests: UserRequests = field(default_factory=UserRequests)
    gate: Gate = field(default_factory=Gate)
    settings: SavedSettings = field(default_factory=SavedSettings)
    shortage: Shortage = field(default_factory=Shortage)
    hooks: HookRuns = field(default_factory=HookRuns)
    failures: tuple[Failure, ...] = ()
    judged: int = 0
    forgiven: int = 0
    warnings: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()

    def in_flight(self, instance_id: str) -> Server | None:
        """Return the record of a server whose phase has a clock; None for any other server."""
        server = self.servers.get(instance_id)
        return server if server is not None and server.phase.is_timed else None

    @property
    def servers_in_flight(self) -> dict[str, Server]:
        """The records of the servers whose phase has a clock, by id."""
        return {name: server for name, server in self.servers.items() if server.phase.is_timed}

    def ids_where(self, holds: Callable[[Server], bool]) -> tuple[str, ...]:
        """Return the ids of the servers whose records fit, sorted."""
        return tuple(sorted(name for name, server in self.servers.items() if holds(server)))

    def in_phase(self, *phases: ServerPhase) -> tuple[str, ...]:
        """Return the ids of the servers in one of these phases, sorted."""
        return self.ids_where(lambda server: server.phase in phases)

    @property
    def retiring(self) -> tuple[str, ...]:
        """The servers on their way out of the fleet."""
        return self.ids_where(lambda server: server.phase in _LEAVING and not server.reloading)

    @property
    def reloading(self) -> tuple[str, ...]:
        """The servers chosen to be reloaded that do not serve again yet."""
        return self.ids_where(lambda server: server.reloading)

    @property
    def returning(self) -> tuple[str, ...]:
        """The servers on their way back into traffic, without those whose reload does that."""
        stopping = self.mode is not Mode.ROLLING
        return self.ids_where(lambda one: one.phase is ServerPhase.RETURNING and (stopping or not one.reloading))

    @property
    def serving(self) -> tuple[str, ...]:
        """The verified servers on the target version."""
        return self.in_phase(ServerPhase.SERVING)

    @property
    def kept(self) -> tuple[str, ...]:
        """The old servers that run on out of traffic."""
        return self.in_phase(ServerPhase.KEPT)

    @property
    def failed(self) -> tuple[str, ...]:
        """The servers that must leave, or be reloaded again, although they may run the target version."""
        return self.ids_where(lambda server: server.failed)


_LEAVING = (ServerPhase.DRAINING, ServerPhase.TERMINATING)
