"""The life of a server in a rollout. Everything that affects a change of phase is in this file.

Theory of operation
-------------------
A rollout keeps one record for each server that it touches (`Server`), and none for the others (phase `NONE`). The
observation decides in which phase a server is; the planner's modules propose the change; `move` checks it against
`MOVES` and makes it. So a wrong idea about a server is one refused move that names the server, both phases and the
reason, and the record stays as it was.

A new server comes in:      NONE -> LAUNCHING -> VERIFYING -> SERVING
An old server goes out:     NONE -> DRAINING -> TERMINATING -> NONE
A server is reloaded:       NONE -> DRAINING -> RELOADING -> RETURNING -> VERIFYING -> SERVING
An old server is kept:      NONE -> DRAINING -> KEPT, then -> DRAINING (to go) or -> RETURNING (a rollback)
A server fails:             LAUNCHING or VERIFYING or SERVING -> FAILED -> DRAINING

A phase is not remembered against what AWS shows. People, the group and EC2 act on servers at any time, and an
observation can be older than a call. So there are moves back:

    SERVING -> VERIFYING        it is no longer healthy
    SERVING, VERIFYING -> LAUNCHING    it is no longer registered everywhere: someone deregistered it
    TERMINATING -> DRAINING     the terminate call had no effect
    DRAINING -> NONE, FAILED    the fleet can no longer spare it, and nothing was done to it yet
    DRAINING, RELOADING -> VERIFYING    it has the new version's tag and is registered, by someone else's doing
    RETURNING -> RELOADING      an older observation does not show the new version's tag

and every phase can end in `NONE` when the server has left the fleet.

Entering a phase keeps or clears what the record says:
- `SERVING` and `FAILED` clear the clocks, the drain and the reload command: their work is over.
- a server that was in a phase without a clock begins a new record; so does the drain of a server that was arriving.
- every other change keeps the record and sets `since`.

When you change `MOVES`, also change: the diagram of docs/architecture.md (`python -m tests.docs.lifecycle` draws it),
the deadline of the phase (`observe/clocks.py`), the words of the phase (`model/phases.py`), the phase that a step
reports (`driver/step_status.py`), and the colour of its cell (`cli/live.py`). A test or the type checker asks for each.
"""

from datetime import datetime
from typing import Any

from awsroll.core.model.phases import RolloutPhase, ServerPhase
from awsroll.core.model.replacing import replace
from awsroll.core.model.rollout_events import Event, EventName
from awsroll.core.model.server_record import Server
from awsroll.core.model.status import Mode, Outcome, Status
from awsroll.core.model.status_parts import Rehearsal

_P = ServerPhase

MOVES: dict[ServerPhase, frozenset[ServerPhase]] = {
    _P.NONE: frozenset({_P.LAUNCHING, _P.VERIFYING, _P.SERVING, _P.FAILED, _P.DRAINING}),
    _P.LAUNCHING: frozenset({_P.VERIFYING, _P.SERVING, _P.FAILED, _P.DRAINING, _P.NONE}),
    _P.VERIFYING: frozenset({_P.SERVING, _P.LAUNCHING, _P.FAILED, _P.DRAINING, _P.RETURNING, _P.NONE}),
    _P.SERVING: frozenset({_P.VERIFYING, _P.LAUNCHING, _P.FAILED, _P.DRAINING, _P.RETURNING, _P.NONE}),
    _P.FAILED: frozenset({_P.DRAINING, _P.NONE}),
    _P.DRAINING: frozenset({_P.TERMINATING, _P.KEPT, _P.RELOADING, _P.RETURNING, _P.VERIFYING, _P.FAILED, _P.NONE}),
    _P.RELOADING: frozenset({_P.RETURNING, _P.VERIFYING, _P.DRAINING, _P.NONE}),
    _P.RETURNING: frozenset({_P.VERIFYING, _P.SERVING, _P.RELOADING, _P.FAILED, _P.DRAINING, _P.NONE}),
    _P.KEPT: frozenset({_P.RETURNING, _P.DRAINING, _P.NONE}),
    _P.TERMINATING: frozenset({_P.DRAINING, _P.NONE}),
}
"""The allowed moves: from each phase, the phases that a server may come into next."""

_CLEARED = (ServerPhase.SERVING, ServerPhase.FAILED)
_ARRIVING = (ServerPhase.LAUNCHING, ServerPhase.VERIFYING)
_ON_THE_WAY_OUT = {ServerPhase.DRAINING, ServerPhase.RELOADING, ServerPhase.TERMINATING}


class IllegalMoveError(Exception):
    """A server would come into a phase that `MOVES` does not allow. The record stays as it was."""

    def __init__(self, instance_id: str, *, at: ServerPhase, to: ServerPhase, reason: str) -> None:
        super().__init__(f"{instance_id} cannot go from {at} to {to} ({reason})")


def phase_of(status: Status, instance_id: str) -> ServerPhase:
    """Return the phase of a server."""
    server = status.servers.get(instance_id)
    return ServerPhase.NONE if server is None else server.phase


def move(status: Status, instance_id: str, to: ServerPhase, *, at: datetime, reason: str, **facts: Any) -> Status:
    """Bring a server into a phase; change nothing if it is there already.

    Args:
        status: the record of the rollout.
        instance_id: the server.
        to: its new phase.
        at: the instant of the observation that shows or decides it.
        reason: why, for the error and the event.
        facts: fields of `Server` to set with the move.

    Raises:
        IllegalMoveError: if `MOVES` does not allow it.
    """
    changes = ServerChanges(status)
    changes.move(instance_id, to, at=at, reason=reason, **facts)
    return changes.status


