"""Restores the group's own care whenever a rollout is at rest.

At a closed gate, during the bake time and in a pause nothing may be touched, perhaps until the next morning. So the
group replaces unhealthy members, balances its zones and, without a surplus, scales again. What the group launches then
comes from the version that is trusted: the baseline, and in the bake time the new version.

`settings.prepare` suspends the processes again when the rollout continues.
"""

from datetime import datetime, timedelta

from awsroll.core.classify.capacity import Capacity
from awsroll.core.classify.desired import is_moving, surplus
from awsroll.core.classify.view import View
from awsroll.core.decide.health_marks import clear_before_care
from awsroll.core.decide.settings import Rest, give_care, given
from awsroll.core.decide.suspended_processes import SCALING_PROCESS
from awsroll.core.model import actions as act
from awsroll.core.model.actions import Action
from awsroll.core.model.observation import Observation
from awsroll.core.model.plan import Hold, Plan, add_warnings
from awsroll.core.model.reasons import Reason
from awsroll.core.model.replacing import replace
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.setting_names import MAXIMUM, PROCESS, RUNNING, SUSPENDED
from awsroll.core.model.status import Status
from awsroll.core.observe.abandoned import abandoned_name, given_up

_REPLACING = "ReplaceUnhealthy"
_PATIENCE = timedelta(minutes=5)
_RETRY_SECONDS = 2.0


def rest_of(view: View, capacity: Capacity) -> Rest:
    """Return whether nothing may be touched now and nothing is in flight, and which version is trusted then."""
    if view.status.gate.baking_since is not None:
        return Rest.IN_BAKE
    moving = capacity.in_flight or view.leaving or view.returning
    blocked = view.status.blocked
    if view.status.gate.closed_since is not None or (bool(view.status.pausing) and not moving):
        return Rest.BEFORE_MORE
    if blocked is not None and blocked.rests:
        return Rest.BEFORE_MORE
    return Rest.NONE


def with_settings_left(reason: str, rollout: Rollout, status: Status) -> str:
    """Add to the reason of a pause which settings stay as the rollout has set them, and how to lower the maximum."""
    left = sorted(name for name in status.settings.set if not is_set_back(status, name))
    if not left:
        return reason
    names = ", ".join(dict.fromkeys(name.partition("=")[0] for name in left))
    reason = (
        f"{reason.rstrip('.')}. Until it continues or is aborted, these settings stay as the rollout set them: {names}"
    )
    if MAXIMUM not in left:
        return reason
    size = status.settings.found[MAXIMUM]
    command = f"aws autoscaling update-auto-scaling-group --auto-scaling-group-name {rollout.group} --max-size {size}"
    return f"{reason}. Once the desired capacity is at most {size}, `{command}` restores the maximum"


def is_set_back(status: Status, name: str) -> bool:
    """Return whether awsroll has given a setting its old value again, as far as the record shows."""
    value = given(status, name)[-1]
    is_old = value == RUNNING or (name == MAXIMUM and value == status.settings.found.get(name))
    return is_old and name not in given_up(status)


def rest_in_pause(view: View) -> Plan:
    """Return the next step of a paused rollout that has yet to restore the group's own care.

    Refused calls are not repeated. If AWS does not answer for five minutes, the rollout stays paused as it is.
    """
    marks = clear_before_care(view)
    return _resting(view, *((view.status, marks) if marks else give_care(view)))


def rest_unobserved(rollout: Rollout, status: Status, group: Observation | None, at: datetime) -> Plan:
    """Return the next step of a paused rollout whose fleet cannot be observed, because AWS refuses a read.

    Args:
        rollout: the request.
        status: the record.
        group: the group's settings and its members, without targets; without the group if AWS shows only its members;
            None if AWS refuses to show them, too.
        at: the current instant.

    Whether a marked member serves cannot be seen. So `ReplaceUnhealthy` stays suspended while there is one.

    Without its description, a group keeps its template version: it may be the version of someone else. Its maximum is
    lowered to the number of its members at most, because a lower one terminates members. If AWS does not show the
    members either, the maximum stays. The reason of the pause names what stays.
    """
    if group is None or group.group is None:
        view = View(rollout, group or Observation(at=at, instances=(), target_groups=()), status)
        after, writes = _resume_unseen(view)
        if group is not None:
            after, lower = _lower_unseen(view, after)
            writes += lower
        decided = _resting(view, after, writes)
        if decided.status.must_rest:
            return decided
        reason = with_settings_left(status.reason, rollout, decided.status)
        return replace(decided, status=replace(decided.status, reason=reason))
    view = View(rollout, group, status)
    after, writes = give_care(view)
    marked = sum(instance.marked_unhealthy for instance in group.instances)
    if marked and any(_replaces_unhealthy(write) for write in writes):
        after, writes = add_warnings(status, _kept_suspended(rollout, marked)), _without_replacing(writes)
    return _resting(view, after, writes)


