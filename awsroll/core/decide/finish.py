"""The end of a rollout, whatever the end: nothing half done, settings as they were found.

After success only settings are left to restore. After a failure, in this order: instances that were taken out of
traffic and still run come back; instances that we launched are registered or, where they are surplus, retired by id
(what does not serve first), because a lowered desired capacity would let AWS choose; then the settings.
"""

from collections import Counter
from dataclasses import replace

from awsroll.core.classify.capacity import bounds, desired_capacity
from awsroll.core.classify.desired import in_our_standby, surplus
from awsroll.core.classify.view import View
from awsroll.core.decide.bring_back import bring_back
from awsroll.core.decide.group_sizes import can_restore_desired
from awsroll.core.decide.leaving_order import surplus_order
from awsroll.core.decide.register import register
from awsroll.core.decide.restore import is_in_doubt, restore
from awsroll.core.decide.retire import is_call_pending, retire
from awsroll.core.decide.settings import make_room
from awsroll.core.lifecycle import move
from awsroll.core.model import actions as act
from awsroll.core.model.actions import Action, Reason
from awsroll.core.model.observation import FleetKind, Instance, InstanceState
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.plan import add_warnings, end
from awsroll.core.model.proposals import Proposals
from awsroll.core.model.rollout import SkipPolicy
from awsroll.core.model.status import Mode, Outcome, Status
from awsroll.core.observe.clocks import has_clock, is_overdue
from awsroll.core.observe.settle import abandoned_name


def finish(view: View) -> tuple[Status, Proposals]:
    """Propose the next step towards the end; without any, and nothing to wait for, the rollout is ended."""
    if view.status.mode is Mode.STOPPING:
        view = replace(view, status=release_for_stop(view))
        status, writes = make_room(view)
        view, proposals = replace(view, status=status), Proposals(writes=list(writes))
        if not writes:
            status, proposals = _settle_instances(view)
    else:
        status, proposals = view.status, Proposals()
    view = replace(view, status=status)
    if not proposals.writes and not proposals.waiting:
        status, writes = _restore(view)
        view, proposals.writes = replace(view, status=status), list(writes)
        if not writes and is_in_doubt(view):
            proposals.waiting[Reason.SETTLING] = []
    proposals.writes = [one for one in proposals.writes if abandoned_name(one) not in view.status.settings.abandoned]
    if proposals.writes or proposals.waiting:
        return view.status, proposals
    if view.status.hooks.announced:
        proposals.waiting[Reason.RUNNING_HOOK] = []
        return view.status, proposals
    return _close(view), proposals


def _close(view: View) -> Status:
    status, at = view.status, view.observation.at
    status = add_warnings(status, *_what_resuming_may_do(view))
    if status.mode is Mode.COMPLETING and not status.settings.abandoned:
        return end(status, Outcome.ROLLED_BACK if status.rolling_back else Outcome.SUCCEEDED, at)
    if status.mode is Mode.COMPLETING:
        version = "old" if status.rolling_back else "new"
        reason = f"the fleet is on the {version} version, but not all settings could be restored"
        status = replace(status, reason=reason)
    return end(status, Outcome.STOPPED, at)


def _what_resuming_may_do(view: View) -> tuple[str, ...]:
    if view.observation.group is None:
        return ()
    suspended, found = view.observation.group.suspended, list[str]()
    marked = sorted(one.instance_id for one in view.live if one.marked_unhealthy)
    if marked and "ReplaceUnhealthy" not in suspended:
        found.append(f"{', '.join(marked)}: marked unhealthy by the group, which will replace it by itself")
    counts = Counter(one.zone for one in view.live if not view.is_in_standby(one))
    zones = [counts[zone] for zone, _ in view.observation.group.zones]
    if "AZRebalance" not in suspended and zones and max(zones) - min(zones) > 1:
        spread = ", ".join(f"{zone} {counts[zone]}" for zone, _ in view.observation.group.zones)
        found.append(f"the zones are not balanced ({spread}): the group will launch and terminate to balance them")
    return tuple(found)


