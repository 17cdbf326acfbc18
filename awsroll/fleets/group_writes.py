"""The calls that change an Auto Scaling group. Each call first checks its precondition on the group."""

import re
from collections.abc import Callable, Sequence
from typing import assert_never

from awsroll.aws.batches import batches
from awsroll.aws.caller import Reply
from awsroll.aws.connection import Connection
from awsroll.aws.parse_answers import is_marked_unhealthy, read_lifecycle, read_warm_pool
from awsroll.core.aws_limits import MEMBERS_TERMINATED, STANDBY_MEMBERS
from awsroll.core.classify.serving import LEAVING
from awsroll.core.model import actions as act
from awsroll.core.model.action_results import Answer, Result
from awsroll.core.model.observation import Lifecycle
from awsroll.core.model.warm_pool import WarmPool
from awsroll.core.tags import GROUP_TAG
from awsroll.errors import AccessRefusedError, AwsError, NotImplementedByEndpointError
from awsroll.fleets.common_writes import describe_registrations
from awsroll.fleets.fallbacks import BULK_TERMINATE, Fallbacks
from awsroll.fleets.group_settings import GroupReader
from awsroll.fleets.member_moves import MemberMoves, result_of
from awsroll.fleets.results import done, stale
from awsroll.fleets.target_groups import TargetGroups

_COUNTED = (Lifecycle.PENDING, Lifecycle.IN_SERVICE)
_LEAVING = (*LEAVING, Lifecycle.UNKNOWN)
_ENDING_STATES = ("shutting-down", "terminated")
_SINGLE_ID = re.compile(r"\bInstanceId\b.*\b(null|missing|required)\b", re.IGNORECASE)
# Parts of Auto Scaling's messages to a call that lost a race against another change of the group.
_RACES = (
    "No managed instance found",
    "is not part of Auto Scaling group",
    "is not in InService",
    "is not in Standby",
    "equals minSize",
)


