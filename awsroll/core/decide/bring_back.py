"""The way back in: instances that were taken out of traffic, or kept, and are wanted again after all.

Used when a rollout stops and when it is rolled back. A member leaves standby, what nobody else registers is registered,
and the instance is let go of as soon as it is registered everywhere; whether it serves is watched like for any other.
"""

from dataclasses import replace
from datetime import timedelta

from awsroll.core.classify.view import View
from awsroll.core.decide.register import missing_targets
from awsroll.core.decide.reload import announce, may_run
from awsroll.core.model import actions as act
from awsroll.core.model.actions import Reason
from awsroll.core.model.hooks import HookPoint
from awsroll.core.model.observation import Instance, InstanceState, Lifecycle, TargetKey, TargetState
from awsroll.core.model.plan import add_warnings
from awsroll.core.model.proposals import Proposals
from awsroll.core.model.status import CallKind, Mode, Status, Step
from awsroll.core.observe.clocks import is_overdue
from awsroll.core.observe.hook_runs import awaits


def _has_failed_to_return(view: View, one: Instance) -> bool:
    """Tell whether it is overdue on its way back; being late on the way it was on before does not count.

    A member in standby, or on its way there, is late by its drain, which ends for certain, and only then is it asked
    back: it is waited for until more than the drain tells that AWS has stopped.
    """
    flight = view.status.flights.get(one.instance_id)
    if flight is None or flight.step is not Step.RETURNING or not is_overdue(view, flight):
        return False
    drain = max((group.deregistration_delay_seconds for group in view.observation.target_groups), default=0)
    patience = timedelta(seconds=view.rollout.limits.progress_seconds + drain)
    return not view.is_away(one) or view.observation.at - view.status.progress_at >= patience


def _stays_out(view: View, one: Instance) -> bool:
    """Tell whether a person had put it in standby before we took it up: there it is where it was."""
    flight = view.status.flights.get(one.instance_id)
    return flight is not None and flight.stays_out and view.is_away(one)


def bring_back(view: View, proposals: Proposals, reason: Reason) -> Status:
    """Put instances back into traffic that were taken out and still run."""
    status, leaving_standby = view.status, []
    kept: list[str] = []
    for name in status.returning:
        one = view.by_id[name]
        if status.mode is Mode.STOPPING and _has_failed_to_return(view, one):
            status = add_warnings(status, f"{name}: could not be brought back into service")
            kept += [name] if view.is_away(one) else []  # desired stays lower by it: who takes it out raises that again
            continue
        kept.append(name)
        if _command_runs(view, name):
            proposals.wait(Reason.RUNNING_COMMAND, name)
        elif _stays_out(view, one):
            kept.remove(name)
        elif one.lifecycle is Lifecycle.STANDBY:
            leaving_standby.append(name)
        elif one.state is InstanceState.RUNNING and one.lifecycle in (None, Lifecycle.IN_SERVICE):
            if _is_registered(view, one, proposals, reason):
                kept.remove(name)
        else:
            proposals.wait(Reason.LAUNCHING, name)
    gone_back = set(status.returning) - set(kept)
    status = replace(
        status,
        returning=tuple(kept),
        reloading=tuple(name for name in status.reloading if name not in gone_back),
    )
    announced = {call.instance_id for call in status.calls if call.kind is CallKind.EXIT_STANDBY}
    exiting = [name for name in leaving_standby if name not in announced]
    for name in set(leaving_standby) & announced:
        proposals.wait(Reason.SETTLING, name)
    if exiting:
        status = announce(view, status, CallKind.EXIT_STANDBY, exiting)
        proposals.writes.append(act.ExitStandby(group=view.rollout.group, instance_ids=tuple(exiting), reason=reason))
    return status


def _is_registered(view: View, one: Instance, proposals: Proposals, reason: Reason) -> bool:
    """Tell whether an instance is back everywhere; else propose what is missing, or wait until that is certain."""
    name, missing = one.instance_id, _missing(view, one)
    if missing:
        if not awaits(view, proposals, HookPoint.BEFORE_REGISTER, name):
            proposals.writes.append(act.RegisterTargets(instance_id=name, targets=missing, reason=reason))
        return False
    if view.deregistration_unconfirmed(name):
        proposals.wait(Reason.SETTLING, name)
        return False
    return True


def _missing(view: View, one: Instance) -> tuple[TargetKey, ...]:
    flight = view.status.flights.get(one.instance_id)
    recorded = () if flight is None else flight.targets
    listed = {target.key for target in one.targets if target.state is not TargetState.DRAINING}
    had = tuple(key for key in recorded if key not in view.managed_keys and key not in listed)
    return tuple(sorted({*missing_targets(view, one), *had}))


def _command_runs(view: View, name: str) -> bool:
    flight = view.status.flights.get(name)
    attempt = 0 if flight is None else flight.attempt or flight.void
    return attempt > 0 and may_run(view, name, attempt)
