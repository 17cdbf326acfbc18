"""What follows from a failure or from a user request: try again, pause, stop, or roll back.

`decide_on_failure` is the only place where a rollout changes its direction. A failed replacement leaves like an
outdated server, and its slot is filled again, as often as `max_failures` allows. How a rollback begins is in
`rollback`.
"""

from awsroll.core.classify.capacity import bounds, desired_capacity
from awsroll.core.classify.needed_processes import NEEDED_PROCESSES
from awsroll.core.classify.view import View
from awsroll.core.lifecycle import ServerChanges, amend, move, note, phase_of
from awsroll.core.model.observation import Group
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.plan import add_failures, add_warnings, pause
from awsroll.core.model.replacing import replace
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_choices import OnFailure
from awsroll.core.model.rollout_events import Event, EventName
from awsroll.core.model.status import Mode, Outcome, Status
from awsroll.core.model.status_parts import Failure, Owner, Rehearsal
from awsroll.core.model.user_requests import rejection_of
from awsroll.core.observe.hook_runs import announce_failure, forget
from awsroll.core.observe.rejection import rejected_by
from awsroll.core.observe.rollback import begin_reload_again, drop_launched, start_rollback

LEAST_ENDED_BY_OTHERS = 5
"""How many new servers AWS or other people may end before the rollout gives up, in a fleet of at most that size."""

_ARRIVING = (ServerPhase.LAUNCHING, ServerPhase.VERIFYING, ServerPhase.RETURNING)

_MAY_FAIL = (*_ARRIVING, ServerPhase.SERVING)

_SETTLED = {ServerPhase.NONE, ServerPhase.SERVING, ServerPhase.KEPT}

_TAKEN_OUT = (ServerPhase.DRAINING, ServerPhase.TERMINATING, ServerPhase.KEPT)

_REFRESH_ACTIVE = (
    "an instance refresh of group {} is in progress. Both would replace the same servers and terminate more than "
    "either may. Cancel the refresh or wait until it has ended"
)

_SUSPENDED = (
    "group {0} has {1} suspended, by someone else or by AWS, and a rollout needs it. Find out why, then resume it: "
    "`aws autoscaling resume-processes --auto-scaling-group-name {0} --scaling-processes {1}`"
)


def decide_on_failure(view: View) -> Status:
    """Apply the user requests, then decide what follows from failures since the last observation."""
    if view.status.mode is not Mode.ROLLING:
        return view.status
    status = _apply_requests(view)
    turned = status.mode is not Mode.ROLLING or status.rolling_back is not view.status.rolling_back
    if turned or status.outcome is not Outcome.RUNNING:
        return status
    new = status.failures[status.judged :]
    if not new:
        return status
    status = add_warnings(replace(status, judged=len(status.failures)), *_excused(new))
    view = view.with_status(status)
    serious = _serious(view, new)
    if not serious:
        return _try_again(view, new)
    first = next((failure for failure in serious if failure.final), serious[0])
    back = "the way back failed in the rehearsal" if status.rehearsal is Rehearsal.BACK else "the rollback failed"
    reason = f"{back}: {_words(serious[-1])}" if status.rolling_back else _words(first)
    is_due_to_others = all(failure.owner is Owner.OTHERS for failure in serious)
    return _give_up(view, reason, new, is_due_to_others=is_due_to_others)


def _serious(view: View, new: tuple[Failure, ...]) -> tuple[Failure, ...]:
    """Return those of the new failures that the rollout cannot continue after; empty if it tries again.

    Failures of the version count against `max_failures`; in a rollback none may fail. Servers that AWS or other people
    ended are replaced, up to a bound. A refused call is not tried again.
    """
    counted = view.status.failures[view.status.forgiven :]
    allowed = {
        Owner.VERSION: 0 if view.status.rolling_back else view.rollout.max_failures,
        Owner.OTHERS: max(LEAST_ENDED_BY_OTHERS, desired_capacity(view)),
        Owner.OURS: 0,
    }
    exceeded = {owner for owner in Owner if _count(counted, owner) > allowed[owner]}
    return tuple(failure for failure in new if failure.final or failure.owner in exceeded)


def _count(failures: tuple[Failure, ...], owner: Owner) -> int:
    return sum(1 for failure in failures if failure.owner is owner and not failure.final)


def _excused(failures: tuple[Failure, ...]) -> tuple[str, ...]:
    """Return a warning for each failure that is not due to the version."""
    others = (failure for failure in failures if failure.owner is Owner.OTHERS and not failure.final)
    return tuple(f"{_words(failure)}. This is not due to the version; the server is replaced" for failure in others)


def _words(failure: Failure) -> str:
    return f"{failure.instance_id}: {failure.cause}" if failure.instance_id else failure.cause


def _give_up(view: View, reason: str, failures: tuple[Failure, ...], *, is_due_to_others: bool) -> Status:
    """Do what the request says about a failure; but the version is not rolled back for what is not its fault."""
    if is_due_to_others and view.original.on_failure is OnFailure.ROLLBACK:
        return _pause_for(view, reason, failures)
    if view.status.rolling_back and _is_refused_again(view.status, failures):
        return _pause_for(view, reason, failures)
    if view.status.rolling_back:
        return announce_failure(view, stop(view, reason))
    match view.rollout.on_failure:
        case OnFailure.STOP:
            return announce_failure(view, stop(view, reason))
        case OnFailure.ROLLBACK:
            return announce_failure(view, start_rollback(view, reason))
        case OnFailure.PAUSE:
            return _pause_for(view, reason, failures)


