"""Executes actions on the fake AWS as the real fleets do on AWS: check the precondition, then make one call.

A precondition that no longer holds raises `StaleError`, which is not a failure. A refusal raises `CallError`.
"""

from collections.abc import Callable, Sequence
from typing import assert_never

from awsroll.core.model.actions import (
    Action,
    ClearUnhealthyMarks,
    DeleteWarmPool,
    DeregisterTargets,
    DetachFromGroup,
    EnterStandby,
    ExitStandby,
    ForgetSavedSettings,
    LaunchInGroup,
    LaunchInstance,
    PutWarmPool,
    RegisterTargets,
    ResumeProcesses,
    SaveSettings,
    SendCommand,
    SetDeregistrationDelay,
    SetDesiredCapacity,
    SetHealthChecks,
    SuspendProcesses,
    TagInstances,
    TerminateInGroup,
    TerminateInstance,
    UpdateGroup,
)
from awsroll.core.model.observation import InstanceState, Lifecycle, TargetKey, TargetState
from awsroll.core.model.rollout import Rollout
from awsroll.testing.commands import Commands
from awsroll.testing.group import FakeGroup
from awsroll.testing.group_calls import GroupCalls
from awsroll.testing.instances import CallError, Instances, LaunchRequest
from awsroll.testing.targets import Targets
from awsroll.testing.world import World

_AWAY = (Lifecycle.STANDBY, Lifecycle.ENTERING_STANDBY)
_BACK = (Lifecycle.PENDING, Lifecycle.IN_SERVICE)


class StaleError(Exception):
    """The precondition of an action no longer holds."""