def _resume_unseen(view: View) -> tuple[Status, tuple[Action, ...]]:
    """Return the call that resumes the processes that the record shows as suspended by this rollout."""
    status, has_surplus = view.status, surplus(view) > 0 or bool(view.status.kept)
    names = [
        name
        for name in sorted(status.settings.set)
        if name.startswith(PROCESS)
        and given(status, name)[-1] == SUSPENDED
        and not (has_surplus and name == f"{PROCESS}{SCALING_PROCESS}")
    ]
    if not names:
        return status, ()
    values = status.settings.set | dict.fromkeys(names, f"{SUSPENDED} {RUNNING}")
    processes = tuple(name.removeprefix(PROCESS) for name in names)
    resume = act.ResumeProcesses(group=view.rollout.group, processes=processes, reason=Reason.PREPARING)
    return replace(status, settings=replace(status.settings, set=values, changed_at=view.observation.at)), (resume,)


def _lower_unseen(view: View, status: Status) -> tuple[Status, tuple[Action, ...]]:
    """Return the call that lowers the raised maximum of a group of which AWS shows only the members.

    The group terminates none of them: the maximum stays at least their number, and at least the desired capacity in the
    record. While a call that changes the desired capacity has no known outcome, the maximum stays.
    """
    if MAXIMUM not in status.settings.set or status.desired is None or is_moving(status):
        return status, ()
    members = sum(not view.is_gone(instance) for instance in view.observation.instances)
    ours = given(status, MAXIMUM)
    wanted = max(int(status.settings.found[MAXIMUM]), status.desired.expected, members)
    if wanted >= int(ours[-1]):
        return status, ()
    values = status.settings.set | {MAXIMUM: f"{' '.join(ours)} {wanted}"}
    lower = act.UpdateGroup(group=view.rollout.group, maximum=wanted, reason=Reason.PREPARING)
    return replace(status, settings=replace(status.settings, set=values, changed_at=view.observation.at)), (lower,)


def _replaces_unhealthy(write: Action) -> bool:
    return isinstance(write, act.ResumeProcesses) and _REPLACING in write.processes


def _without_replacing(writes: tuple[Action, ...]) -> tuple[Action, ...]:
    return tuple(
        replace(write, processes=tuple(name for name in write.processes if name != _REPLACING))
        if isinstance(write, act.ResumeProcesses)
        else write
        for write in writes
        if not isinstance(write, act.ResumeProcesses) or write.processes != (_REPLACING,)
    )


def _kept_suspended(rollout: Rollout, marked: int) -> str:
    return (
        f"{_REPLACING} of group {rollout.group} stays suspended: the group has marked {marked} members unhealthy, and "
        "awsroll cannot see whether they serve. Grant the permission, then resume or abort the rollout"
    )


def _resting(view: View, status: Status, writes: tuple[Action, ...]) -> Plan:
    writes = tuple(write for write in writes if abandoned_name(write) not in status.settings.abandoned)
    if not writes:
        return Plan(actions=(), status=replace(status, must_rest=False))
    since = max(status.observed_at or status.progress_at, status.progress_at)
    if view.observation.at - since >= _PATIENCE:
        group = view.rollout.group
        warning = (
            f"the suspended processes of group {group} could not be resumed; `awsroll repair --asg {group}` does it"
        )
        return Plan(actions=(), status=add_warnings(replace(status, must_rest=False), warning))
    return Plan(actions=writes, status=status, holds=(Hold(reason=Reason.RESTORING),), requeue_seconds=_RETRY_SECONDS)