def amend(status: Status, instance_id: str, **facts: Any) -> Status:
    """Set fields of a server's record other than its phase; the server must have a record."""
    changes = ServerChanges(status)
    changes.amend(instance_id, **facts)
    return changes.status


class ServerChanges:
    """Changes of many servers, for one copy of the record: a copy for each server would be quadratic in the fleet.

    Attributes:
        servers: the records with the changes so far. Only `move`, `amend` and `observe` change them.
    """

    __slots__ = ("_events", "_is_copy", "_status", "servers")

    def __init__(self, status: Status) -> None:
        self._status = status
        self._events: list[Event] = []
        self._is_copy = False
        self.servers = status.servers

    @property
    def status(self) -> Status:
        """The record with the changes; the same record if there are none."""
        if not self._is_copy:
            return self._status
        return note(replace(self._status, servers=dict(self.servers)), *self._events)

    def phase_of(self, instance_id: str) -> ServerPhase:
        """Return the phase of a server."""
        server = self.servers.get(instance_id)
        return ServerPhase.NONE if server is None else server.phase

    def move(self, instance_id: str, to: ServerPhase, *, at: datetime, reason: str, **facts: Any) -> None:
        """Bring a server into a phase, as the function `move` does.

        Raises:
            IllegalMoveError: if `MOVES` does not allow it.
        """
        before = self.phase_of(instance_id)
        if before is to:
            if facts:
                self.amend(instance_id, **facts)
            return
        if to not in MOVES[before]:
            raise IllegalMoveError(instance_id, at=before, to=to, reason=reason)
        if to is ServerPhase.NONE:
            self._put(instance_id, None)  # the facts go with the record
            return
        entered = _entered(self.servers.get(instance_id), to, at)
        server = replace(entered, **facts) if facts else entered
        self._put(instance_id, server)
        self._events += _events(instance_id, before, server, reason)

    def amend(self, instance_id: str, **facts: Any) -> None:
        """Set fields of a server's record, as the function `amend` does."""
        server = self.servers[instance_id]
        if any(getattr(server, name) != value for name, value in facts.items()):  # as at few observations
            self._put(instance_id, replace(server, **facts))

    def observe(self, instance_id: str, server: Server) -> None:
        """Take over the record of a server as an observation shows it; the server stays in its phase."""
        if server.phase is not self.phase_of(instance_id):
            raise IllegalMoveError(instance_id, at=self.phase_of(instance_id), to=server.phase, reason="as observed")
        if server is not self.servers[instance_id]:
            self._put(instance_id, server)

    def _put(self, instance_id: str, server: Server | None) -> None:
        if not self._is_copy:
            self.servers, self._is_copy = dict(self.servers), True
        if server is None:
            del self.servers[instance_id]
        else:
            self.servers[instance_id] = server


def note(status: Status, *events: Event) -> Status:
    """Add events for the driver to emit."""
    return replace(status, events=(*status.events, *events)) if events else status


def _entered(server: Server | None, to: ServerPhase, at: datetime) -> Server:
    """Return the record of a server that comes into a phase."""
    if server is None:
        return Server(phase=to, since=at)
    fresh = Server(phase=to, since=at, mark_cleared=server.mark_cleared)
    if to in _CLEARED or not server.phase.is_timed:
        failed = server.failed and to is not ServerPhase.SERVING
        return replace(fresh, failed=failed, reloading=server.reloading)
    if to is ServerPhase.DRAINING and server.phase in _ARRIVING:  # an earlier drain says nothing about this one
        return replace(fresh, failed=server.failed, reloading=server.reloading, targets=server.targets)
    if not {server.phase, to} <= _ON_THE_WAY_OUT:  # it may get requests in between
        server = replace(server, quiet_at=None, is_early=False)
    return replace(server, phase=to, since=at)


def _events(instance_id: str, before: ServerPhase, server: Server, reason: str) -> tuple[Event, ...]:
    if server.phase is ServerPhase.SERVING:
        return (Event(name=EventName.SERVER_SERVING, fields={"instance_id": instance_id}),)
    if server.phase is ServerPhase.DRAINING and before is not ServerPhase.TERMINATING:
        purpose = "reload" if server.reloading else "retire"
        fields: dict[str, str | int] = {"instance_id": instance_id, "to": purpose, "reason": reason}
        return (Event(name=EventName.SERVER_CHOSEN, fields=fields),)
    return ()


# --- the rollout ------------------------------------------------------------------------------------------------------

_ENDINGS = {
    Outcome.SUCCEEDED: RolloutPhase.SUCCEEDED,
    Outcome.ROLLED_BACK: RolloutPhase.ROLLED_BACK,
    Outcome.PAUSED: RolloutPhase.PAUSED,
}


def rollout_phase(status: Status) -> RolloutPhase:
    """Return where a rollout is, in one word for people."""
    if status.outcome is Outcome.STOPPED:
        return RolloutPhase.ABORTED if status.aborted else RolloutPhase.FAILED
    if status.outcome in _ENDINGS:
        return _ENDINGS[status.outcome]
    return _phase_under_way(status)


def _phase_under_way(status: Status) -> RolloutPhase:
    if status.mode is Mode.STOPPING:
        return RolloutPhase.STOPPING
    rehearses = status.rehearsal in (Rehearsal.FORTH, Rehearsal.BACK)
    if rehearses or status.rolling_back:
        return RolloutPhase.REHEARSING if rehearses else RolloutPhase.ROLLING_BACK
    if status.gate.closed_since is not None:
        return RolloutPhase.WAITING_AT_CHECKPOINT
    if status.gate.baking_since is not None:
        return RolloutPhase.BAKING
    if status.blocked is not None:
        return RolloutPhase.WAITING
    return RolloutPhase.PENDING if status.observed_at is None else RolloutPhase.PROGRESSING
