"""New code on the same instance: out of traffic, drained, the command run, back in.

A member of a group goes through standby, so that the group neither counts, checks nor replaces it meanwhile; a
standalone instance is deregistered. The instance is marked with the new version's name before it comes back, so that a
finished reload is known by the instance itself and is never repeated.
"""

from dataclasses import dataclass, replace

from awsroll.core.classify.draining import is_out_of_group
from awsroll.core.classify.view import View
from awsroll.core.decide.register import awaits_healthy, missing_targets
from awsroll.core.decide.retire import awaits_leave, is_marked, mark, note_deregistered, registered_keys
from awsroll.core.model import actions as act
from awsroll.core.model.actions import Action, Reason
from awsroll.core.model.hooks import HookPoint
from awsroll.core.model.observation import CommandState, Instance, Invocation, Lifecycle
from awsroll.core.model.plan import add_failures
from awsroll.core.model.proposals import Proposals
from awsroll.core.model.status import Call, CallKind, Failure, Mode, Status
from awsroll.core.observe.clocks import is_drained
from awsroll.core.observe.hook_runs import awaits
from awsroll.core.tags import APP_VERSION_TAG, RELOADING


@dataclass(frozen=True, slots=True)
class _Group:
    """The instances that are at the same point of their way."""

    unmarked: list[str]
    entering: list[str]
    exiting: list[str]
    ready: list[str]
    succeeded: list[str]


def reload(view: View) -> tuple[Status, Proposals]:
    """Propose the next step for every instance in `status.reloading`."""
    view = replace(view, status=_finish(view))
    proposals, at_point = Proposals(), _Group([], [], [], [], [])
    for name in view.status.reloading:
        one = view.by_id.get(name)
        if one is None or view.is_leaving(one):
            continue
        if view.is_current(one):
            _bring_back(view, one, proposals, at_point)
        else:
            _take_out(view, one, proposals, at_point)
    return _collect(view, proposals, at_point)


def _finish(view: View) -> Status:
    """Let go of instances that serve again (or are back where a person had put them)."""
    status = view.status
    done = tuple(name for name in status.reloading if _is_back(view, name))
    if not done:
        return status
    counters = replace(status.counters, reloaded=status.counters.reloaded + len(done))
    kept = tuple(name for name in status.reloading if name not in done)
    return replace(status, reloading=kept, counters=counters)


def _is_back(view: View, name: str) -> bool:
    one = view.by_id.get(name)
    if one is None or (name in view.by_id and view.is_leaving(one)):
        return False
    flight = view.status.flights.get(name)
    if flight is not None and flight.stays_out and view.is_current(one):
        return True
    return name in view.status.serving


def _take_out(view: View, one: Instance, proposals: Proposals, at_point: _Group) -> None:
    flight = view.status.flights.get(one.instance_id)
    if flight is not None and flight.attempt:
        _watch_command(view, one, flight.attempt, proposals, at_point)
    elif flight is not None and flight.void and may_run(view, one.instance_id, flight.void):
        proposals.wait(Reason.RUNNING_COMMAND, one.instance_id)
    elif awaits_leave(view, one, proposals):
        return
    elif not is_marked(view, one):
        at_point.unmarked.append(one.instance_id)
    elif registered := registered_keys(view, one):
        proposals.writes.append(
            act.DeregisterTargets(instance_id=one.instance_id, targets=registered, reason=Reason.OUTDATED)
        )
    elif one.lifecycle is Lifecycle.IN_SERVICE:
        if not _is_announced(view.status, one.instance_id, CallKind.ENTER_STANDBY):
            at_point.entering.append(one.instance_id)
        else:
            proposals.wait(Reason.SETTLING, one.instance_id)
    elif is_drained(view, one) and is_out_of_group(one):
        was_out = flight is not None and flight.stays_out
        if was_out or not awaits(view, proposals, HookPoint.AFTER_DRAIN, one.instance_id):
            at_point.ready.append(one.instance_id)
    else:
        proposals.wait(Reason.DRAINING, one.instance_id)


def _is_announced(status: Status, name: str, kind: CallKind) -> bool:
    return any(call.instance_id == name and call.kind is kind for call in status.calls)


def invocation(view: View, name: str, attempt: int) -> Invocation | None:
    """Return how the command stands on the instance, if SSM shows it."""
    return next(
        (one for one in view.observation.invocations if one.instance_id == name and one.attempt == attempt), None
    )


def _watch_command(view: View, one: Instance, attempt: int, proposals: Proposals, at_point: _Group) -> None:
    seen = invocation(view, one.instance_id, attempt)
    if seen is not None and seen.state is CommandState.SUCCEEDED:
        at_point.succeeded.append(one.instance_id)
    elif (seen is None or seen.state is CommandState.UNSENT) and not _is_announced(
        view.status, one.instance_id, CallKind.SEND_COMMAND
    ):
        at_point.ready.append(one.instance_id)
    else:
        proposals.wait(Reason.RUNNING_COMMAND, one.instance_id)


