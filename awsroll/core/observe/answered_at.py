"""Starts the clocks of calls with their answers.

A large fleet needs more calls than one step can make: a step puts calls off to the next one. So no clock starts when a
call is decided. It starts when AWS accepts the call, or when an observation first shows its effect
(`observe/clocks.py`). A call that was put off leaves no trace, and the server's deadline begins again.
"""

from datetime import datetime

from awsroll.core.lifecycle import ServerChanges
from awsroll.core.model import actions as act
from awsroll.core.model.action_results import PUT_OFF, Answer, Result
from awsroll.core.model.actions import Action, instance_ids_of
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.replacing import replace
from awsroll.core.model.server_record import Server
from awsroll.core.model.status import Status

_SETTINGS = (
    act.UpdateGroup,
    act.SuspendProcesses,
    act.ResumeProcesses,
    act.DeleteWarmPool,
    act.PutWarmPool,
    act.SetDeregistrationDelay,
    act.SetHealthChecks,
    act.SaveSettings,
    act.ForgetSavedSettings,
)


def note_answers(status: Status, results: tuple[Result, ...], at: datetime) -> Status:
    """Start, restart or drop the clocks that depend on the answers to actions of one kind.

    Args:
        status: the record.
        results: the answers.
        at: when they came.
    """
    first, changes = results[0], ServerChanges(status)
    if first.code == PUT_OFF:
        for result in results:
            _restart_deadlines(changes, result.action, at)
    elif isinstance(first.action, _SETTINGS):
        return _note_changed_settings(status, at)
    match first.action:
        case act.DeregisterTargets():
            return _note_deregistered(changes, results, at)
        case act.SendCommand() if first.answer is Answer.DONE:
            for result in results:
                _note_sent(changes, result, at)
    return changes.status


def _restart_deadlines(changes: ServerChanges, action: Action, at: datetime) -> None:
    """Exclude the time for which awsroll itself put off the call of a server from the deadline of its phase."""
    for name in instance_ids_of(action):
        server = changes.servers.get(name)
        if server is not None and server.phase.is_timed and not _drains(server):
            changes.amend(name, since=at)


def _drains(server: Server) -> bool:
    return server.phase is ServerPhase.DRAINING and server.deregistered_at is not None


def _note_deregistered(changes: ServerChanges, results: tuple[Result, ...], at: datetime) -> Status:
    """Start the drains' clocks and their deadlines with the accepted calls.

    A refused call may have ended the registrations in another target group, and a call without an answer may have been
    made. Both stay announced until an observation shows the effect.
    """
    progressed = False
    for result in results:
        for name in instance_ids_of(result.action):
            server = changes.servers.get(name)
            if server is None:
                continue
            if result.answer is Answer.STALE:
                changes.amend(name, deregistering_at=None)
            elif result.answer is Answer.DONE:
                progressed |= server.deregistered_at is None
                since = at if server.phase is ServerPhase.DRAINING else server.since
                changes.amend(name, deregistering_at=None, deregistered_at=at, since=since)
    return replace(changes.status, progress_at=at) if progressed else changes.status


def _note_sent(changes: ServerChanges, result: Result, at: datetime) -> None:
    """Start the deadline of a reload again if its command had to be sent again."""
    for name in result.instance_ids or instance_ids_of(result.action):
        server = changes.servers.get(name)
        if server is not None and server.phase is ServerPhase.RELOADING:
            changes.amend(name, since=at)


def _note_changed_settings(status: Status, at: datetime) -> Status:
    """Count from the answer for how long an observation may be older than a change of settings."""
    settings = status.settings
    return status if settings.changed_at is None else replace(status, settings=replace(settings, changed_at=at))