class Executor:
    """Executes one action at a time."""

    def __init__(  # noqa: PLR0913 -- the parts of the world, each named once
        self,
        *,
        world: World,
        instances: Instances,
        targets: Targets,
        commands: Commands,
        memory: dict[tuple[str, str], str],
        group: FakeGroup | None,
        calls: GroupCalls | None,
    ) -> None:
        self._world = world
        self._instances = instances
        self._targets = targets
        self._commands = commands
        self._memory = memory
        self._maybe_group = group
        self._maybe_calls = calls
        self.launch_errors = 0

    def carry_out(self, rollout: Rollout, action: Action) -> tuple[str, ...]:  # noqa: C901, PLR0912 -- one case an action
        """Execute one action; return the ids of the instances that accepted the action.

        Raises:
            StaleError: if the precondition of the action does not hold; nothing was changed.
            CallError: if AWS refuses the call; nothing was changed.
        """
        ids: tuple[str, ...] = ()
        match action:
            case TagInstances():
                ids = self._mark(action)
            case LaunchInstance():
                ids = self._launch(action)
            case LaunchInGroup(launch=launch):
                ids = self._calls.launch_instances(launch.zone, launch.count, launch.token)
            case SetDesiredCapacity():
                self._set_desired(action)
            case RegisterTargets():
                ids = self._register(action)
            case DeregisterTargets(instance_id=instance_id, targets=targets):
                for key in targets:
                    self._targets.deregister(instance_id, key)
                ids = (instance_id,)
            case TerminateInstance():
                ids = self._terminate(action)
            case TerminateInGroup():
                ids = self._terminate_in_group(action)
            case DetachFromGroup(instance_ids=instance_ids):
                ids = self._move(instance_ids, Lifecycle.IN_SERVICE, (Lifecycle.DETACHING,), self._calls.detach)
            case EnterStandby(instance_ids=instance_ids):
                ids = self._move(instance_ids, Lifecycle.IN_SERVICE, _AWAY, self._calls.enter_standby)
            case ClearUnhealthyMarks(instance_ids=instance_ids):
                ids = self._clear_marks(instance_ids)
            case ExitStandby(instance_ids=instance_ids):
                ids = self._move(instance_ids, Lifecycle.STANDBY, _BACK, self._calls.exit_standby)
            case SendCommand():
                ids = self._send(rollout, action)
            case UpdateGroup():
                self._update(action)
            case SuspendProcesses(processes=processes):
                self._calls.suspend(processes)
            case ResumeProcesses(processes=processes):
                self._calls.resume(processes)
            case DeleteWarmPool() | PutWarmPool():
                self._set_warm_pool(action)
            case SetDeregistrationDelay(target_group=arn, seconds=seconds):
                self._targets.set_delay(arn, seconds)
            case SetHealthChecks(target_group=arn, interval_seconds=interval, healthy_threshold=threshold):
                self._targets.set_health_checks(arn, interval, threshold)
            case SaveSettings(resource=resource, settings=settings):
                self._memory.update({(resource, name): value for name, value in settings})
            case ForgetSavedSettings(resource=resource, settings=names):
                for name in names:
                    self._memory.pop((resource, name), None)
            case _:
                assert_never(action)
        return ids

    @property
    def _group(self) -> FakeGroup:
        if self._maybe_group is None:
            message = "a standalone fleet was given an action for a group"
            raise TypeError(message)
        return self._maybe_group

    @property
    def _calls(self) -> GroupCalls:
        if self._maybe_calls is None:
            message = "a standalone fleet was given an action for a group"
            raise TypeError(message)
        return self._maybe_calls

    def _mark(self, action: TagInstances) -> tuple[str, ...]:
        for instance_id in action.instance_ids:
            if not self._instances.visible(instance_id):
                message = f"The instance ID '{instance_id}' does not exist"
                raise CallError(message, code="InvalidInstanceID.NotFound", transient=True)
        for instance_id in action.instance_ids:
            self._instances[instance_id].tags.update(action.tags)
            self._world.record("instance.marked", instance_id, dict(action.tags))
        return action.instance_ids

    def _launch(self, action: LaunchInstance) -> tuple[str, ...]:
        launch = action.launch
        request = LaunchRequest(
            zone=launch.zone, subnet_id=launch.subnet_id, template=launch.template, count=launch.count, tags=launch.tags
        )
        token = f"{launch.token} {launch.index}" if launch.index else launch.token
        if (known := self._instances.replay(token, request)) is not None:
            return known
        if self.launch_errors > 0:
            self.launch_errors -= 1
            message = "We currently do not have sufficient t3.small capacity in the zone you requested"
            raise CallError(message, code="InsufficientInstanceCapacity", transient=True)
        ids = self._instances.launch(request, token=token, keys=launch.targets)
        for name in ids:
            self._instances[name].client_token = launch.token
            self._instances[name].launch_index = launch.index
        return ids

    def _set_desired(self, action: SetDesiredCapacity) -> None:
        now = self._group.settings.desired
        if now != action.expected:
            message = f"desired capacity is {now}, not {action.expected}"
            raise StaleError(message)
        if action.value < min(now, len(self._group.counted())):
            message = f"desired capacity {action.value} would end members"
            raise StaleError(message)
        self._calls.set_desired(action.value)

    def _register(self, action: RegisterTargets) -> tuple[str, ...]:
        instance = self._instances.find(action.instance_id)
        if instance is None or instance.state is not InstanceState.RUNNING:
            message = f"{action.instance_id} does not run"
            raise StaleError(message)
        for key in action.targets:
            self._targets.register(action.instance_id, key)
        return (action.instance_id,)

    def _terminate(self, action: TerminateInstance) -> tuple[str, ...]:
        instance = self._instances.find(action.instance_id)
        if instance is None or not self._instances.visible(action.instance_id):
            message = f"The instance ID '{action.instance_id}' does not exist"
            raise CallError(message, code="InvalidInstanceID.NotFound")
        if action.template is not None and instance.template != action.template:
            message = f"{action.instance_id} does not come from {action.template}"
            raise StaleError(message)
        self._must_be_out(action.instance_id, action.not_registered, may_drain=action.may_be_draining)
        if instance.protected:
            message = f"The instance '{action.instance_id}' may not be terminated: its disableApiTermination is set"
            raise CallError(message, code="OperationNotPermitted")
        self._instances.terminate(action.instance_id)
        return (action.instance_id,)

    def _terminate_in_group(self, action: TerminateInGroup) -> tuple[str, ...]:
        ids = []
        for instance_id in action.instance_ids:
            member = self._group.members.get(instance_id)
            if member is None or member.lifecycle is Lifecycle.TERMINATING:
                continue
            if any(self._listed(instance_id, key) for key in action.not_registered):
                continue
            ids.append(instance_id)
        if not ids:
            message = "none of the instances is a member that stays and is out of the other target groups"
            raise StaleError(message)
        self._calls.terminate(ids, decrement=action.decrement)
        return tuple(ids)

    def _move(
        self,
        instance_ids: tuple[str, ...],
        source: Lifecycle,
        arrived: tuple[Lifecycle, ...],
        call: Callable[[Sequence[str]], None],
    ) -> tuple[str, ...]:
        """Move members that are in `source`; members already moving or moved count as moved."""
        members = {one: self._group.members[one] for one in instance_ids if one in self._group.members}
        waiting = [one for one, member in members.items() if member.lifecycle is source]
        there = [one for one, member in members.items() if member.lifecycle in arrived]
        if not waiting and not there:
            message = f"none of the instances is {source}"
            raise StaleError(message)
        if waiting:
            call(waiting)
        return (*waiting, *there)

    def _clear_marks(self, instance_ids: tuple[str, ...]) -> tuple[str, ...]:
        members = (self._group.members[name] for name in instance_ids if name in self._group.members)
        marked = [member for member in members if member.marked_unhealthy and member.lifecycle is Lifecycle.IN_SERVICE]
        if not marked:
            message = "none of the instances is a member in service that is marked unhealthy"
            raise StaleError(message)
        self._calls.set_healthy(marked)
        return tuple(member.instance.instance_id for member in marked)

    def _send(self, rollout: Rollout, action: SendCommand) -> tuple[str, ...]:
        if rollout.reload is None:
            message = "this rollout has no reload command"
            raise TypeError(message)
        for instance_id in action.instance_ids:
            may_drain = instance_id in action.may_be_draining
            self._must_be_out(instance_id, action.not_registered, may_drain=may_drain)
        for instance_id in action.instance_ids:
            self._commands.send(rollout.rollout_id, instance_id, action.attempt, rollout.reload)
        return action.instance_ids

    def _update(self, action: UpdateGroup) -> None:
        if action.minimum is not None or action.maximum is not None:
            self._calls.update(minimum=action.minimum, maximum=action.maximum)
        if action.template is not None or action.version:
            self._calls.set_template(action.template, action.version)

    def _set_warm_pool(self, action: DeleteWarmPool | PutWarmPool) -> None:
        now = self._group.settings.warm_pool
        deleting = isinstance(action, DeleteWarmPool)
        if now != (action.pool if deleting else None) and not (deleting and now is None):
            message = f"the warm pool is {now}"
            raise StaleError(message)
        if not deleting:
            self._calls.put_warm_pool(action.pool)
        elif now is not None:
            self._calls.delete_warm_pool()

    def _must_be_out(self, instance_id: str, keys: tuple[TargetKey, ...], *, may_drain: bool) -> None:
        found = {key: self._targets.find(instance_id, key) for key in keys if self._listed(instance_id, key)}
        listed = [
            key for key, entry in found.items() if not (may_drain and entry and entry.state is TargetState.DRAINING)
        ]
        if listed:
            message = f"{instance_id} is still listed on {listed}"
            raise StaleError(message)

    def _listed(self, instance_id: str, key: TargetKey) -> bool:
        """Return whether AWS still lists the target, draining included. A dead target holds no request."""
        entry = self._targets.find(instance_id, key)
        return entry is not None and entry.state is not TargetState.UNUSED
