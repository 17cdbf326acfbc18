"""Learns from each observation how long AWS takes: `next_look` observes again when a wait can be over."""

from datetime import datetime, timedelta

from awsroll.core.classify.view import View
from awsroll.core.model.observation import FleetKind, Instance, InstanceState
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.replacing import replace
from awsroll.core.model.rhythm import Awaited, after
from awsroll.core.model.server_record import Server
from awsroll.core.model.status import Status

_CLOCKS_DIFFER = timedelta(seconds=60)  # the clock of AWS and of this machine; EC2 tells only the second of a launch
_ARRIVING = (ServerPhase.LAUNCHING, ServerPhase.VERIFYING)


def awaited(view: View, server: Server, instance: Instance | None) -> tuple[Awaited, datetime] | None:
    """Return what a server in flight waits for, and since when; None if its wait has no usual length."""
    launched_at = None if instance is None else instance.launched_at
    grouped = view.rollout.kind is FleetKind.AUTO_SCALING
    first = view.status.started_at - _CLOCKS_DIFFER
    is_new = launched_at is not None and launched_at >= first and not server.reloading
    wait: tuple[Awaited, datetime] | None = None
    match server.phase:
        case ServerPhase.LAUNCHING | ServerPhase.VERIFYING if server.healthy_since is not None:
            pass  # until it has been healthy for long enough
        case ServerPhase.LAUNCHING | ServerPhase.VERIFYING if grouped and is_new and launched_at is not None:
            wait = Awaited.ARRIVAL, launched_at
        case ServerPhase.LAUNCHING:
            wait = Awaited.BOOT, launched_at or server.since
        case ServerPhase.VERIFYING:
            wait = Awaited.HEALTH, server.since
        case ServerPhase.RELOADING:
            wait = Awaited.COMMAND, server.since
        case ServerPhase.DRAINING if server.deregistered_at is not None:
            wait = Awaited.DRAIN, server.deregistered_at
        case ServerPhase.DRAINING if server.draining_seen:
            wait = Awaited.DRAIN, server.since  # its group drains it: the clock began when that was first seen
        case ServerPhase.TERMINATING:
            wait = Awaited.EXIT, server.since
        case _:
            pass
    return wait


def learn(view: View, before: Status) -> Status:
    """Note how long the servers in flight have waited, and which of the waits this observation shows to be over.

    Args:
        view: the observation, with the record brought up to it.
        before: the record before this observation.
    """
    rhythm = dict(view.status.rhythm)
    for name, server in before.servers_in_flight.items():
        instance = view.by_id.get(name)
        wait = awaited(view, server, instance)
        if wait is None or wait[0] is Awaited.EXIT:  # an exit is rarely looked at, so it teaches little
            continue
        kind, since = wait
        ended = _has_ended(kind, view.status.servers.get(name), instance)
        if ended is None:
            continue
        seen = after(rhythm.get(kind), (view.observation.at - since).total_seconds(), done=ended)
        if seen is not None:
            rhythm[kind] = seen
    return view.status if rhythm == view.status.rhythm else replace(view.status, rhythm=rhythm)


def _has_ended(kind: Awaited, server: Server | None, instance: Instance | None) -> bool | None:
    """Return whether a wait has ended as expected; None if it was broken off."""
    if server is None or instance is None:
        return None
    phase = server.phase
    ended: bool | None = None
    match kind:
        case Awaited.BOOT if phase in _ARRIVING:
            ended = phase is not ServerPhase.LAUNCHING or instance.state is InstanceState.RUNNING
        case Awaited.ARRIVAL | Awaited.HEALTH if phase in (*_ARRIVING, ServerPhase.SERVING):
            ended = phase is ServerPhase.SERVING or server.healthy_since is not None
        case Awaited.COMMAND if server.reloading:
            ended = phase is not ServerPhase.RELOADING
        case Awaited.DRAIN if phase is ServerPhase.DRAINING:
            ended = server.gone_since is not None
        case _:
            pass
    return ended
