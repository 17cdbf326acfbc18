"""Decides when hooks run, and records their results. A hook runs at least once, and never without a limit.

A part of the planner that must wait for a hook calls `awaits`. `begin` announces the run in the status before it is
started. `settle_hooks` records the observed results. A run that succeeded has passed. A run that failed is a failure
while the rollout rolls forward. In a rollback and while the rollout stops, it is a warning, so that a broken hook does
not block the rollback. An announced run that no observation shows (after a crash) is started again as the same run.

Several hooks at one point run one after the other, in the order of the request. While a run lasts, the clocks of its
instance and of the rollout's progress do not advance: its own timeout limits it.
"""

import math
from typing import Any

from awsroll.core.classify.estimates import seconds_to_drain
from awsroll.core.classify.view import View
from awsroll.core.lifecycle import ServerChanges, note, phase_of, rollout_phase
from awsroll.core.model.hook_calls import HookCall, HookEvent, HookRun, HookSeen, HookState, passed_key
from awsroll.core.model.hooks import Hook, HookPoint
from awsroll.core.model.observation import Instance
from awsroll.core.model.phases import RolloutPhase, ServerPhase
from awsroll.core.model.plan import add_failures, add_warnings
from awsroll.core.model.proposals import Proposals
from awsroll.core.model.reasons import Reason
from awsroll.core.model.replacing import replace
from awsroll.core.model.rollout_events import Event, EventName
from awsroll.core.model.status import Mode, Outcome, Status
from awsroll.core.model.status_parts import Failure, HookRuns, Rehearsal
from awsroll.core.observe.early_drains import probes_of, settle_probe
from awsroll.core.observe.judging import compared, interval_of, proves_way_back, settle_samples

_ONLY_FORWARD = (
    HookPoint.BEFORE_ROLLOUT,
    HookPoint.WHILE_JUDGING,
    HookPoint.AT_CHECKPOINT,
    HookPoint.AFTER_ROLLOUT,
)

_ADMITTING = (HookPoint.AFTER_LAUNCH, HookPoint.AFTER_HEALTHY)


def awaits(view: View, proposals: Proposals, point: HookPoint, subject: str = "") -> bool:
    """Return whether a hook must pass first; if so, propose to run it and wait for it."""
    hook = _next(view, point, subject)
    if hook is None:
        return False
    proposals.hooks.append((hook.name, subject))
    proposals.wait(Reason.RUNNING_HOOK, *([subject] if point.is_of_an_instance else []))
    return True


def has_passed(view: View, point: HookPoint, subject: str = "") -> bool:
    """Return whether every hook of a point has passed, or there is none."""
    return _next(view, point, subject) is None


def _next(view: View, point: HookPoint, subject: str) -> Hook | None:
    at_point = (hook for hook in view.original.hooks if hook.point is point)
    return next((hook for hook in at_point if passed_key(hook.name, subject) not in view.passed_hooks), None)


def is_admitted(view: View, instance: Instance) -> bool:
    """Return whether a healthy server has passed the hooks that it needs before it counts as serving."""
    points = _ADMITTING[1:] if _is_reloading(view, instance.instance_id) else _ADMITTING
    return not is_new(view, instance) or all(has_passed(view, point, instance.instance_id) for point in points)


def is_new(view: View, instance: Instance) -> bool:
    """Return whether this rollout, or the group during it, has launched or reloaded the instance."""
    name = instance.instance_id
    if name in view.launched or _is_reloading(view, name):
        return True
    if not view.status.rolling_back:  # the launch time alone is no proof, because clocks differ
        return view.is_current(instance) and not view.was_current_at_start(name)
    return instance.launched_at is not None and instance.launched_at > view.status.started_at


def _is_reloading(view: View, name: str) -> bool:
    server = view.status.servers.get(name)
    return server is not None and server.reloading


def checkpoint(status: Status) -> str:
    """Return the subject of the hooks of the next checkpoint, or of the gate of the rehearsal."""
    if status.rehearsal is Rehearsal.FORTH:
        return "rehearsal"
    return f"checkpoint-{status.gate.passed + 1}"


def announce_failure(view: View, status: Status) -> Status:
    """Announce the hooks that run on a failure; only the end of the rollout waits for them."""
    hooks = (hook for hook in view.original.hooks if hook.point is HookPoint.ON_FAILURE)
    runs = [(hook.name, "") for hook in hooks if passed_key(hook.name) not in status.hooks.passed]
    return _announce(view, status, runs)


def forget(status: Status, names: set[str]) -> Status:
    """Forget the hook runs of instances that start again, so that their hooks run again."""
    passed = tuple(key for key in status.hooks.passed if key.partition(" ")[2] not in names)
    calls = tuple(call for call in status.hooks.announced if call.subject not in names)
    return replace(status, hooks=HookRuns(announced=calls, passed=passed))


