"""The status of a rollout: the facts to keep between two observations because AWS cannot show them.

The record of a rollout is the `Rollout` (the request, fixed) and this `Status` (rewritten at every step, by compare and
swap). It stays small: ids of instances in flight, clocks, the exact requests of calls whose outcome is not known, the
old values of settings, and counters. Everything else is observed again each time.

The dataclasses hold plain values only, so that they can be stored as they are.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from awsroll.core.model.calls import Call, Launch
from awsroll.core.model.hooks import HookCall
from awsroll.core.model.observation import TargetKey, TemplateVersion
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.rhythm import Seen
from awsroll.core.model.rollout_events import Event
from awsroll.core.model.user_requests import UserRequests


class Mode(StrEnum):
    """The mode of the planner."""

    ROLLING = "rolling"
    STOPPING = "stopping"  # after a failure or abort: finish the servers in flight, restore the settings
    COMPLETING = "completing"  # all servers are on the target version: restore the settings
    ENDED = "ended"


class Outcome(StrEnum):
    """The outcome of a rollout for people and scripts: the report's `status`."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    ROLLED_BACK = "rolled_back"
    STOPPED = "stopped"
    PAUSED = "paused"
    INTERRUPTED = "interrupted"

    def because(self, reason: str) -> str:
        """Return the outcome and its reason in words, without saying the outcome twice: `rolled back by request`."""
        words = self.value.replace("_", " ")
        if reason.startswith(words):
            return reason
        return f"{words}: {reason}" if reason else words


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The record of one server: its phase, since when, and facts that AWS does not show.

    `core.lifecycle` writes it; no other module does.

    Attributes:
        phase: its phase. A server in phase `NONE` has no record.
        since: when it entered its phase; the phase's deadline counts from here.
        failed: it must leave (or be reloaded again) although it may run the target version.
        reloading: it is to be reloaded, or was; it counts as unavailable until it serves again.
        healthy_since: since when each observation has shown it healthy; None if the last one did not.
        targets: where it was registered, so that it can be registered there again.
        deregistering_at: when a call to deregister it was last announced, until AWS accepts the call or it is put off.
        deregistered_at: when AWS last accepted such a call, or when an observation first showed its effect.
        draining_seen: an observation has shown it draining.
        gone_since: since when each observation has shown it without any registration.
        attempt: the number of the current reload command; 0 before the first.
        void_attempt: an earlier reload command that must end before the next one is sent. Its result does not count.
        was_in_standby: it was in standby before its reload, and returns there afterwards.
        fruitless: how many calls to move it had no effect, one after the other.
        fruitless_at: when the last of these calls was made.
        mark_cleared: awsroll has cleared its group's Unhealthy mark. A second mark is not cleared.
    """

    phase: ServerPhase
    since: datetime
    failed: bool = False
    reloading: bool = False
    healthy_since: datetime | None = None
    targets: tuple[TargetKey, ...] = ()
    deregistering_at: datetime | None = None
    deregistered_at: datetime | None = None
    draining_seen: bool = False
    gone_since: datetime | None = None
    attempt: int = 0
    void_attempt: int = 0
    was_in_standby: bool = False
    fruitless: int = 0
    fruitless_at: datetime | None = None
    mark_cleared: bool = False

    @property
    def last_deregistration(self) -> datetime | None:
        """When awsroll last deregistered the server, or announced that it will; None if it did neither."""
        instants = (self.deregistered_at, self.deregistering_at)
        return max((instant for instant in instants if instant is not None), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """The slots of a standalone fleet with the same subnet and registrations, which a replacement gets too.

    Attributes:
        instance_ids: the instances that have (or last had) these slots.
        template: the launch template version of the first instance, the baseline of these slots; None if unknown.
    """

    zone: str
    subnet_id: str
    targets: tuple[TargetKey, ...]
    instance_ids: tuple[str, ...]
    template: TemplateVersion | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """The group's desired capacity: its goal, and its value after awsroll's own calls.

    Attributes:
        goal: the capacity of the fleet: the value at the start, or the value set by someone else since.
        expected: the value that the group should have now, with awsroll's surge and standby moves.
        previous: the value before the last moves, for as long as an observation may still show it.
        moved_at: when the last moves were made.
    """

    goal: int
    expected: int
    previous: int
    moved_at: datetime


class Owner(StrEnum):
    """To whom a failure is due. Only failures of the version count against `max_failures`."""

    VERSION = "version"  # never healthy, crashed, shut itself down, unhealthy after it served
    OTHERS = "others"  # AWS or other people: terminated by a user, Spot interruption, host failure, no capacity
    OURS = "ours"  # a call of awsroll was refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One failure and its cause. `instance_id` is empty if the failure is not of one instance.

    Attributes:
        owner: to whom it is due.
        final: another attempt cannot help (an alarm, no progress), so `max_failures` does not cover it.
    """

    instance_id: str
    cause: str
    at: datetime
    owner: Owner = Owner.VERSION
    final: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """Figures for the report. `lowest_serving`, `highest_live` and `highest_running` are over all observations.

    Attributes:
        replaced: servers that were retired, in either direction. `core.classify.counts` returns how many count.
        replaced_forward: the value of `replaced` when the rollback began; None if there is no rollback.
    """

    launches: int = 0
    commands: int = 0
    hooks: int = 0
    replaced: int = 0
    replaced_forward: int | None = None
    reloaded: int = 0
    skipped: int = 0
    lowest_serving: int | None = None
    highest_live: int = 0
    highest_running: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """The progress through the gates.

    Attributes:
        passed: the number of checkpoints passed.
        closed_since: since when the rollout waits at the next checkpoint; None if it does not wait.
        asked_since: since when the closed gate waits for nothing but a person's approval; None if it does not.
        baking_since: since when the whole new fleet has served; None before and after the bake time.
        baked: the bake time is over.
    """

    passed: int = 0
    closed_since: datetime | None = None
    asked_since: datetime | None = None
    baking_since: datetime | None = None
    baked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedSettings:
    """Settings of the group and of target groups that this rollout changed.

    Attributes:
        found: name -> value before the rollout.
        set: name -> the values set by this rollout, separated by spaces; the last one is wanted now. Earlier ones stay
            until an observation shows the last one, because its call may not have been made. Any other value was set
            by someone else.
        changed_at: when settings were last announced or changed, until an observation shows the change.
        abandoned: names of the calls that could not restore a setting; they are in the report.
    """

    found: dict[str, str] = field(default_factory=dict)
    set: dict[str, str] = field(default_factory=dict)
    changed_at: datetime | None = None
    abandoned: tuple[str, ...] = ()

    def without(self, names: Collection[str]) -> "SavedSettings":
        """Return the settings without those that nothing can restore."""
        found = {name: value for name, value in self.found.items() if name not in names}
        return replace(self, found=found, set={name: value for name, value in self.set.items() if name not in names})


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortage:
    """Instances that this rollout has requested but EC2 or the group has not launched.

    Attributes:
        since: since when; None if there is no shortage.
        reason: why, in AWS's words.
        zones: zones where LaunchInstances found no capacity, and when. Other zones are tried first.
        not_offered: zones that do not offer the instance type. They are not tried again.
        shifted: zones under a zonal shift, until an observation shows requests there again.
        excused_until: failed launches of the group up to this time (by AWS's clock) are not caused by this rollout.
        launch_after: the earliest time of the next launch, after a refusal that may pass by itself.
    """

    since: datetime | None = None
    reason: str = ""
    zones: dict[str, datetime] = field(default_factory=dict)
    not_offered: tuple[str, ...] = ()
    shifted: tuple[str, ...] = ()
    excused_until: datetime | None = None
    launch_after: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HookRuns:
    """Runs of hooks.

    Attributes:
        announced: runs that were announced and whose end has not been observed.
        passed: keys of the hooks that have passed, as long as they are needed.
    """

    announced: tuple[HookCall, ...] = ()
    passed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The status of a rollout, kept between two observations.

    Attributes:
        aborted: it stops because a person aborted it.
        rolling_back: the baseline is the target now.
        skipped_since: since when the rollout waits for protected or standby instances.
        pausing: why it will pause when no server is in flight; empty if it will not.
        must_rest: it is paused, and the group's own care has yet to be restored.
        servers: the record of each server that is not in phase `NONE`, by instance id.
        launches: requests for instances, until the instances serve.
        calls: announced calls whose outcome is not known yet.
        current_at_start: ids of the servers that ran the target version at the start. They are not touched.
        user_requests: the requests of users to this rollout.
        left_alone: drained servers that someone has protected from termination since the start. They run on, out of
            the fleet, until someone registers them again.
        left_at: when a retired server was last seen to leave. It counts towards the account's quotas a little longer.
        tags_denied: the caller may not set the tags of new servers after their launch, so each is launched on its own.
        rhythm: how long AWS takes in this rollout, by `Awaited`. It decides only when to observe again.
        launches_denied: the caller may not call LaunchInstances, so the surge raises the desired capacity.
        judged: the number of failures that have been handled.
        forgiven: the number of failures that no longer count against `max_failures`.
        warnings: warnings for the report.
        events: events since the record was last saved. The driver emits them; they are never stored.
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
    must_rest: bool = False
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
    left_alone: tuple[str, ...] = ()
    left_at: datetime | None = None
    rhythm: dict[str, Seen] = field(default_factory=dict)
    tags_denied: bool = False
    launches_denied: bool = False
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
        """Return the ids of the servers whose records satisfy a condition, sorted."""
        return tuple(sorted(name for name, server in self.servers.items() if holds(server)))

    def in_phase(self, *phases: ServerPhase) -> tuple[str, ...]:
        """Return the ids of the servers in one of these phases, sorted."""
        return self.ids_where(lambda server: server.phase in phases)

    @property
    def retiring(self) -> tuple[str, ...]:
        """The servers that leave the fleet."""
        return self.ids_where(lambda server: server.phase.is_way_out and not server.reloading)

    @property
    def reloading(self) -> tuple[str, ...]:
        """The servers to be reloaded that do not serve again yet."""
        return self.ids_where(lambda server: server.reloading)

    @property
    def returning(self) -> tuple[str, ...]:
        """The servers that return to traffic, without those that return as part of their reload."""
        stopping = self.mode is not Mode.ROLLING
        return self.ids_where(
            lambda server: server.phase is ServerPhase.RETURNING and (stopping or not server.reloading)
        )

    @property
    def serving(self) -> tuple[str, ...]:
        """The verified servers on the target version."""
        return self.in_phase(ServerPhase.SERVING)

    @property
    def kept(self) -> tuple[str, ...]:
        """The old servers that keep running, out of traffic."""
        return self.in_phase(ServerPhase.KEPT)

    @property
    def failed(self) -> tuple[str, ...]:
        """The servers that must leave, or be reloaded again, although they may run the target version."""
        return self.ids_where(lambda server: server.failed)
