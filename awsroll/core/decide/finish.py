"""Ends a rollout: settles every server that is in flight, then restores the settings.

After success only settings are left to restore. After a failure there are three steps. Instances that were taken out
of traffic and still run return to service. Launched instances are registered, or retired by id if they are surplus: if
desired were lowered instead, AWS would choose which to terminate. Then the settings are restored.
"""

from collections import Counter
from collections.abc import Iterable

from awsroll.core.classify.capacity import bounds, desired_capacity
from awsroll.core.classify.desired import in_our_standby, surplus
from awsroll.core.classify.mixed_images import mixed_images
from awsroll.core.classify.view import View
from awsroll.core.decide.bring_back import bring_back
from awsroll.core.decide.group_sizes import can_restore_desired
from awsroll.core.decide.leaving_order import surplus_order
from awsroll.core.decide.register import register, tag_launched
from awsroll.core.decide.restore import is_in_doubt, restore
from awsroll.core.decide.retire import retire
from awsroll.core.decide.settings import make_room
from awsroll.core.lifecycle import move
from awsroll.core.model import actions as act
from awsroll.core.model.actions import Action
from awsroll.core.model.observation import FleetKind, Instance, InstanceState
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.plan import add_warnings, end
from awsroll.core.model.proposals import Proposals
from awsroll.core.model.reasons import Reason
from awsroll.core.model.replacing import replace
from awsroll.core.model.rollout_choices import SkipPolicy
from awsroll.core.model.status import Mode, Outcome, Status
from awsroll.core.observe.abandoned import abandoned_name, servers_given_up
from awsroll.core.observe.clocks import has_clock, is_overdue


def finish(view: View) -> tuple[Status, Proposals]:
    """Propose the next step towards the end; end the rollout if there is nothing left to do or to wait for."""
    if view.status.mode is Mode.STOPPING:
        view = view.with_status(release_for_stop(view))
        status, writes = make_room(view)
        view, proposals = view.with_status(status), Proposals(writes=list(writes))
        if not writes:
            status, proposals = _settle_instances(view)
    else:
        status, proposals = view.status, Proposals()
    view = view.with_status(status)
    proposals.writes = _not_refused(status, proposals.writes)
    if not proposals.writes and not proposals.is_waiting:
        status, writes = _restore(view)
        view, proposals.writes = view.with_status(status), _not_refused(status, writes)
        if not writes and is_in_doubt(view):
            proposals.wait(Reason.SETTLING)
    if proposals.writes or proposals.is_waiting:
        return view.status, proposals
    if view.status.hooks.announced:
        proposals.wait(Reason.RUNNING_HOOK)
        return view.status, proposals
    return _close(view), proposals


def _not_refused(status: Status, writes: Iterable[Action]) -> list[Action]:
    """Return the writes that AWS has not refused: a refused call must not keep the others from being made."""
    return [write for write in writes if abandoned_name(write) not in status.settings.abandoned]


def _close(view: View) -> Status:
    status, at = view.status, view.observation.at
    images = mixed_images(view)
    status = add_warnings(status, *_still_running(view), *_warnings_of_resumed_processes(view))
    status = add_warnings(status, *((images,) if images else ()))
    if status.mode is Mode.COMPLETING and not status.settings.abandoned:
        return end(status, Outcome.ROLLED_BACK if status.rolling_back else Outcome.SUCCEEDED, at)
    if status.mode is Mode.COMPLETING:
        version = "old" if status.rolling_back else "new"
        reason = f"the fleet is on the {version} version, but not all settings could be restored"
        status = replace(status, reason=reason)
    return end(status, Outcome.STOPPED, at)


def _still_running(view: View) -> tuple[str, ...]:
    """Return the servers that were to end and that AWS refused to terminate."""
    left = [name for name in servers_given_up(view.status) if not _is_past(view, name)]
    return tuple(f"server {name} still runs: AWS refused to terminate it. Terminate it yourself" for name in left)