# --- starting ---------------------------------------------------------------------------------------------------------


def begin(view: View, proposals: Proposals) -> tuple[Status, tuple[HookRun, ...]]:
    """Announce the proposed runs, and return the announced runs to start: those that the observation does not show."""
    if view.status.mode is Mode.ENDED or view.status.outcome is not Outcome.RUNNING:
        return view.status, ()
    status = _announce(view, view.status, proposals.hooks)
    known = {run.number for run in view.observation.hooks}
    hooks = {hook.name: hook for hook in view.original.hooks}
    view = view.with_status(status)
    return status, tuple(
        HookRun(hook=hooks[call.name], call=call, event=_event(view, hooks[call.name], call))
        for call in status.hooks.announced
        if call.number not in known and call.name in hooks
    )


def _announce(view: View, status: Status, runs: list[tuple[str, str]]) -> Status:
    announced = {(call.name, call.subject) for call in status.hooks.announced}
    new = [(name, subject) for name, subject in dict.fromkeys(runs) if (name, subject) not in announced]
    if not new:
        return status
    calls = tuple(
        HookCall(name=name, number=number, subject=subject, since=view.observation.at)
        for number, (name, subject) in enumerate(new, start=status.counters.hooks + 1)
    )
    counters = replace(status.counters, hooks=calls[-1].number)
    return replace(status, hooks=replace(status.hooks, announced=status.hooks.announced + calls), counters=counters)


_PHASES = {RolloutPhase.ROLLING_BACK: "rolling-back", RolloutPhase.STOPPING: "stopping"}


def _event(view: View, hook: Hook, call: HookCall) -> HookEvent:
    rollout, status = view.original, view.status
    return HookEvent(
        point=hook.point,
        hook=hook.name,
        run=call.number,
        phase="rolling-back" if status.rolling_back else _PHASES.get(rollout_phase(status), "rolling"),
        rollout_id=rollout.rollout_id,
        fleet=rollout.fleet,
        from_version=rollout.from_version,
        to_version=rollout.to_version,
        instance_ids=_affected_instances(view, hook.point, call.subject),
        reason=status.reason if hook.point is HookPoint.ON_FAILURE else "",
        checkpoint=_checkpoint_number(status) if hook.point is HookPoint.AT_CHECKPOINT else 0,
        **_drain_of(view, hook.point, call.subject),
        **(interval_of(view, call) if hook.point is HookPoint.WHILE_JUDGING else {}),
    )


def _checkpoint_number(status: Status) -> int:
    return 0 if status.rehearsal is Rehearsal.FORTH else status.gate.passed + 1


def _drain_of(view: View, point: HookPoint, subject: str) -> dict[str, Any]:
    server = view.status.servers.get(subject)
    if point is not HookPoint.WHILE_DRAINING or server is None:
        return {}
    return {
        "ports": tuple(sorted({key.port for key in server.targets})),
        "drain_seconds": math.ceil(seconds_to_drain(view.rollout, view.observation.target_groups)),
        "quiet_seconds": view.rollout.limits.drain_quiet_seconds,
    }


def _affected_instances(view: View, point: HookPoint, subject: str) -> tuple[str, ...]:
    if point.is_of_an_instance:
        return (subject,)
    if point is HookPoint.WHILE_JUDGING:
        return tuple(sorted(instance.instance_id for instance in compared(view)))
    if point is HookPoint.BEFORE_ROLLOUT:
        return tuple(sorted(instance.instance_id for instance in view.live))
    if point is HookPoint.ON_FAILURE:
        return tuple(sorted({failure.instance_id for failure in view.status.failures if failure.instance_id}))
    current = {instance.instance_id for instance in view.current}
    return tuple(sorted(current - set(view.status.current_at_start)))


# --- results ----------------------------------------------------------------------------------------------------------


def settle_hooks(view: View) -> Status:
    """Record the observed results of announced runs, and drop the runs that no longer matter."""
    status = _with_stopped_clocks(view)
    if not status.hooks.announced and not status.hooks.passed:
        return status
    calls = tuple(call for call in status.hooks.announced if _still_matters(view, call))
    passed = tuple(key for key in status.hooks.passed if _is_remembered(view, key))
    status = replace(status, hooks=HookRuns(announced=calls, passed=passed))
    results = {run.number: run for run in view.observation.hooks}
    for call in calls:
        result = results.get(call.number)
        if result is not None and result.state is not HookState.RUNNING:
            status = _settled(view.with_status(status), call, result)
    return status