# --- after a failure ----------------------------------------------------------------------------------------------


def release_for_stop(view: View) -> Status:
    """Restore servers to service that were chosen to leave and have not been terminated; retire the surplus instead.

    What was chosen at an earlier observation stays chosen, because `_surplus` takes those first.
    """
    status, at = view.status, view.observation.at
    spare = set(_surplus(view)) | _stuck(view) | _unregistered(view) | set(status.kept)
    for name in status.retiring:
        if name not in spare and not is_call_pending(status, name) and not _is_past(view, name):
            status = move(status, name, ServerPhase.RETURNING, at=at, reason="the rollout stops")
    for name in status.reloading:
        if _is_past(view, name):
            status = move(status, name, ServerPhase.NONE, at=at, reason="it is gone")
        else:
            status = move(status, name, ServerPhase.RETURNING, at=at, reason="the rollout stops")
    for name in sorted(spare - set(status.retiring)):
        status = move(status, name, ServerPhase.DRAINING, at=at, reason="surplus", reloading=False)
    for name in status.returning:
        if _is_past(view, name):
            status = move(status, name, ServerPhase.NONE, at=at, reason="it is gone")
    return status


def _unregistered(view: View) -> set[str]:
    """Return failed servers of a standalone fleet that are registered nowhere: nothing would find them later."""
    if view.rollout.kind is FleetKind.AUTO_SCALING or view.rollout.reloads:
        return set()
    failed = (view.by_id[name] for name in view.status.failed if name in view.by_id)
    return {instance.instance_id for instance in failed if not instance.targets and not view.is_ending(instance)}


def _is_past(view: View, name: str) -> bool:
    instance = view.by_id.get(name)
    return instance is None or view.is_ending(instance)


def _surplus(view: View) -> tuple[str, ...]:
    """Choose the instances that are more than the fleet should have: what does not serve first, then what we launched.

    Members that have ended without their group's doing come before all: desired goes down with them, nobody is missed.
    What was chosen at an earlier look stays chosen. One that takes requests goes only while the floor can spare it.
    """
    in_service = sum(1 for one in view.live if view.is_in_service(one))
    room = in_service - bounds(view.rollout, desired_capacity(view)).floor
    count, picks = _surplus_count(view), list[str]()
    for one in surplus_order(_dispensable(view), lambda one: _spared(view, one)):
        if len(picks) >= count:
            break
        if view.is_in_service(one):
            if room <= 0:
                continue
            room -= 1
        picks.append(one.instance_id)
    return tuple(picks)


def _surplus_count(view: View) -> int:
    count = _present(view) - desired_capacity(view)
    if view.rollout.kind is FleetKind.AUTO_SCALING:
        count = min(count, surplus(view))  # a surge whose launch failed has raised desired, but brought nobody
    return max(0, count)


def _dispensable(view: View) -> list[Instance]:
    live = [one for one in view.live if _is_ours(view, one) and not view.is_in_standby(one)]
    if view.rollout.kind is FleetKind.AUTO_SCALING:  # its own launches may have filled the surge, on either version
        live += [one for one in view.live if one not in live and not _is_held(view, one)]
        live += [one for one in view.observation.instances if view.is_still_listed(one) and not view.is_in_standby(one)]
    return live


def _is_held(view: View, one: Instance) -> bool:
    """Tell whether a person holds it: protected from scale-in, or in standby."""
    return view.is_in_standby(one) or (one.protected and view.rollout.protected is not SkipPolicy.REPLACE)


def _waits_for_capacity(view: View) -> bool:
    """Tell whether surplus instances are kept until those that come back serve; not for ever."""
    patience = view.rollout.limits.healthy_seconds
    stuck = (view.observation.at - view.status.progress_at).total_seconds() >= patience
    return _surplus_count(view) > len(_surplus(view)) and bool(_dispensable(view)) and not stuck


