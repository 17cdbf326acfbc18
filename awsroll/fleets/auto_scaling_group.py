"""The fleet of an Auto Scaling group. The group launches, registers, drains and terminates its members."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from awsroll.aws.alarm_states import observe_alarms
from awsroll.aws.connection import Connection
from awsroll.aws.group_traffic import attached_target_groups
from awsroll.aws.parse_answers import missing_instance, read_instance, tags_of
from awsroll.core.model import actions as act
from awsroll.core.model.action_results import Result
from awsroll.core.model.actions import Action
from awsroll.core.model.observation import Instance, Observation, TargetGroup
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Status
from awsroll.core.tags import GROUP_TAG, SAVED_SETTING_PREFIX
from awsroll.errors import AccessRefusedError
from awsroll.fleets.at_rest import servers_at_rest
from awsroll.fleets.common_writes import CommonWrites
from awsroll.fleets.emulators import EmulatedVersions
from awsroll.fleets.execute import execute_in_order, wrong_kind
from awsroll.fleets.fallbacks import Fallbacks
from awsroll.fleets.group_launch import GroupLaunches
from awsroll.fleets.group_settings import GroupReader
from awsroll.fleets.group_writes import GroupWrites
from awsroll.fleets.new_server_checks import StatusChecks, counts_volumes
from awsroll.fleets.observe_schedule import observe_schedule
from awsroll.fleets.recent import RecentInstances, keeps_targets
from awsroll.fleets.recorded_instances import named_instances
from awsroll.fleets.reload_commands import Commands
from awsroll.fleets.target_groups import TargetGroups


class AutoScalingFleet:
    """Observes and changes the fleet of a group. Implements `ports.Fleet`.

    Args:
        aws: the connection to the fleet's account and region.
        warn: receives one warning for each call that the endpoint lacks and that a fallback replaces.
    """

    def __init__(self, aws: Connection, *, warn: Callable[[str], None]) -> None:
        self._aws = aws
        fallbacks = Fallbacks(warn)
        self._targets = TargetGroups(aws)
        self._checks = StatusChecks(aws, fallbacks)
        self._commands = Commands(aws, fallbacks)
        self._reader = GroupReader(aws, fallbacks)
        self._emulated = EmulatedVersions(fallbacks)
        self._launches = GroupLaunches(aws, fallbacks)
        self._writes = GroupWrites(aws, self._reader, self._targets, fallbacks)
        self._recent = RecentInstances(aws)
        self._common = CommonWrites(aws, self._targets, self._commands, self._recent)

    def observe(self, rollout: Rollout, status: Status) -> Observation:
        """Observe the fleet: the group and its activities, each target group, and the instances in batches."""
        at = self._aws.now()
        self._targets.read_anomalies(rollout)
        if self._aws.reads_at_once:
            self._read_ahead(rollout)
        described = self._reader.find(rollout.group)
        if described is None:
            return self._observe_without_group(rollout, at)
        group = self._reader.read(described, status)
        if rollout.purges_warm_pool:
            group = self._reader.with_warm_pool(group, described)
        instances = self._instances(rollout, status, described)
        attached = attached_target_groups(described)
        target_groups = self._targets.observe(rollout.target_groups, attached)
        return Observation(
            at=at,
            instances=self._emulated.corrected(instances, group, rollout, status),
            target_groups=target_groups,
            group=group,
            invocations=self._commands.observe(rollout, status),
            alarms=observe_alarms(self._aws.cloudwatch, rollout.gates.alarms),
            schedule=observe_schedule(self._aws, rollout, at),
            saved_settings=self._saved_settings(rollout, described, target_groups),
            gone=self._targets.deleted(rollout.target_groups),
            attached=attached,
            status_checks=self._checks.observe(status, counts_volumes=counts_volumes(described)),
        )

    def observe_group(self, rollout: Rollout) -> Observation:
        """Observe only the group's settings and members, with one call; only its members if AWS refuses this call."""
        at = self._aws.now()
        try:
            described = self._reader.describe(rollout.group)
        except AccessRefusedError:
            by_tag = self._aws.ec2.instances_tagged(GROUP_TAG, rollout.group)
            return Observation(at=at, instances=tuple(map(read_instance, by_tag)), target_groups=())
        members = described.get("Instances", [])
        return Observation(
            at=at,
            instances=tuple(missing_instance(member["InstanceId"], member=member) for member in members),
            target_groups=(),
            group=self._reader.settings_of(described),
            saved_settings=self._saved_settings(rollout, described, ()),
        )

    def _read_ahead(self, rollout: Rollout) -> None:
        """Read side by side what does not depend on the group's description."""
        reads: list[Callable[[], None]] = [
            partial(self._reader.read_ahead, rollout.group),
            *self._targets.reads_ahead(rollout.target_groups),
            *self._recent.reads_ahead(tag=(GROUP_TAG, rollout.group)),
        ]
        self._aws.side_by_side(reads)

    def _observe_without_group(self, rollout: Rollout, at: datetime) -> Observation:
        """Observe what a group that is gone has left behind: the settings of its target groups."""
        target_groups = self._targets.observe(rollout.target_groups, managed=frozenset())
        return Observation(
            at=at,
            instances=(),
            target_groups=target_groups,
            saved_settings=self._targets.saved_settings(rollout.target_groups),
            gone=self._targets.deleted(rollout.target_groups) | {rollout.group},
        )

    def _instances(self, rollout: Rollout, status: Status, described: dict[str, Any]) -> tuple[Instance, ...]:
        """Return the members and the instances that the record names. Other targets do not belong to the fleet."""
        members = {instance["InstanceId"]: instance for instance in described.get("Instances", [])}
        registered = self._targets.registrations(rollout.target_groups)
        wanted = named_instances(status) | members.keys()
        described_instances = self._recent.describe(
            wanted, tag=(GROUP_TAG, rollout.group), at_rest=servers_at_rest(status, registered)
        )
        instances: list[Instance] = []
        for name in sorted(wanted):
            targets, member = registered.get(name, ()), members.get(name)
            if name in described_instances:
                instances.append(read_instance(described_instances[name], targets=targets, member=member))
            else:
                instances.append(missing_instance(name, targets=targets, member=member))
        return tuple(instances)

    def _saved_settings(
        self, rollout: Rollout, described: dict[str, Any], target_groups: tuple[TargetGroup, ...]
    ) -> frozenset[tuple[str, str]]:
        on_group = {
            (rollout.group, key.removeprefix(SAVED_SETTING_PREFIX))
            for key in tags_of(described)
            if key.startswith(SAVED_SETTING_PREFIX)
        }
        raises_delay = any(group.is_network and group.managed for group in target_groups)
        if not (rollout.sets_target_groups or raises_delay):
            return frozenset(on_group)
        return self._targets.saved_settings(rollout.target_groups) | on_group

    def execute(self, rollout: Rollout, actions: Sequence[Action]) -> tuple[Result, ...]:
        """Carry out actions in order; see `execute_in_order`."""
        results = execute_in_order(
            actions, lambda action: self._execute(rollout, action), self._aws.clock, together=self._common.together
        )
        self._reader.expect_activities()
        self._recent.keep_after(results)
        if keeps_targets(actions):
            self._targets.keep()
        return results

    def _execute(self, rollout: Rollout, action: Action) -> Result:  # noqa: C901 -- one case an action
        match action:
            case act.LaunchInGroup():
                result = self._launches.launch(action)
            case act.TerminateInGroup():
                result = self._writes.terminate(action)
            case act.SetDesiredCapacity():
                result = self._writes.set_desired(action)
            case act.DetachFromGroup():
                result = self._writes.detach(action)
            case act.EnterStandby():
                result = self._writes.enter_standby(action)
            case act.ExitStandby():
                result = self._writes.exit_standby(action)
            case act.ClearUnhealthyMarks():
                result = self._writes.clear_marks(action)
            case act.UpdateGroup():
                result = self._writes.update(action)
            case act.DeleteWarmPool() | act.PutWarmPool():
                result = self._writes.set_warm_pool(action)
            case act.SuspendProcesses() | act.ResumeProcesses():
                result = self._writes.set_processes(action)
            case act.LaunchInstance() | act.TerminateInstance():
                result = wrong_kind(action)
            case _:
                result = self._common.execute(rollout, action)
        return result