def _settled(view: View, call: HookCall, result: HookSeen) -> Status:
    hooks = view.status.hooks
    waiting = tuple(other for other in hooks.announced if other != call)
    status = replace(view.status, hooks=replace(hooks, announced=waiting))
    if _point(view, call) is HookPoint.WHILE_JUDGING:
        return settle_samples(view.with_status(status), call, result)
    passed = replace(status, hooks=HookRuns(announced=waiting, passed=(*hooks.passed, call.key)))
    fields: dict[str, str | int] = {"hook": call.name, "run": call.number, "of": call.subject}
    passed = note(passed, Event(name=EventName.HOOK_PASSED, fields=fields))
    if _point(view, call) is HookPoint.WHILE_DRAINING:
        return settle_probe(view.with_status(passed), call, result)
    if result.state is HookState.SUCCEEDED:
        return passed
    point = _point(view, call)
    subject = call.subject if point.is_of_an_instance else ""
    cause = f"hook {call.name} failed at {point}{_repetition(status, call.name, subject)}"
    cause += f": {result.detail}" if result.detail else ""
    if status.rolling_back or status.mode is not Mode.ROLLING or point is HookPoint.ON_FAILURE:
        return add_warnings(passed, f"{subject}: {cause}" if subject else cause)
    failure = Failure(instance_id=subject, cause=cause, at=view.observation.at, final=not subject)
    return add_failures(status, failure)


def _repetition(status: Status, name: str, subject: str) -> str:
    """Return ` (time 2)` for the second failure of a hook on an instance, so that each failure has its own cause."""
    start = f"hook {name} failed at "
    of_subject = (failure for failure in status.failures if failure.instance_id == subject)
    times = 1 + sum(failure.cause.startswith(start) for failure in of_subject)
    return "" if times == 1 else f" (time {times})"


def _point(view: View, call: HookCall) -> HookPoint:
    return next(hook.point for hook in view.original.hooks if hook.name == call.name)


def _still_matters(view: View, call: HookCall) -> bool:
    """Return whether the result of a run still matters; if not, the run is ended."""
    status = view.status
    hook = next((hook for hook in view.original.hooks if hook.name == call.name), None)
    if hook is None:
        return False
    if hook.point is HookPoint.WHILE_DRAINING:
        return phase_of(status, call.subject) is ServerPhase.DRAINING and _is_in_flight(view, call.subject)
    if hook.point.is_of_an_instance:
        return _is_in_flight(view, call.subject) or _arrives_in_a_stop(view, hook.name, call.subject)
    if hook.point is HookPoint.AT_CHECKPOINT and (
        status.gate.closed_since is None or call.subject != checkpoint(status)
    ):
        return False
    if hook.point is HookPoint.WHILE_JUDGING and proves_way_back(status):
        return status.mode is Mode.ROLLING
    return hook.point not in _ONLY_FORWARD or (status.mode is Mode.ROLLING and not status.rolling_back)


def _is_remembered(view: View, key: str) -> bool:
    """Return whether it still matters that a hook has passed; a server that serves is not admitted a second time."""
    name, _, subject = key.partition(" ")
    if not subject or subject == checkpoint(view.status) or _is_in_flight(view, subject):
        return True
    if _arrives_in_a_stop(view, name, subject):
        return True
    admits = any(hook.name == name and hook.point in _ADMITTING for hook in view.original.hooks)
    return admits and phase_of(view.status, subject) is ServerPhase.SERVING


def _arrives_in_a_stop(view: View, hook_name: str, instance_id: str) -> bool:
    """Return whether a hook admits a server while the rollout stops. A stop registers servers without a record, too."""
    points = {hook.name: hook.point for hook in view.original.hooks}
    instance = view.by_id.get(instance_id)
    arrives = points.get(hook_name) in (HookPoint.AFTER_LAUNCH, HookPoint.BEFORE_REGISTER)
    return view.status.mode is Mode.STOPPING and arrives and instance is not None and view.is_live(instance)


def _is_in_flight(view: View, name: str) -> bool:
    instance = view.by_id.get(name)
    if instance is None or view.is_gone(instance):
        return False
    status = view.status
    held = name in view.leaving or name in view.returning or view.is_kept(instance)
    return held or status.in_flight(name) is not None or name in view.launched


def _with_stopped_clocks(view: View) -> Status:
    """Exclude the time since the last observation from the clocks of the servers that wait for a hook."""
    status, at = view.status, view.observation.at
    judges = view.original.metrics
    waiting = {call.subject for call in status.hooks.announced if call.name not in judges} - probes_of(view)
    if not waiting or status.observed_at is None:
        return status
    passed = at - status.observed_at
    changes = ServerChanges(status)
    for name in waiting:
        server = status.in_flight(name)
        if server is not None:
            changes.amend(name, since=server.since + passed)
    status = changes.status
    return replace(status, progress_at=min(at, status.progress_at + passed))
