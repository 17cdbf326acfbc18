"""The status of a rollout: the facts to keep between two observations because AWS cannot show them.

The record of a rollout is the `Rollout` (the request, fixed) and this `Status` (rewritten at every step, by compare and
swap). It stays small: ids of instances in flight, clocks, the exact requests of calls whose outcome is not known, the
old values of settings, and counters. Everything else is observed again each time.

The dataclasses hold plain values only, so that they can be stored as they are.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from awsroll.core.model.calls import Call, Launch
from awsroll.core.model.evidence import Evidence
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.rhythm import Seen
from awsroll.core.model.rollout_events import Event
from awsroll.core.model.server_record import Server, Slots
from awsroll.core.model.status_parts import (
    Blocked,
    Counters,
    Desired,
    Failure,
    Gate,
    HookRuns,
    Rehearsal,
    SavedSettings,
    SetAside,
    Shortage,
)
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
class Status:
    """The status of a rollout, kept between two observations.

    Attributes:
        aborted: it stops because a person aborted it.
        rolling_back: the baseline is the target now.
        rehearsal: how far the rehearsal is. On its way back, the rollout rolls back one server.
        skipped_since: since when the rollout waits for protected or standby instances.
        pausing: why it will pause when no server is in flight; empty if it will not.
        blocked: why nothing new may start now; None if it may.
        must_rest: it is paused, and the group's own care has yet to be restored.
        abort_refused_since: since when AWS refuses the access that an abort needs; None: it does not.
        servers: the record of each server that is not in phase `NONE`, by instance id.
        launches: requests for instances, until the instances serve.
        calls: announced calls whose outcome is not known yet.
        current_at_start: ids of the servers that ran the target version at the start. They are not touched.
        user_requests: the requests of users to this rollout.
        checking_since: since when the status checks of new servers are read; None if they are not.
        judge: the evidence against the target version, by metric.
        left_alone: drained servers that someone has protected from termination since the start. They run on, out of
            the fleet, until someone registers them again.
        set_aside: failed servers that are kept for inspection, until when.
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
    rehearsal: Rehearsal = Rehearsal.NONE
    started_at: datetime
    ended_at: datetime | None = None
    observed_at: datetime | None = None
    progress_at: datetime
    skipped_since: datetime | None = None
    pausing: str = ""
    blocked: Blocked | None = None
    must_rest: bool = False
    abort_refused_since: datetime | None = None
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
    checking_since: datetime | None = None
    judge: dict[str, Evidence] = field(default_factory=dict)
    left_alone: tuple[str, ...] = ()
    set_aside: tuple[SetAside, ...] = ()
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

    def in_phase(self, *phases: ServerPhase) -> tuple[str, ...]:
        """Return the ids of the servers in one of these phases, sorted."""
        return tuple(sorted([name for name, server in self.servers.items() if server.phase in phases]))

    @property
    def retiring(self) -> tuple[str, ...]:
        """The servers that leave the fleet."""
        leaving = [name for name, server in self.servers.items() if server.phase.is_way_out and not server.reloading]
        return tuple(sorted(leaving))

    @property
    def reloading(self) -> tuple[str, ...]:
        """The servers to be reloaded that do not serve again yet."""
        return tuple(sorted([name for name, server in self.servers.items() if server.reloading]))

    @property
    def returning(self) -> tuple[str, ...]:
        """The servers that return to traffic, without those that return as part of their reload."""
        stopping = self.mode is not Mode.ROLLING
        back = [name for name, server in self.servers.items() if server.phase is ServerPhase.RETURNING]
        return tuple(sorted([name for name in back if stopping or not self.servers[name].reloading]))

    @property
    def serving(self) -> tuple[str, ...]:
        """The verified servers on the target version."""
        return self.in_phase(ServerPhase.SERVING)

    @property
    def to_check(self) -> tuple[str, ...]:
        """The servers that came to serve the target version in this rollout."""
        return tuple(sorted(frozenset(self.serving).difference(self.current_at_start)))

    @property
    def kept(self) -> tuple[str, ...]:
        """The old servers that keep running, out of traffic."""
        return self.in_phase(ServerPhase.KEPT)

    @property
    def kept_failed(self) -> tuple[SetAside, ...]:
        """The failed servers that are out of the fleet and kept for inspection."""
        return tuple(kept for kept in self.set_aside if kept.is_out)

    @property
    def failed(self) -> tuple[str, ...]:
        """The servers that must leave, or be reloaded again, although they may run the target version."""
        return tuple(sorted([name for name, server in self.servers.items() if server.failed]))
