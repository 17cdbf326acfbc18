"""The standalone fleet: instances that are registered in target groups by hand. awsroll launches and terminates."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from awsroll.aws.alarm_states import observe_alarms
from awsroll.aws.caller import Reply
from awsroll.aws.connection import Connection
from awsroll.aws.parse_answers import missing_instance, read_instance, tags_of
from awsroll.core.model import actions as act
from awsroll.core.model.action_results import Result
from awsroll.core.model.actions import Action, LaunchInstance, TerminateInstance
from awsroll.core.model.calls import Launch
from awsroll.core.model.observation import Instance, Observation
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Mode, Status
from awsroll.core.tags import GROUP_TAG, ROLLOUT_TAG
from awsroll.fleets.at_rest import servers_at_rest
from awsroll.fleets.common_writes import CommonWrites
from awsroll.fleets.execute import Together, execute_in_order, wrong_kind
from awsroll.fleets.fallbacks import Fallbacks
from awsroll.fleets.new_server_checks import StatusChecks
from awsroll.fleets.observe_schedule import observe_schedule
from awsroll.fleets.recent import RecentInstances, keeps_targets
from awsroll.fleets.recorded_instances import named_instances
from awsroll.fleets.reload_commands import Commands
from awsroll.fleets.standalone_launch import Launches
from awsroll.fleets.target_groups import TargetGroups
from awsroll.fleets.termination_protection import Protection
from awsroll.fleets.terminations import Terminations

_TAGGED_SECONDS = 600
_ENDED = ("terminated", "shutting-down")


class StandaloneFleet:
    """Observes and changes a standalone fleet. Implements `ports.Fleet`.

    Args:
        aws: the connection to the fleet's account and region.
        warn: receives one warning for each call that the endpoint lacks and that a fallback replaces.
    """

    def __init__(self, aws: Connection, *, warn: Callable[[str], None]) -> None:
        self._aws = aws
        self._targets = TargetGroups(aws)
        fallbacks = Fallbacks(warn)
        self._commands = Commands(aws, fallbacks)
        self._checks = StatusChecks(aws, fallbacks)
        self._launches = Launches(aws)
        self._protection = Protection(aws)
        self._terminations = Terminations(aws, self._targets)
        self._recent = RecentInstances(aws)
        self._common = CommonWrites(aws, self._targets, self._commands, self._recent)
        self._tagged = _Tagged(aws)

    def observe(self, rollout: Rollout, status: Status) -> Observation:
        """Observe the fleet: each target group, the instances in batches, and new instances by tag."""
        at = self._aws.now()
        self._targets.read_anomalies(rollout)
        if self._aws.reads_at_once:
            self._aws.side_by_side([*self._targets.reads_ahead(rollout.target_groups), *self._recent.reads_ahead()])
        observation = Observation(
            at=at,
            instances=self._instances(rollout, status),
            target_groups=self._targets.observe(rollout.target_groups, managed=frozenset()),
            invocations=self._commands.observe(rollout, status),
            alarms=observe_alarms(self._aws.cloudwatch, rollout.gates.alarms),
            schedule=observe_schedule(self._aws, rollout, at),
            saved_settings=self._targets.saved_settings(rollout.target_groups)
            if rollout.sets_target_groups
            else frozenset(),
            status_checks=self._checks.observe(status, counts_volumes=False),
        )
        return replace(observation, gone=self._targets.deleted(rollout.target_groups))

    def observe_group(self, rollout: Rollout) -> Observation:  # noqa: ARG002 - as the protocol has it
        """Return an observation of nothing: these servers have no group."""
        return Observation(at=self._aws.now(), instances=(), target_groups=())

    def _instances(self, rollout: Rollout, status: Status) -> tuple[Instance, ...]:
        registered = self._targets.registrations(rollout.target_groups)
        named = named_instances(status)
        wanted = named | registered.keys()
        tagged = self._tagged.observe(rollout, status)
        described = tagged | self._recent.describe(
            wanted | (self._tagged.alive - tagged.keys()), at_rest=servers_at_rest(status, registered)
        )
        protected = self._protection.observe(rollout.termination_protected)
        instances: list[Instance] = []
        for name in sorted(wanted | described.keys()):
            targets = registered.get(name, ())
            answer = described.get(name)
            if answer is None:
                instances.append(missing_instance(name, targets=targets))
            elif name in named or GROUP_TAG not in tags_of(answer):  # a member of a group is not part of this fleet
                instances.append(read_instance(answer, targets=targets, protected=name in protected))
        return tuple(instances)

    def execute(self, rollout: Rollout, actions: Sequence[Action]) -> tuple[Result, ...]:
        """Carry out actions in order; see `execute_in_order`."""
        together: dict[type[Any], Together] = {
            **self._common.together,
            TerminateInstance: self._terminations.terminate,
            LaunchInstance: lambda launches: self._launches.launch(rollout, launches),
        }
        results = execute_in_order(
            actions, lambda action: self._execute(rollout, action), self._aws.clock, together=together
        )
        self._tagged.add(name for one in results if isinstance(one.action, LaunchInstance) for name in one.instance_ids)
        self._recent.keep_after(results)
        if keeps_targets(actions):
            self._targets.keep()
        return results

    def _execute(self, rollout: Rollout, action: Action) -> Result:
        match action:
            case LaunchInstance():
                return self._launches.launch(rollout, [action])[0]
            case TerminateInstance():
                return self._terminations.terminate([action])[0]
            case (
                act.LaunchInGroup()
                | act.TerminateInGroup()
                | act.SetDesiredCapacity()
                | act.DetachFromGroup()
                | act.EnterStandby()
                | act.ExitStandby()
                | act.ClearUnhealthyMarks()
                | act.UpdateGroup()
                | act.SuspendProcesses()
                | act.ResumeProcesses()
                | act.DeleteWarmPool()
                | act.PutWarmPool()
            ):
                return wrong_kind(action)
            case _:
                return self._common.execute(rollout, action)


class _Tagged:
    """The instances that carry the tag of this rollout. The record names them all, unless an answer was lost.

    So they are read by the tag when a process begins, while the outcome of a launch is not known, while the rollout
    ends, and every ten minutes.
    """

    def __init__(self, aws: Connection) -> None:
        self._aws = aws
        self._read_at = float("-inf")
        self.alive: frozenset[str] = frozenset()

    def add(self, launched: Iterable[str]) -> None:
        """Add instances that were just launched."""
        self.alive |= frozenset(launched)

    def observe(self, rollout: Rollout, status: Status) -> dict[str, Reply]:
        """Return their descriptions by id if they must be read, else nothing."""
        now = self._aws.clock.monotonic()
        if status.observed_at is None and not status.launches:
            self._read_at = now
            return {}  # a rollout that begins has launched nothing
        is_clear = status.mode is Mode.ROLLING and all(_is_known(launch) for launch in status.launches)
        if is_clear and now - self._read_at < _TAGGED_SECONDS:
            return {}
        found = {one["InstanceId"]: one for one in self._aws.ec2.instances_tagged(ROLLOUT_TAG, rollout.rollout_id)}
        self._read_at = now if is_clear else float("-inf")
        self.alive = frozenset(name for name, one in found.items() if one.get("State", {}).get("Name") not in _ENDED)
        return found


def _is_known(launch: Launch) -> bool:
    return launch.settled and not launch.refused