def may_run(view: View, name: str, attempt: int) -> bool:
    """Tell whether a command may be at work on the instance, or on its way to it."""
    seen = invocation(view, name, attempt)
    if seen is None or seen.state is CommandState.UNSENT:
        return _is_announced(view.status, name, CallKind.SEND_COMMAND)
    return seen.state is CommandState.RUNNING


def check_commands(view: View) -> Status:
    """Note a failure for every reload command that failed."""
    at, found = view.observation.at, []
    for name in view.status.reloading:
        flight = view.status.flights.get(name)
        seen = invocation(view, name, flight.attempt) if flight is not None and flight.attempt else None
        if seen is not None and seen.state is CommandState.FAILED:
            cause = f"reload command failed: {seen.detail or 'no output'}"
            found.append(Failure(instance_id=name, cause=cause, at=at))
    return add_failures(view.status, *found) if view.status.mode is Mode.ROLLING else view.status


def _bring_back(view: View, one: Instance, proposals: Proposals, at_point: _Group) -> None:
    if one.lifecycle is Lifecycle.STANDBY:
        if _is_announced(view.status, one.instance_id, CallKind.EXIT_STANDBY):
            proposals.wait(Reason.SETTLING, one.instance_id)
        else:
            at_point.exiting.append(one.instance_id)
    elif one.lifecycle in (None, Lifecycle.IN_SERVICE) and (missing := missing_targets(view, one)):
        if not awaits(view, proposals, HookPoint.BEFORE_REGISTER, one.instance_id):
            proposals.writes.append(
                act.RegisterTargets(instance_id=one.instance_id, targets=missing, reason=Reason.RELOADED)
            )
    elif not awaits_healthy(view, one, proposals):
        proposals.wait(Reason.VERIFYING, one.instance_id)


def _collect(view: View, proposals: Proposals, at_point: _Group) -> tuple[Status, Proposals]:
    """Turn the points into calls on many instances at once, announced where they are not idempotent."""
    group, writes = view.rollout.group, proposals.writes
    if at_point.unmarked:
        writes.insert(0, mark(view, at_point.unmarked, RELOADING))
    status = note_deregistered(view, writes)
    if at_point.succeeded:
        tags = ((APP_VERSION_TAG, view.rollout.to_version),)
        done = tuple(at_point.succeeded)
        kept = tuple(name for name in status.rejected if name not in done)
        status = replace(status, rejected=kept)  # what failed before has the wanted code now
        writes.append(act.TagInstances(instance_ids=done, tags=tags, reason=Reason.RELOADED))
    if at_point.exiting:
        status = announce(view, status, CallKind.EXIT_STANDBY, at_point.exiting)
        writes.append(act.ExitStandby(group=group, instance_ids=tuple(at_point.exiting), reason=Reason.RELOADED))
    if at_point.entering:
        status = announce(view, status, CallKind.ENTER_STANDBY, at_point.entering)
        writes.append(act.EnterStandby(group=group, instance_ids=tuple(at_point.entering), reason=Reason.OUTDATED))
    if at_point.ready and status.mode is Mode.ROLLING:
        status, sendings = _send(view, status, at_point.ready)
        writes += sendings
    return status, proposals


def announce(view: View, status: Status, kind: CallKind, names: list[str]) -> Status:
    """Put calls into the status before they are made."""
    at = view.observation.at
    return replace(status, calls=status.calls + tuple(Call(kind=kind, at=at, instance_id=name) for name in names))


def _send(view: View, status: Status, ready: list[str]) -> tuple[Status, tuple[Action, ...]]:
    """Send the command, under a new number.

    One that was sent before without an answer, and that SSM does not show, keeps its number: should it be on its way
    after all, the second delivery has no effect.
    """
    flights, at, new = dict(status.flights), view.observation.at, status.counters.commands + 1
    by_attempt: dict[int, list[str]] = {}
    for name in ready:
        attempt = flights[name].attempt or new
        flights[name] = replace(flights[name], attempt=attempt)
        by_attempt.setdefault(attempt, []).append(name)
    calls, sendings = list(status.calls), list[Action]()
    for attempt, names in sorted(by_attempt.items()):
        drained = {key for name in names for key in (*flights[name].targets, *view.occupants.get(name, ()))}
        calls += [Call(kind=CallKind.SEND_COMMAND, at=at, instance_id=name, number=attempt) for name in names]
        sendings.append(
            act.SendCommand(
                instance_ids=tuple(names),
                attempt=attempt,
                not_registered=tuple(sorted(drained)),
                reason=Reason.DRAINED,
            )
        )
    counters = replace(status.counters, commands=max(status.counters.commands, *by_attempt))
    return replace(status, flights=flights, calls=tuple(calls), counters=counters), tuple(sendings)