class GroupWrites:
    """Carries out the actions on a group and its members; raises `AwsError` if a call fails as a whole."""

    def __init__(self, aws: Connection, reader: GroupReader, targets: TargetGroups, fallbacks: Fallbacks) -> None:
        self._aws = aws
        self._reader = reader
        self._targets = targets
        self._fallbacks = fallbacks

    def set_desired(self, action: act.SetDesiredCapacity) -> Result:
        """Set the desired capacity if it has the expected value and a lower value terminates no member."""
        group = self._reader.describe(action.group)
        now = int(group["DesiredCapacity"])
        if now == action.value:
            return done(action, message="the desired capacity has this value already")
        if action.value < now and sum(state in _COUNTED for state in _states(group).values()) > action.value:
            return stale(action, f"the group has more than {action.value} members and would terminate some of them")
        if now != action.expected:
            return stale(action, f"the desired capacity is {now}, not {action.expected}")
        self._aws.autoscaling.set_desired_capacity(action.group, action.value)
        return done(action)

    def terminate(self, action: act.TerminateInGroup) -> Result:
        """Have the group terminate instances that are members, are not leaving, and are no longer registered."""
        states = _states(self._reader.describe(action.group))
        members = [
            instance_id
            for instance_id in action.instance_ids
            if states.get(instance_id, Lifecycle.UNKNOWN) not in _LEAVING
        ]
        if not members:
            return stale(action, "none of the instances is a member that can be terminated")
        left = self._targets.still_registered(members, action.not_registered) if action.not_registered else {}
        ready = [instance_id for instance_id in members if instance_id not in left]
        if not ready:
            return stale(action, describe_registrations(left))
        result = result_of(action, self._terminate_all(action, ready))
        return self._unless_changed(action, result, lambda state: state not in _LEAVING)

    def _terminate_all(self, action: act.TerminateInGroup, ready: Sequence[str]) -> MemberMoves:
        def several(batch: Sequence[str]) -> None:
            self._aws.autoscaling.terminate_members(action.group, batch, decrement=action.decrement)

        def single(batch: Sequence[str]) -> None:
            self._aws.autoscaling.terminate_member(batch[0], decrement=action.decrement)

        moves = MemberMoves()
        for batch in batches(ready, MEMBERS_TERMINATED):
            if len(batch) == 1 or self._fallbacks.lacks(BULK_TERMINATE):
                moves.call_each(single, batch)
                continue
            try:
                several(batch)
            except AwsError as error:
                if not _takes_one_id(error):
                    moves.record_failure(error, single, batch)
                    continue
                self._fallbacks.note(BULK_TERMINATE, f"{error}; awsroll terminates one member per call")
                moves.call_each(single, batch)
            else:
                moves.accepted += batch
        return moves

    def detach(self, action: act.DetachFromGroup) -> Result:
        """Detach members in service, without a lower desired capacity."""
        gone = (Lifecycle.DETACHING,)
        return self._move(action, source=Lifecycle.IN_SERVICE, arrived=gone, move=self._aws.autoscaling.detach)

    def enter_standby(self, action: act.EnterStandby) -> Result:
        """Move members in service to standby; members in standby count as moves."""
        away = (Lifecycle.STANDBY, Lifecycle.ENTERING_STANDBY)
        return self._move(action, source=Lifecycle.IN_SERVICE, arrived=away, move=self._aws.autoscaling.enter_standby)

    def exit_standby(self, action: act.ExitStandby) -> Result:
        """Return members in standby to service; members on their way to service count as moves."""
        back = (Lifecycle.PENDING, Lifecycle.IN_SERVICE)
        return self._move(action, source=Lifecycle.STANDBY, arrived=back, move=self._aws.autoscaling.exit_standby)

    def clear_marks(self, action: act.ClearUnhealthyMarks) -> Result:
        """Clear the Unhealthy marks of members in service that are marked."""
        marked = [
            member["InstanceId"]
            for member in self._reader.describe(action.group).get("Instances", [])
            if member["InstanceId"] in action.instance_ids
            and read_lifecycle(member["LifecycleState"]) is Lifecycle.IN_SERVICE
            and is_marked_unhealthy(member)
        ]
        if not marked:
            return stale(action, "none of the instances is a member in service that is marked unhealthy")
        moves = MemberMoves()
        moves.call_each(lambda ids: self._aws.autoscaling.set_healthy(ids[0]), marked)
        return result_of(action, moves)

    def _move(
        self,
        action: act.DetachFromGroup | act.EnterStandby | act.ExitStandby,
        *,
        source: Lifecycle,
        arrived: tuple[Lifecycle, ...],
        move: Callable[[str, Sequence[str]], None],
    ) -> Result:
        states = _states(self._reader.describe(action.group))
        ready = [instance_id for instance_id in action.instance_ids if states.get(instance_id) is source]
        moves = MemberMoves()
        moves.accepted += [instance_id for instance_id in action.instance_ids if states.get(instance_id) in arrived]
        if not ready and not moves.accepted:
            return stale(action, f"none of the instances is {source} now")
        for batch in batches(ready, STANDBY_MEMBERS):
            moves.call_together(lambda ids: move(action.group, ids), batch)
        return self._unless_changed(action, result_of(action, moves), lambda state: state is source)

    def _unless_changed(
        self,
        action: act.TerminateInGroup | act.DetachFromGroup | act.EnterStandby | act.ExitStandby,
        result: Result,
        can_move: Callable[[Lifecycle], bool],
    ) -> Result:
        """Return `STALE` if AWS refused a call because the group has changed since its description was read.

        Auto Scaling answers `ValidationError` for an instance that is not a member in the right state, and for a
        decrement below the minimum. These refusals say nothing about the version.
        """
        if result.answer is not Answer.REFUSED or result.code != "ValidationError":
            return result
        group = self._reader.describe(action.group)
        states = _states(group)
        gone = [name for name in action.instance_ids if not can_move(states.get(name, Lifecycle.UNKNOWN))]
        if gone:
            shown = ", ".join(f"{name} is {states.get(name, 'no member')}" for name in gone)
            return stale(action, f"{result.message} Now {shown}.")
        raises = isinstance(action, act.ExitStandby | act.DetachFromGroup)
        decrement = not raises and getattr(action, "decrement", True)
        if decrement and int(group["DesiredCapacity"]) <= int(group["MinSize"]):
            return stale(action, f"{result.message} The group's minimum is {group['MinSize']} now.")
        if any(words in result.message for words in _RACES):
            return stale(action, result.message)
        return result

    def update(self, action: act.UpdateGroup) -> Result:
        """Set bounds or template version, but no bounds that make AWS terminate or launch instances."""
        try:
            described = self._reader.describe(action.group)
        except AccessRefusedError:
            if action.maximum is None or action.minimum is not None or action.template is not None:
                raise
            return self._set_maximum_unseen(action, action.maximum)
        now = int(described["DesiredCapacity"])
        if action.maximum is not None and action.maximum < now:
            return stale(
                action, f"the desired capacity is {now}: a maximum of {action.maximum} would terminate instances"
            )
        if action.minimum is not None and action.minimum > now:
            return stale(action, f"the desired capacity is {now}: a minimum of {action.minimum} would launch instances")
        settings: Reply = {}
        if action.minimum is not None:
            settings["MinSize"] = action.minimum
        if action.maximum is not None:
            settings["MaxSize"] = action.maximum
        settings |= _template_settings(described, action)
        self._aws.autoscaling.update_group(action.group, settings)
        return done(action)

    def _set_maximum_unseen(self, action: act.UpdateGroup, maximum: int) -> Result:
        """Set the maximum of a group that AWS does not describe, unless EC2 shows more members than that."""
        members = sum(
            instance.get("State", {}).get("Name") not in _ENDING_STATES
            for instance in self._aws.ec2.instances_tagged(GROUP_TAG, action.group)
        )
        if members > maximum:
            return stale(action, f"{members} members run: a maximum of {maximum} would terminate instances")
        self._aws.autoscaling.update_group(action.group, {"MaxSize": maximum})
        return done(action)

    def set_processes(self, action: act.SuspendProcesses | act.ResumeProcesses) -> Result:
        """Suspend or resume processes of the group.

        What is suspended runs now, so that resuming it first changes nothing. AWS refuses this call if the permission
        to resume is missing: then nothing is suspended.
        """
        match action:
            case act.SuspendProcesses(group=group, processes=processes):
                self._aws.autoscaling.resume(group, processes)
                self._aws.autoscaling.suspend(group, processes)
            case act.ResumeProcesses(group=group, processes=processes):
                self._aws.autoscaling.resume(group, processes)
            case _ as never:
                assert_never(never)
        return done(action)

    def set_warm_pool(self, action: act.DeleteWarmPool | act.PutWarmPool) -> Result:
        """Delete the warm pool if its settings are unchanged, or restore it if the group has none."""
        now = read_warm_pool(self._reader.describe(action.group).get("WarmPoolConfiguration") or {})
        match action:
            case act.DeleteWarmPool():
                return self._delete_warm_pool(action, now)
            case act.PutWarmPool():
                return self._put_warm_pool(action, now)
            case _ as never:
                assert_never(never)

    def _delete_warm_pool(self, action: act.DeleteWarmPool, now: WarmPool | None) -> Result:
        if now is None:
            return done(action, message="the group has no warm pool")
        if now != action.pool:
            return stale(action, f"the warm pool has other settings now: {now}")
        self._aws.autoscaling.delete_warm_pool(action.group)
        return done(action)

    def _put_warm_pool(self, action: act.PutWarmPool, now: WarmPool | None) -> Result:
        pool = action.pool
        if now is not None:
            return stale(action, f"the group has a warm pool already: {now}")
        settings: Reply = {"MinSize": pool.minimum, "PoolState": pool.state}
        if pool.prepared is not None:
            settings["MaxGroupPreparedCapacity"] = pool.prepared
        if pool.reuses:
            settings["InstanceReusePolicy"] = {"ReuseOnScaleIn": True}
        self._aws.autoscaling.put_warm_pool(action.group, settings)
        return done(action)


def _takes_one_id(error: AwsError) -> bool:
    """Return whether the endpoint takes only one id: an older endpoint reports that the single id is missing."""
    misses = error.code in ("ValidationError", "MissingParameter") and _SINGLE_ID.search(str(error)) is not None
    return misses or isinstance(error, NotImplementedByEndpointError)


def _states(described: Reply) -> dict[str, Lifecycle]:
    return {
        instance["InstanceId"]: read_lifecycle(instance["LifecycleState"])
        for instance in described.get("Instances", [])
    }


def _template_settings(described: Reply, action: act.UpdateGroup) -> Reply:
    if action.template is None:
        return {}
    version = action.version or str(action.template.number)
    setting = {"LaunchTemplateId": action.template.template_id, "Version": version}
    mixed = described.get("MixedInstancesPolicy")
    if not mixed:
        return {"LaunchTemplate": setting}
    # AWS may reset parts that are left out, so the whole policy is sent with only the version changed.
    template = {**mixed.get("LaunchTemplate", {}), "LaunchTemplateSpecification": setting}
    return {"MixedInstancesPolicy": {**mixed, "LaunchTemplate": template}}
