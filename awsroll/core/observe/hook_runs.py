"""When hooks are run, and what comes of them: intent first, at least once, never for ever.

A part of the planner that must not go on before a hook has passed asks `awaits`; what it proposes is announced in the
status before it is started (`begin`). A look says how announced runs stand, and `settle_hooks` takes that in: one that
succeeded has passed; one that failed is a failure while the rollout rolls forward, and a warning on the way back or
while it stops, because a broken hook must not keep a fleet from coming back. A run that was announced and is known to
nobody (a crash) is started again, as the same run.

Several hooks at one point run one after the other, in the order of the request. While a run lasts, the clocks of its
instance and of the rollout's progress stand still: its own timeout bounds it.
"""

from dataclasses import replace

from awsroll.core.classify.view import View
from awsroll.core.lifecycle import amend, note, phase_of
from awsroll.core.model.actions import Reason
from awsroll.core.model.hooks import Hook, HookCall, HookEvent, HookPoint, HookRun, HookSeen, HookState, passed_key
from awsroll.core.model.observation import Instance
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.plan import add_failures, add_warnings
from awsroll.core.model.proposals import Proposals
from awsroll.core.model.rollout_events import Event, EventName
from awsroll.core.model.status import Failure, HookRuns, Mode, Outcome, Status

_ONLY_FORWARD = (HookPoint.BEFORE_ROLLOUT, HookPoint.AT_CHECKPOINT, HookPoint.AFTER_ROLLOUT)

_ADMITTING = (HookPoint.AFTER_LAUNCH, HookPoint.AFTER_HEALTHY)


def awaits(view: View, proposals: Proposals, point: HookPoint, subject: str = "") -> bool:
    """Tell whether a hook must pass first; if so, propose to run it, and wait for it."""
    hook = _next(view, point, subject)
    if hook is None:
        return False
    proposals.hooks.append((hook.name, subject))
    proposals.waiting.setdefault(Reason.RUNNING_HOOK, []).extend([subject] if point.is_of_an_instance else [])
    return True


def has_passed(view: View, point: HookPoint, subject: str = "") -> bool:
    """Tell whether every hook of a point has passed, or there is none."""
    return _next(view, point, subject) is None


def _next(view: View, point: HookPoint, subject: str) -> Hook | None:
    passed = view.status.hooks.passed
    at_point = (one for one in view.original.hooks if one.point is point)
    return next((one for one in at_point if passed_key(one.name, subject) not in passed), None)


def is_admitted(view: View, one: Instance) -> bool:
    """Tell whether no hook keeps a healthy server from counting as serving."""
    points = _ADMITTING[1:] if one.instance_id in view.status.reloading else _ADMITTING
    return not is_new(view, one) or all(has_passed(view, point, one.instance_id) for point in points)


def is_new(view: View, one: Instance) -> bool:
    """Tell whether this rollout has launched or reloaded the instance, itself or by its group."""
    name = one.instance_id
    if name in view.launched or name in view.status.reloading:
        return True
    if not view.status.rolling_back:  # clocks differ: its launch time alone would not do
        return view.is_current(one) and name not in view.status.current_at_start
    return one.launched_at is not None and one.launched_at > view.status.started_at


def checkpoint(status: Status) -> str:
    """Return what the hooks of the next checkpoint are run for."""
    return f"checkpoint-{status.gate.passed + 1}"


def announce_failure(view: View, status: Status) -> Status:
    """Announce the hooks that are told of a failure; nothing but the end of the rollout waits for them."""
    hooks = (one for one in view.original.hooks if one.point is HookPoint.ON_FAILURE)
    wanted = [(one.name, "") for one in hooks if passed_key(one.name) not in status.hooks.passed]
    return _announce(view, status, wanted)


def forget(status: Status, names: set[str]) -> Status:
    """Have hooks run anew for instances that take their way again from the start."""
    passed = tuple(one for one in status.hooks.passed if one.partition(" ")[2] not in names)
    calls = tuple(one for one in status.hooks.announced if one.subject not in names)
    return replace(status, hooks=HookRuns(announced=calls, passed=passed))


# --- starting -----------------------------------------------------------------------------------------------------


def begin(view: View, proposals: Proposals) -> tuple[Status, tuple[HookRun, ...]]:
    """Announce what is proposed, and return the announced runs that nobody knows of: they are to be started."""
    if view.status.mode is Mode.ENDED or view.status.outcome is not Outcome.RUNNING:
        return view.status, ()
    status = _announce(view, view.status, proposals.hooks)
    known = {one.number for one in view.observation.hooks}
    hooks = {one.name: one for one in view.original.hooks}
    view = replace(view, status=status)
    return status, tuple(
        HookRun(hook=hooks[call.name], call=call, event=_event(view, hooks[call.name], call))
        for call in status.hooks.announced
        if call.number not in known and call.name in hooks
    )


def _announce(view: View, status: Status, wanted: list[tuple[str, str]]) -> Status:
    announced = {(call.name, call.subject) for call in status.hooks.announced}
    for name, subject in dict.fromkeys(wanted):
        if (name, subject) not in announced:
            number = status.counters.hooks + 1
            call = HookCall(name=name, number=number, subject=subject, since=view.observation.at)
            counters = replace(status.counters, hooks=number)
            hooks = replace(status.hooks, announced=(*status.hooks.announced, call))
            status = replace(status, hooks=hooks, counters=counters)
    return status


