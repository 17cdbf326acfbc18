"""Starts the clocks of calls with their answers.

A large fleet needs more calls than one step can make: a step puts calls off to the next one. So no clock starts when a
call is decided. It starts when AWS accepts the call, or when an observation first shows its effect
(`observe/clocks.py`). A call that was put off leaves no trace, and the server's deadline begins again.
"""

from dataclasses import replace
from datetime import datetime

from awsroll.core.lifecycle import amend
from awsroll.core.model import actions as act
from awsroll.core.model.actions import PUT_OFF, Action, Answer, Result, instance_ids_of
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.status import Server, Status

_SETTINGS = (
    act.UpdateGroup,
    act.SuspendProcesses,
    act.ResumeProcesses,
    act.DeleteWarmPool,
    act.PutWarmPool,
    act.SetDeregistrationDelay,
    act.SaveSettings,
    act.ForgetSavedSettings,
)


def note_answer(status: Status, result: Result, at: datetime) -> Status:
    """Start, restart or drop the clocks that depend on the answer to an action.

    Args:
        status: the record.
        result: the answer.
        at: when it came.
    """
    if result.code == PUT_OFF:
        status = _restart_deadlines(status, result.action, at)
    match result.action:
        case act.DeregisterTargets(instance_id=name) if name in status.servers:
            return _note_deregistered(status, name, result, at)
        case act.SendCommand() if result.answer is Answer.DONE:
            return _note_sent(status, result, at)
        case action if isinstance(action, _SETTINGS) and result.code != PUT_OFF:
            return _note_changed_settings(status, at)
        case _:
            return status


def _restart_deadlines(status: Status, action: Action, at: datetime) -> Status:
    """Exclude the time for which awsroll itself put off the call of a server from the deadline of its phase."""
    for name in instance_ids_of(action):
        server = status.in_flight(name)
        if server is not None and not _drains(server):
            status = amend(status, name, since=at)
    return status


def _drains(server: Server) -> bool:
    return server.phase is ServerPhase.DRAINING and server.deregistered_at is not None


def _note_deregistered(status: Status, name: str, result: Result, at: datetime) -> Status:
    """Start the drain's clock and its deadline with the accepted call.

    A refused call may have ended the registrations in another target group, and a call without an answer may have been
    made. Both stay announced until an observation shows the effect.
    """
    server = status.servers[name]
    if result.answer is Answer.STALE:
        return amend(status, name, deregistering_at=None)
    if result.answer is not Answer.DONE:
        return status
    since = at if server.phase is ServerPhase.DRAINING else server.since
    progress_at = at if server.deregistered_at is None else status.progress_at
    status = amend(status, name, deregistering_at=None, deregistered_at=at, since=since)
    return replace(status, progress_at=progress_at)


def _note_sent(status: Status, result: Result, at: datetime) -> Status:
    """Start the deadline of a reload again if its command had to be sent again."""
    for name in result.instance_ids or instance_ids_of(result.action):
        server = status.servers.get(name)
        if server is not None and server.phase is ServerPhase.RELOADING:
            status = amend(status, name, since=at)
    return status


def _note_changed_settings(status: Status, at: datetime) -> Status:
    """Count from the answer for how long an observation may be older than a change of settings."""
    settings = status.settings
    return status if settings.changed_at is None else replace(status, settings=replace(settings, changed_at=at))