def _warnings_of_resumed_processes(view: View) -> tuple[str, ...]:
    """Return what the group will do to its members once its processes are resumed."""
    if view.observation.group is None:
        return ()
    suspended, warnings = view.observation.group.suspended, list[str]()
    unhealthy = sorted(instance.instance_id for instance in view.live if instance.marked_unhealthy)
    if unhealthy and "ReplaceUnhealthy" not in suspended:
        warnings.append(f"{', '.join(unhealthy)}: marked unhealthy by the group, which will replace it by itself")
    counts = Counter(instance.zone for instance in view.live if not view.is_in_standby(instance))
    zones = [counts[zone] for zone, _ in view.observation.group.zones]
    if "AZRebalance" not in suspended and zones and max(zones) - min(zones) > 1:
        spread = ", ".join(f"{zone} {counts[zone]}" for zone, _ in view.observation.group.zones)
        action = "the group will launch and terminate instances to balance them"
        warnings.append(f"the zones are not balanced ({spread}): {action}")
    return tuple(warnings)


# --- after a failure ----------------------------------------------------------------------------------------------


def release_for_stop(view: View) -> Status:
    """Restore servers to service that were chosen to leave and have not been terminated; retire the surplus instead.

    A server that was chosen at an earlier observation stays chosen, because `_surplus` takes those first.
    """
    status, at = view.status, view.observation.at
    spare = set(_surplus(view)) | _stuck(view) | _unregistered(view) | set(status.kept)
    for name in status.retiring:
        if name not in spare and not view.is_terminate_announced(name) and not _is_past(view, name):
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
    """Return the surplus instances to retire, in the order of `_cost`.

    Members that have ended by themselves come first: desired is lowered with them and no capacity is lost. An instance
    that was chosen at an earlier observation stays chosen. An instance that takes requests, be it in one target group
    only, leaves only while the floor can spare it.
    """
    in_service = sum(1 for instance in view.live if view.is_in_service(instance))
    room = in_service - bounds(view.rollout, desired_capacity(view)).floor
    count, picks = _surplus_count(view), list[str]()
    for instance in surplus_order(_dispensable(view), lambda instance: _cost(view, instance)):
        if len(picks) >= count:
            break
        if room < 0 and (view.is_partly_out(instance) or view.is_coming_back(instance)):
            continue
        if view.is_in_service(instance):
            if room <= 0:
                continue
            room -= 1
        picks.append(instance.instance_id)
    return tuple(picks)


def _surplus_count(view: View) -> int:
    count = _present(view) - desired_capacity(view)
    if view.rollout.kind is FleetKind.AUTO_SCALING:
        count = min(count, surplus(view))  # a surge whose launch failed has raised desired without new members
    return max(0, count)


def _dispensable(view: View) -> list[Instance]:
    live = [instance for instance in view.live if _is_replacement(view, instance) and not view.is_in_standby(instance)]
    if (
        view.rollout.kind is FleetKind.AUTO_SCALING
    ):  # the group may have filled the surge by itself, with either version
        live += [instance for instance in view.live if instance not in live and not _is_held(view, instance)]
        listed = (instance for instance in view.observation.instances if view.is_still_listed(instance))
        live += [instance for instance in listed if not view.is_in_standby(instance)]
    return live


def _is_held(view: View, instance: Instance) -> bool:
    """Return whether someone holds the instance: it is protected from scale-in, or in standby."""
    return view.is_in_standby(instance) or (instance.protected and view.rollout.protected is not SkipPolicy.REPLACE)


def _waits_for_capacity(view: View) -> bool:
    """Return whether surplus instances must still wait until the returning instances serve; this wait has a limit."""
    patience = view.rollout.limits.healthy_seconds
    stuck = (view.observation.at - view.status.progress_at).total_seconds() >= patience
    return _surplus_count(view) > len(_surplus(view)) and bool(_dispensable(view)) and not stuck


def _cost(view: View, instance: Instance) -> tuple[bool, ...]:
    """Return what is lost if the instance leaves: least for one that leaves already, has ended or does not serve."""
    is_leaving = instance.instance_id in view.leaving and instance.instance_id not in view.status.reloading
    return (
        not is_leaving,
        not view.is_still_listed(instance),
        view.is_serving(instance),
        view.is_in_service(instance),
        _holds_slot_alone(view, instance),
        not _is_replacement(view, instance),
    )