def _spared(view: View, one: Instance) -> tuple[bool, ...]:
    """Order what may go: what is going, what has ended, what does not serve, then the new before the old."""
    going = one.instance_id in view.leaving and one.instance_id not in view.status.reloading
    return (
        not going,
        not view.is_still_listed(one),
        view.is_serving(one),
        view.is_in_service(one),
        not _is_ours(view, one),
    )


def _stuck(view: View) -> set[str]:
    """Return instances that we launched and that have not come to run in time: nobody would register them later."""
    launched = (view.by_id[name] for name in view.launched if name in view.by_id)
    pending = (one for one in launched if one.state is InstanceState.PENDING and one.lifecycle is None)
    return {one.instance_id for one in pending if _is_late(view, one.instance_id)}


def _present(view: View) -> int:
    """Count the instances that a desired capacity counts: those that ended unnoticed too, those in standby not."""
    present = (one for one in view.observation.instances if view.is_live(one) or view.is_still_listed(one))
    return sum(1 for one in present if not view.is_in_standby(one))


def _is_ours(view: View, one: Instance) -> bool:
    if view.rollout.kind is FleetKind.STANDALONE:
        failed = view.has_failed(one) and not view.rollout.reloads
        return failed or one.instance_id in view.launched
    return view.is_current(one) is not view.status.rolling_back and not view.rollout.reloads


def _settle_instances(view: View) -> tuple[Status, Proposals]:
    status, proposals = retire(view)
    _forget_late(view, proposals)
    view = replace(view, status=status)
    status = bring_back(view, proposals, Reason.STOPPING)
    view = replace(view, status=status)
    ours = {one.instance_id for one in view.live if _is_ours(view, one) and not view.is_in_standby(one)}
    new = sorted((ours | view.launched) - set(status.retiring))
    arriving = register(view, new, Reason.STOPPING)
    proposals.writes += arriving.writes
    proposals.hooks += arriving.hooks
    if _waits_for_capacity(view):
        proposals.waiting.setdefault(Reason.CAPACITY, [])
    for name in arriving.waiting.get(Reason.RUNNING_HOOK, []):
        proposals.wait(Reason.RUNNING_HOOK, name)
    for name in arriving.waiting.get(Reason.LAUNCHING, []):
        if not _is_late(view, name):
            proposals.wait(Reason.LAUNCHING, name)
    return status, proposals


def _is_late(view: View, name: str) -> bool:
    server, instance = view.status.in_flight(name), view.by_id.get(name)
    timed = server is not None and instance is not None and has_clock(view, instance)
    return timed and server is not None and is_overdue(view, server)


def _forget_late(view: View, proposals: Proposals) -> None:
    """Do not wait for what is overdue: the warning is in the report.

    A hook has a timeout of its own. A drain ends for certain, and nobody would end the instance after us: it is waited
    for as long as nothing else tells that AWS has stopped.
    """
    idle = (view.observation.at - view.status.progress_at).total_seconds()
    patient = idle < view.rollout.limits.progress_seconds
    for reason, names in list(proposals.waiting.items()):
        if reason is Reason.RUNNING_HOOK or (reason is Reason.DRAINING and patient):
            continue
        kept = [name for name in names if not _is_late(view, name)]
        proposals.waiting[reason] = kept
        if not kept:
            del proposals.waiting[reason]


def _restore(view: View) -> tuple[Status, tuple[Action, ...]]:
    """Put desired back where it moved by our doing, then the other settings.

    It is lowered only when no more members are there than it then asks for, so that the group has none to end.
    """
    status, group, known = view.status, view.observation.group, view.status.desired
    if group is None or known is None:
        return restore(view)
    goal = known.goal - len(in_our_standby(view))  # what could not be brought back raises desired when it comes
    fell = group.desired < goal and known.expected < goal
    stands_above = group.desired > goal and group.desired == known.expected
    if (fell or stands_above) and can_restore_desired(now=group.desired, goal=goal, members=_present(view)):
        action = act.SetDesiredCapacity(group=group.name, value=goal, expected=group.desired, reason=Reason.RESTORING)
        return status, (action,)
    return restore(view)