def _is_refused_again(status: Status, failures: tuple[Failure, ...]) -> bool:
    """Return whether AWS refuses the rollback what it refused the rollout before: a person must find out why."""
    before = {failure.cause for failure in status.failures[: status.forgiven] if failure.owner is Owner.OURS}
    return any(failure.cause in before for failure in failures)


def _pause_for(view: View, reason: str, failures: tuple[Failure, ...]) -> Status:
    status = _try_again(view, failures)
    return replace(pause(status, reason), forgiven=len(status.failures), skipped_since=None)


def _apply_requests(view: View) -> Status:
    """Apply what people have requested. An instance refresh or a suspension by someone else pauses the rollout."""
    status, requests = view.status, view.status.user_requests
    if requests.abort:
        return replace(stop(view.with_status(status), f"aborted by request{requests.words_of('abort')}"), aborted=True)
    if requests.rollback and not (status.rolling_back and status.rehearsal is not Rehearsal.BACK):
        return start_rollback(view, f"rolled back by request{requests.words_of('rollback')}")
    if status.gate.closed_since is not None and requests.rejects(status.gate.passed + 1):
        status = replace(status, user_requests=replace(requests, rejected=False))
        cause = rejected_by(requests.who(rejection_of(status.gate.passed + 1)))
        rejected = Failure(instance_id="", cause=cause, at=view.observation.at, final=True)
        return add_failures(status, rejected)
    if hindrance := _hindrance(view.observation.group) or _cap_too_low(view):
        return pause(status, hindrance)
    return replace(status, pausing=requests.why_pause)


def _hindrance(group: Group | None) -> str:
    """Return what someone has done to the group that no rollout can go on with; empty if nothing."""
    if group is None:
        return ""
    if group.refresh_active:
        return _REFRESH_ACTIVE.format(group.name)
    missing = sorted(group.suspended.intersection(NEEDED_PROCESSES))
    return _SUSPENDED.format(group.name, " ".join(missing)) if missing else ""


def _cap_too_low(view: View) -> str:
    """Return why `--max-running` lets no server be replaced since someone raised the capacity; empty if it does.

    Servers in flight come to their end first. A fleet that should have no server has none to replace.
    """
    rollout, desired = view.rollout, desired_capacity(view)
    cap = bounds(rollout, desired).max_running
    if cap is None or desired == 0 or rollout.reloads or not view.candidates or _is_anything_in_flight(view):
        return ""
    beside = int(bool(rollout.group) or bounds(rollout, desired).max_unavailable == 0)
    if cap >= desired + beside:
        return ""
    what = f"the desired capacity of group {rollout.group}" if rollout.group else "the number of servers of the fleet"
    return (
        f"{what} is {desired} now, and --max-running {rollout.max_running} allows {cap} servers: too few to replace "
        f"any of them. Lower it to {cap - beside}, then resume the rollout; or abort it and roll again with a higher "
        "--max-running"
    )


def _is_anything_in_flight(view: View) -> bool:
    phases = {server.phase for server in view.status.servers.values()}
    return bool(view.status.launches or view.status.calls or phases - _SETTLED)


def stop(view: View, reason: str) -> Status:
    """Settle what is in flight, restore the settings, and end with the fleet as it is then.

    Each returning server gets its whole time again: what it waited for before says nothing about the stop.
    """
    status, changes = view.status, ServerChanges(view.status)
    for name in status.returning:
        changes.amend(name, since=view.observation.at)
    stopped = replace(
        changes.status,
        mode=Mode.STOPPING,
        rehearsal=Rehearsal.NONE,
        reason=reason,
        pausing="",
        blocked=None,
        gate=replace(status.gate, closed_since=None, asked_since=None),
    )
    return note(stopped, Event(name=EventName.STOPPING, fields={"outcome": str(status.outcome), "reason": reason}))


def _try_again(view: View, failures: tuple[Failure, ...]) -> Status:
    """Have failed servers leave (or be reloaded again), and restart the clocks of everything else that failed."""
    status, at = view.status, view.observation.at
    names = {failure.instance_id for failure in failures}
    gone = {name for name in names if name in view.by_id and view.is_gone(view.by_id[name])}
    failed = set[str]()
    for name in sorted(names & (status.servers.keys() | view.launched)):
        phase, server = phase_of(status, name), status.servers.get(name)
        if server is not None and server.reloading and name not in gone:
            status = begin_reload_again(status, name, at, failed=server.failed or phase in _ARRIVING)
            failed |= {name} if phase in _ARRIVING else set()
        elif name not in gone and phase in _TAKEN_OUT:
            status = amend(status, name, since=at)
        elif name not in gone and (phase in _MAY_FAIL or name in view.launched):
            status = move(status, name, ServerPhase.FAILED, at=at, reason="it failed", failed=True)
            failed.add(name)
        elif status.in_flight(name) is not None:
            status = amend(status, name, since=at)
    status = forget(drop_launched(status, failed), failed)
    shortage = replace(status.shortage, since=None) if "" in names else status.shortage
    return replace(status, shortage=shortage, progress_at=at)


def why_no_rollback(rollout: Rollout) -> str:
    """Return why the rollout cannot be rolled back; empty if it can."""
    if rollout.reloads and rollout.rollback_reload is None:
        return "this reload was started without --rollback-command, so there is no known way to restore the old version"
    if not rollout.reloads and rollout.baseline_template is None:
        return (
            "when this rollout began, no server came from another launch template version, so there is no version to "
            "roll back to"
        )
    return ""
