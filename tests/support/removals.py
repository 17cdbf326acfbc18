"""A fake fleet whose parts someone removes: the group, a target group, its listener, the launch template, the servers.

It shows and refuses what AWS shows and refuses then. The fleet below it checks no invariants: the fleet is broken.
"""

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any

from awsroll.core.model import actions as act
from awsroll.core.model.action_results import Answer, Result
from awsroll.core.model.actions import Action
from awsroll.core.model.observation import Instance, Observation, TargetState
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Status
from awsroll.errors import AccessRefusedError
from awsroll.testing.fleet import FakeFleet
from tests.support.builders import WEB


class Part(StrEnum):
    GROUP = "group"
    TARGET_GROUP = "target-group"
    LISTENER = "listener"
    TEMPLATE = "template"
    SERVERS = "servers"
    ROLE = "role"


_OF_GROUP = (
    act.LaunchInGroup,
    act.SetDesiredCapacity,
    act.TerminateInGroup,
    act.DetachFromGroup,
    act.EnterStandby,
    act.ExitStandby,
    act.ClearUnhealthyMarks,
    act.UpdateGroup,
    act.SuspendProcesses,
    act.ResumeProcesses,
    act.DeleteWarmPool,
    act.PutWarmPool,
)


class _Unchecked:
    """The safety checks of a fleet that someone has broken."""

    def check_gate(self, _: Status) -> None: ...

    def check_end(self, _: Status) -> None: ...


class RemovableFleet:
    """A fake fleet, without the parts that were removed."""

    def __init__(self, fleet: FakeFleet) -> None:
        self.fleet = fleet
        self.safety = _Unchecked()
        self.removed: set[Part] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.fleet, name)

    def remove(self, part: Part) -> None:
        self.removed.add(part)
        self.fleet.world.watchers.clear()  # the invariants hold for a fleet that exists
        if part in (Part.GROUP, Part.SERVERS):
            for one in self.fleet.instances.all():
                if one.live:
                    self.fleet.somebody.kills(one.instance_id, "Client.UserInitiatedShutdown")

    def give_back(self, part: Part) -> None:
        self.removed.discard(part)

    @property
    def _gone(self) -> frozenset[str]:
        gone = ["web"] if Part.GROUP in self.removed else []
        return frozenset([*gone, WEB] if Part.TARGET_GROUP in self.removed else gone)

    def observe(self, rollout: Rollout, status: Status) -> Observation:
        if Part.ROLE in self.removed:
            message = "not authorized to perform: sts:AssumeRole"
            raise AccessRefusedError(message, code="AccessDenied", operation="sts:AssumeRole")
        seen = self.fleet.observe(rollout, status)
        instances = tuple(self._shown(one) for one in seen.instances)
        existing = tuple(one for one in seen.target_groups if one.arn not in self._gone)
        group = None if Part.GROUP in self.removed else seen.group
        saved = frozenset(tag for tag in seen.saved_settings if tag[0] not in self._gone)
        return replace(
            seen, instances=instances, target_groups=existing, group=group, saved_settings=saved, gone=self._gone
        )

    def _shown(self, instance: Instance) -> Instance:
        targets = [one for one in instance.targets if one.key.target_group not in self._gone]
        if Part.LISTENER in self.removed:
            listed = (one for one in targets if one.state is not TargetState.DRAINING)  # unused targets do not drain
            targets = [replace(one, state=TargetState.UNUSED, reason="Target.NotInUse") for one in listed]
        return replace(instance, targets=tuple(targets))

    def execute(self, rollout: Rollout, actions: Sequence[Action]) -> tuple[Result, ...]:
        return tuple(self._execute(rollout, action) for action in actions)

    def _execute(self, rollout: Rollout, action: Action) -> Result:
        code = self._refusal(action)
        if code:
            return Result(action=action, answer=Answer.REFUSED, code=code, message=f"{code}: it does not exist")
        (result,) = self.fleet.execute(rollout, [action])
        return result

    def _refusal(self, action: Action) -> str:
        if isinstance(action, act.LaunchInstance | act.LaunchInGroup) and Part.TEMPLATE in self.removed:
            return "InvalidLaunchTemplateId.NotFound"
        if isinstance(action, act.UpdateGroup) and action.template is not None and Part.TEMPLATE in self.removed:
            return "InvalidLaunchTemplateId.NotFound"
        if isinstance(action, _OF_GROUP) and Part.GROUP in self.removed:
            return "ValidationError"
        targets = {key.target_group for key in getattr(action, "targets", ())}
        named = {getattr(action, "target_group", ""), getattr(action, "resource", ""), *targets}
        return "TargetGroupNotFound" if named & self._gone else ""