def _event(view: View, hook: Hook, call: HookCall) -> HookEvent:
    rollout, status = view.original, view.status
    rolling = "rolling-back" if status.rolling_back else "rolling"
    return HookEvent(
        point=hook.point,
        hook=hook.name,
        run=call.number,
        phase="stopping" if status.mode is Mode.STOPPING else rolling,
        rollout_id=rollout.rollout_id,
        fleet=rollout.fleet,
        from_version=rollout.from_version,
        to_version=rollout.to_version,
        instance_ids=_about(view, hook.point, call.subject),
        reason=status.reason if hook.point is HookPoint.ON_FAILURE else "",
        checkpoint=status.gate.passed + 1 if hook.point is HookPoint.AT_CHECKPOINT else 0,
    )


def _about(view: View, point: HookPoint, subject: str) -> tuple[str, ...]:
    if point.is_of_an_instance:
        return (subject,)
    if point is HookPoint.BEFORE_ROLLOUT:
        return tuple(sorted(one.instance_id for one in view.live))
    if point is HookPoint.ON_FAILURE:
        return tuple(sorted({one.instance_id for one in view.status.failures if one.instance_id}))
    new = (one.instance_id for one in view.current if one.instance_id not in view.status.current_at_start)
    return tuple(sorted(new))


# --- what came of it ----------------------------------------------------------------------------------------------


def settle_hooks(view: View) -> Status:
    """Take in how announced runs stand, and let go of what is wanted no more."""
    status = _with_clocks_held(view)
    calls = tuple(call for call in status.hooks.announced if _is_wanted(view, call))
    passed = tuple(key for key in status.hooks.passed if _is_remembered(view, key))
    status = replace(status, hooks=HookRuns(announced=calls, passed=passed))
    seen = {one.number: one for one in view.observation.hooks}
    for call in calls:
        result = seen.get(call.number)
        if result is not None and result.state is not HookState.RUNNING:
            status = _settled(replace(view, status=status), call, result)
    return status


def _settled(view: View, call: HookCall, result: HookSeen) -> Status:
    hooks = view.status.hooks
    waiting = tuple(other for other in hooks.announced if other != call)
    status = replace(view.status, hooks=replace(hooks, announced=waiting))
    passed = replace(status, hooks=HookRuns(announced=waiting, passed=(*hooks.passed, call.key)))
    fields: dict[str, str | int] = {"hook": call.name, "run": call.number, "of": call.subject}
    passed = note(passed, Event(name=EventName.HOOK_PASSED, fields=fields))
    if result.state is HookState.SUCCEEDED:
        return passed
    point = _point(view, call)
    subject = call.subject if point.is_of_an_instance else ""
    cause = f"hook {call.name} failed at {point}{_which_time(status, call.name, subject)}"
    cause += f": {result.detail}" if result.detail else ""
    if status.rolling_back or status.mode is not Mode.ROLLING or point is HookPoint.ON_FAILURE:
        return add_warnings(passed, f"{subject}: {cause}" if subject else cause)
    failure = Failure(instance_id=subject, cause=cause, at=view.observation.at, final=not subject)
    return add_failures(status, failure)


def _which_time(status: Status, name: str, subject: str) -> str:
    """Count the failures of a hook on an instance, so that each is one of its own: `(2nd time)`."""
    before = f"hook {name} failed at "
    times = 1 + sum(one.instance_id == subject and one.cause.startswith(before) for one in status.failures)
    return "" if times == 1 else f" (time {times})"


def _point(view: View, call: HookCall) -> HookPoint:
    return next(one.point for one in view.original.hooks if one.name == call.name)


def _is_wanted(view: View, call: HookCall) -> bool:
    """Tell whether the end of a run still means something; a run that is wanted no more is ended."""
    status = view.status
    hook = next((one for one in view.original.hooks if one.name == call.name), None)
    if hook is None:
        return False
    if hook.point.is_of_an_instance:
        return _is_in_flight(view, call.subject)
    if hook.point is HookPoint.AT_CHECKPOINT and (
        status.gate.closed_since is None or call.subject != checkpoint(status)
    ):
        return False
    return hook.point not in _ONLY_FORWARD or (status.mode is Mode.ROLLING and not status.rolling_back)


def _is_remembered(view: View, key: str) -> bool:
    """Tell whether it still matters that a hook has passed; a server that falls ill later is not admitted anew."""
    name, _, subject = key.partition(" ")
    if not subject or subject == checkpoint(view.status) or _is_in_flight(view, subject):
        return True
    admits = any(one.name == name and one.point in _ADMITTING for one in view.original.hooks)
    return admits and phase_of(view.status, subject) is ServerPhase.SERVING


def _is_in_flight(view: View, name: str) -> bool:
    one = view.by_id.get(name)
    if one is None or view.is_gone(one):
        return False
    status = view.status
    held = name in view.leaving or name in status.returning or name in status.kept
    return held or status.in_flight(name) is not None or name in view.launched


def _with_clocks_held(view: View) -> Status:
    """Let the clocks of what waits for a hook stand still for the time since the last look."""
    status, at = view.status, view.observation.at
    waiting = {call.subject for call in status.hooks.announced}
    if not waiting or status.observed_at is None:
        return status
    passed = at - status.observed_at
    for name, server in status.servers_in_flight.items():
        if name in waiting:
            status = amend(status, name, since=server.since + passed)
    return replace(status, progress_at=min(at, status.progress_at + passed))
