"""Returns servers to service that were taken out of traffic or kept.

A stop and a rollback use it. A member leaves standby; awsroll registers what no group registers; the server is finished
as soon as it is registered everywhere. Whether it then serves is observed like for any other server.
"""

from datetime import datetime, timedelta

from awsroll.core.classify.capacity import returns_allowed
from awsroll.core.classify.draining import active_registrations
from awsroll.core.classify.view import View
from awsroll.core.decide.register import missing_targets
from awsroll.core.decide.reload import may_run
from awsroll.core.decide.terminating import announce
from awsroll.core.lifecycle import ServerChanges
from awsroll.core.model import actions as act
from awsroll.core.model.calls import CallKind
from awsroll.core.model.hooks import HookPoint
from awsroll.core.model.observation import Instance, InstanceState, Lifecycle, TargetKey, TargetState
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.plan import add_warnings
from awsroll.core.model.proposals import Proposals
from awsroll.core.model.reasons import Reason
from awsroll.core.model.status import Mode, Status
from awsroll.core.observe.clocks import is_overdue
from awsroll.core.observe.hook_runs import awaits
from awsroll.core.observe.settle import is_worth_a_call


def bring_back(view: View, proposals: Proposals, reason: Reason) -> Status:
    """Propose the next step for every returning server; finish the servers that are back."""
    changes, in_standby, warnings = ServerChanges(view.status), list[str](), list[str]()
    held_back = _held_back(view)
    for name in view.status.returning:
        instance = view.by_id[name]
        if _is_command_running(view, name):  # the time that the command takes does not count
            changes.amend(name, since=view.observation.at)
            proposals.wait(Reason.RUNNING_COMMAND, name)
        elif view.status.mode is Mode.STOPPING and _has_failed_to_return(view, instance):
            warnings.append(f"{name}: could not be brought back into service")
            if not view.is_in_standby(instance):  # a member in standby stays recorded: desired is lower by it
                _finish(view, changes, name)
        elif _belongs_in_standby(view, instance):
            _finish(view, changes, name)
        elif instance.lifecycle is Lifecycle.STANDBY:
            in_standby.append(name)
        elif name in held_back:
            changes.amend(name, since=_since_held_back(view, name))
            proposals.wait(Reason.CAPACITY, name)
        elif instance.state is InstanceState.RUNNING and instance.lifecycle in (None, Lifecycle.IN_SERVICE):
            if _is_registered(view, instance, proposals, reason):
                _finish(view, changes, name)
        else:
            proposals.wait(Reason.LAUNCHING, name)
    status = add_warnings(changes.status, *warnings)
    return _exit_standby(view, status, in_standby, proposals, reason)


def _held_back(view: View) -> frozenset[str]:
    """Return the returning servers that may not become live again yet: the ceiling leaves no room for them."""
    out_of_traffic = [name for name in view.status.returning if not active_registrations(view.by_id[name])]
    return frozenset(out_of_traffic[returns_allowed(view) :]) if out_of_traffic else frozenset()


def _since_held_back(view: View, name: str) -> datetime:
    """Return since when the time counts of a server that waits until others have left.

    Their hooks have timeouts of their own, so this wait does not count while the rollout makes progress.
    """
    idle = (view.observation.at - view.status.progress_at).total_seconds()
    progresses = idle < view.rollout.limits.progress_seconds
    return view.observation.at if progresses else view.status.servers[name].since


def _finish(view: View, changes: ServerChanges, name: str) -> None:
    instance, at = view.by_id[name], view.observation.at
    if view.has_failed(instance):
        changes.move(name, ServerPhase.FAILED, at=at, reason="it is back, and must leave", reloading=False)
        return
    arrives = view.is_current(instance) and not view.is_in_standby(instance)
    to = ServerPhase.VERIFYING if arrives else ServerPhase.NONE
    changes.move(name, to, at=at, reason="it is back", reloading=False)


def _exit_standby(view: View, status: Status, names: list[str], proposals: Proposals, reason: Reason) -> Status:
    announced = {call.instance_id for call in status.calls if call.kind is CallKind.EXIT_STANDBY}
    exiting = tuple(name for name in names if name not in announced and is_worth_a_call(view, name))
    for name in sorted(set(names).difference(exiting)):
        proposals.wait(Reason.SETTLING, name)
    if not exiting:
        return status
    proposals.writes.append(act.ExitStandby(group=view.rollout.group, instance_ids=exiting, reason=reason))
    return announce(view, status, CallKind.EXIT_STANDBY, exiting)


def _has_failed_to_return(view: View, instance: Instance) -> bool:
    """Return whether the returning server is overdue.

    A member in standby, or on its way there, is late because of its drain, which ends for certain. It is waited for
    until the rollout has made no progress for longer than the drain explains.
    """
    server = view.status.servers[instance.instance_id]
    ending = view.is_ending(instance) or not view.is_member(instance)
    if ending or not is_overdue(view, server):
        return False
    drain = max((group.deregistration_delay_seconds for group in view.observation.target_groups), default=0)
    patience = timedelta(seconds=view.rollout.limits.progress_seconds + drain)
    return not view.is_in_standby(instance) or view.observation.at - view.status.progress_at >= patience


def _belongs_in_standby(view: View, instance: Instance) -> bool:
    """Return whether the server is in standby again, where someone had put it before the rollout."""
    return view.status.servers[instance.instance_id].was_in_standby and view.is_in_standby(instance)


def _is_registered(view: View, instance: Instance, proposals: Proposals, reason: Reason) -> bool:
    """Return whether the server is registered everywhere; if not, propose what is missing, or wait to be certain."""
    name, missing = instance.instance_id, _missing(view, instance)
    if missing:
        if not awaits(view, proposals, HookPoint.BEFORE_REGISTER, name):
            proposals.writes.append(act.RegisterTargets(instance_id=name, targets=missing, reason=reason))
        return False
    if view.deregistration_unconfirmed(name):
        proposals.wait(Reason.SETTLING, name)
        return False
    return True


def _missing(view: View, instance: Instance) -> tuple[TargetKey, ...]:
    recorded = view.status.servers[instance.instance_id].targets
    listed = {target.key for target in instance.targets if target.state is not TargetState.DRAINING}
    had = tuple(key for key in recorded if key not in view.managed_keys and key not in listed)
    return tuple(sorted({*missing_targets(view, instance), *had}))


def _is_command_running(view: View, name: str) -> bool:
    server = view.status.servers[name]
    attempt = server.attempt or server.void_attempt
    return attempt > 0 and may_run(view, name, attempt)