def _holds_slot_alone(view: View, instance: Instance) -> bool:
    """Return whether the server that this replacement was launched for does not stay: its ports would be empty."""
    name = instance.instance_id
    before = next((launch.replaces for launch in view.status.launches if name in launch.instance_ids), "")
    return bool(before) and (before in view.leaving or _is_past(view, before))


def _stuck(view: View) -> set[str]:
    """Return launched instances that did not start in time: no one would register them later."""
    launched = (view.by_id[name] for name in view.launched if name in view.by_id)
    pending = (
        instance for instance in launched if instance.state is InstanceState.PENDING and instance.lifecycle is None
    )
    return {instance.instance_id for instance in pending if _is_late(view, instance.instance_id)}


def _present(view: View) -> int:
    """Count the instances that count towards desired: also ended ones that the group still lists, none in standby."""
    present = (
        instance for instance in view.observation.instances if view.is_live(instance) or view.is_still_listed(instance)
    )
    return sum(1 for instance in present if not view.is_in_standby(instance))


def _is_replacement(view: View, instance: Instance) -> bool:
    """Return whether this rollout brought the instance in."""
    if view.rollout.kind is FleetKind.STANDALONE:
        failed = view.has_failed(instance) and not view.rollout.reloads
        return failed or instance.instance_id in view.launched
    return view.is_current(instance) is not view.status.rolling_back and not view.rollout.reloads


def _settle_instances(view: View) -> tuple[Status, Proposals]:
    status, proposals = retire(view)
    _forget_late(view, proposals)
    for reason in proposals.waits.keys() & {Reason.DRAINING, Reason.TERMINATING}:
        proposals.stop_waiting(reason, servers_given_up(view.status))
    view = view.with_status(status)
    status = bring_back(view, proposals, Reason.STOPPING)
    view = view.with_status(status)
    active = (instance for instance in view.live if not view.is_in_standby(instance))
    replacements = {instance.instance_id for instance in active if _is_replacement(view, instance)}
    new = sorted((replacements | view.launched) - set(status.retiring))
    arriving = register(view, new, Reason.STOPPING)
    proposals.writes += (*arriving.writes, *tag_launched(view))
    proposals.hooks += arriving.hooks
    if _waits_for_capacity(view):
        proposals.wait(Reason.CAPACITY)
    proposals.waits_of(arriving, Reason.RUNNING_HOOK)
    for name in arriving.waits.get(Reason.LAUNCHING, []):
        if not _is_late(view, name):
            proposals.wait(Reason.LAUNCHING, name)
    return status, proposals


def _is_late(view: View, name: str) -> bool:
    server, instance = view.status.in_flight(name), view.by_id.get(name)
    timed = server is not None and instance is not None and has_clock(view, instance)
    return timed and server is not None and is_overdue(view, server)


def _forget_late(view: View, proposals: Proposals) -> None:
    """Drop the waits for overdue servers: their warnings are in the report.

    A hook keeps its wait, because its timeout ends it. A drain keeps its wait until the progress deadline: it ends for
    certain, and no one else would terminate the server.
    """
    idle = (view.observation.at - view.status.progress_at).total_seconds()
    progresses = idle < view.rollout.limits.progress_seconds
    for reason, names in list(proposals.waits.items()):
        if reason is Reason.RUNNING_HOOK or (reason is Reason.DRAINING and progresses):
            continue
        proposals.stop_waiting(reason, [name for name in names if _is_late(view, name)])


def _restore(view: View) -> tuple[Status, tuple[Action, ...]]:
    """Restore the desired capacity if the rollout changed it, then the other settings.

    Desired is lowered only when the group then has no surplus members to terminate.
    """
    status, group, known = view.status, view.observation.group, view.status.desired
    if group is None or known is None:
        return restore(view)
    goal = known.goal - len(in_our_standby(view))  # a member raises desired when it leaves standby
    fell = group.desired < goal and known.expected < goal
    is_raised = group.desired > goal and group.desired == known.expected
    if (fell or is_raised) and can_restore_desired(now=group.desired, goal=goal, members=_present(view)):
        action = act.SetDesiredCapacity(group=group.name, value=goal, expected=group.desired, reason=Reason.RESTORING)
        return status, (action,)
    return restore(view)
