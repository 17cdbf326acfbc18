"""Puts new code on the same server: out of traffic, drained, the command run, back in.

A member of a group goes through standby, so that the group neither counts, checks nor replaces it in the meantime. A
standalone server is deregistered. The server gets the new version as a tag before it returns, so that a finished reload
shows on the instance itself and is never repeated.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from awsroll.core.classify.draining import is_out_of_group
from awsroll.core.classify.view import View
from awsroll.core.decide.register import awaits_healthy, missing_targets
from awsroll.core.decide.retire import awaits_leave, is_tagged, note_deregistered, registered_keys, tag
from awsroll.core.decide.terminating import announce
from awsroll.core.lifecycle import ServerChanges
from awsroll.core.model import actions as act
from awsroll.core.model.actions import Action
from awsroll.core.model.calls import Call, CallKind
from awsroll.core.model.hooks import HookPoint
from awsroll.core.model.observation import CommandState, Instance, Lifecycle
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.plan import add_failures
from awsroll.core.model.proposals import Proposals
from awsroll.core.model.reasons import Reason
from awsroll.core.model.replacing import replace
from awsroll.core.model.server_record import Server
from awsroll.core.model.status import Mode, Status
from awsroll.core.model.status_parts import Failure
from awsroll.core.observe.clocks import is_drained
from awsroll.core.observe.early_drains import is_quiet, note_saved, propose_probe
from awsroll.core.observe.hook_runs import awaits
from awsroll.core.observe.settle import is_worth_a_call
from awsroll.core.tags import APP_VERSION_TAG, RELOADING


@dataclass(frozen=True, slots=True)
class _Collected:
    """The servers in a reload, by what they need next, as far as one call takes several of them."""

    tag: list[str] = field(default_factory=list)
    enter_standby: list[str] = field(default_factory=list)
    exit_standby: list[str] = field(default_factory=list)
    send: list[str] = field(default_factory=list)
    succeeded: list[str] = field(default_factory=list)


def reload(view: View) -> tuple[Status, Proposals]:
    """Propose the next step for every server in a reload."""
    view = view.with_status(_finish(view))
    proposals, collected = Proposals(), _Collected()
    for name in view.status.reloading:
        instance = view.by_id.get(name)
        if instance is None or view.is_ending(instance):
            continue
        if view.is_current(instance):
            _return_to_service(view, instance, proposals, collected)
        else:
            _take_out(view, instance, view.status.servers[name], proposals, collected)
    return _calls(view, proposals, collected)


def _finish(view: View) -> Status:
    """Finish the reload of servers that serve again, or are back in standby where a person had put them."""
    status, done = view.status, 0
    changes = ServerChanges(status)
    for name in status.reloading:
        instance, server = view.by_id.get(name), status.servers[name]
        if instance is None or view.is_ending(instance):
            continue
        if server.phase is ServerPhase.SERVING:
            changes.amend(name, reloading=False)
            done += 1
        elif server.was_in_standby and view.is_current(instance):
            reason = "reloaded, and back in standby"
            changes.move(name, ServerPhase.NONE, at=view.observation.at, reason=reason)
            done += 1
    counters = replace(status.counters, reloaded=status.counters.reloaded + done)
    return replace(changes.status, counters=counters) if done else status


def _take_out(view: View, instance: Instance, server: Server, proposals: Proposals, collected: _Collected) -> None:
    name = instance.instance_id
    if server.attempt:
        _watch_command(view, instance, server.attempt, proposals, collected)
    elif server.void_attempt and may_run(view, name, server.void_attempt):
        proposals.wait(Reason.RUNNING_COMMAND, name)
    elif awaits_leave(view, instance, proposals):
        return
    elif not is_tagged(view, instance):
        collected.tag.append(name)
    elif registered := registered_keys(view, instance):
        proposals.writes.append(act.DeregisterTargets(instance_id=name, targets=registered, reason=Reason.OUTDATED))
    elif instance.lifecycle is Lifecycle.IN_SERVICE:
        if is_worth_a_call(view, name) and (name, CallKind.ENTER_STANDBY) not in view.announced:
            collected.enter_standby.append(name)
        else:
            proposals.wait(Reason.SETTLING, name)
    elif (is_drained(view, instance) or is_quiet(view, instance)) and is_out_of_group(instance):
        if server.was_in_standby or not awaits(view, proposals, HookPoint.AFTER_DRAIN, name):
            collected.send.append(name)
    else:
        propose_probe(view, instance, proposals)
        proposals.wait(Reason.DRAINING, name)


def _watch_command(view: View, instance: Instance, attempt: int, proposals: Proposals, collected: _Collected) -> None:
    name = instance.instance_id
    shown = view.invocations.get((name, attempt))
    if shown is not None and shown.state is CommandState.SUCCEEDED:
        collected.succeeded.append(name)
    elif (shown is None or shown.state is CommandState.UNSENT) and (
        name,
        CallKind.SEND_COMMAND,
    ) not in view.announced:
        collected.send.append(name)
    else:
        proposals.wait(Reason.RUNNING_COMMAND, name)


def may_run(view: View, name: str, attempt: int) -> bool:
    """Return whether a command may be running on the server, or be on its way to it."""
    shown = view.invocations.get((name, attempt))
    if shown is None or shown.state is CommandState.UNSENT:
        return (name, CallKind.SEND_COMMAND) in view.announced
    return shown.state is CommandState.RUNNING


def check_commands(view: View) -> Status:
    """Note a failure for every reload command that failed."""
    at, failures = view.observation.at, []
    for name in view.status.reloading:
        attempt = view.status.servers[name].attempt
        shown = view.invocations.get((name, attempt)) if attempt else None
        if shown is not None and shown.state is CommandState.FAILED:
            cause = f"reload command failed: {shown.detail or 'no output'}"
            failures.append(Failure(instance_id=name, cause=cause, at=at))
    return add_failures(view.status, *failures) if view.status.mode is Mode.ROLLING else view.status


def _return_to_service(view: View, instance: Instance, proposals: Proposals, collected: _Collected) -> None:
    name = instance.instance_id
    if instance.lifecycle is Lifecycle.STANDBY:
        if (name, CallKind.EXIT_STANDBY) in view.announced or not is_worth_a_call(view, name):
            proposals.wait(Reason.SETTLING, name)
        else:
            collected.exit_standby.append(name)
    elif instance.lifecycle in (None, Lifecycle.IN_SERVICE) and (missing := missing_targets(view, instance)):
        if not awaits(view, proposals, HookPoint.BEFORE_REGISTER, name):
            write = act.RegisterTargets(instance_id=name, targets=missing, reason=Reason.RELOADED)
            proposals.writes.append(write)
    elif not awaits_healthy(view, instance, proposals):
        proposals.wait(Reason.VERIFYING, name)


# --- calls ------------------------------------------------------------------------------------------------------------


def _calls(view: View, proposals: Proposals, collected: _Collected) -> tuple[Status, Proposals]:
    """Turn what was collected into calls on several servers; announce the calls that are not idempotent."""
    if collected.tag:
        proposals.writes.insert(0, tag(view, collected.tag, RELOADING))
    status = note_deregistered(view, proposals.writes)
    status = _tag_reloaded(view, status, collected.succeeded, proposals)
    status = _move_through_standby(view, status, collected, proposals)
    if collected.send and status.mode is Mode.ROLLING:
        status, sendings = _send(view, status, collected.send)
        proposals.writes += sendings
    return status, proposals


def _tag_reloaded(view: View, status: Status, succeeded: list[str], proposals: Proposals) -> Status:
    changes = ServerChanges(status)
    for name in succeeded:
        changes.amend(name, failed=False)  # the server runs the target version now
    if succeeded:
        tags = ((APP_VERSION_TAG, view.rollout.to_version),)
        write = act.TagInstances(instance_ids=tuple(succeeded), tags=tags, reason=Reason.RELOADED)
        proposals.writes.append(write)
    return changes.status


def _move_through_standby(view: View, status: Status, collected: _Collected, proposals: Proposals) -> Status:
    group, leaving, entering = view.rollout.group, tuple(collected.exit_standby), tuple(collected.enter_standby)
    if leaving:
        status = announce(view, status, CallKind.EXIT_STANDBY, leaving)
        proposals.writes.append(act.ExitStandby(group=group, instance_ids=leaving, reason=Reason.RELOADED))
    if entering:
        status = announce(view, status, CallKind.ENTER_STANDBY, entering)
        proposals.writes.append(act.EnterStandby(group=group, instance_ids=entering, reason=Reason.OUTDATED))
    return status


def _send(view: View, status: Status, ready: Iterable[str]) -> tuple[Status, list[Action]]:
    """Send the command, under a new number.

    A command that was sent before without an answer, and that SSM does not show, keeps its number: if the first
    delivery was made after all, the second one has no effect.
    """
    at, new = view.observation.at, status.counters.commands + 1
    by_attempt: dict[int, list[str]] = {}
    changes = ServerChanges(status)
    for name in ready:
        attempt = status.servers[name].attempt or new
        changes.amend(name, attempt=attempt)
        by_attempt.setdefault(attempt, []).append(name)
    status = changes.status
    sendings = list[Action]()
    for attempt, names in sorted(by_attempt.items()):
        drained = {key for name in names for key in (*status.servers[name].targets, *view.slots.get(name, ()))}
        calls = tuple(Call(kind=CallKind.SEND_COMMAND, at=at, instance_id=name, number=attempt) for name in names)
        status = replace(status, calls=status.calls + calls)
        quiet = tuple(name for name in names if is_quiet(view, view.by_id[name]))
        status = note_saved(view, status, quiet)
        sendings.append(
            act.SendCommand(
                instance_ids=tuple(names),
                attempt=attempt,
                not_registered=tuple(sorted(drained)),
                may_be_draining=quiet,
                reason=Reason.DRAINED,
            )
        )
    counters = replace(status.counters, commands=max(status.counters.commands, *by_attempt))
    return replace(status, counters=counters), sendings
