"""A fake fleet in memory, for tests of code that drives rollouts.

    fleet = FakeFleet(clock=VirtualClock(), target_groups=(TargetGroup(arn="web", name="web", port=80),))
    fleet.add(TemplateVersion(template_id="lt-1", number=1), count=3)

Pass the fleet to a controller and move the clock. Disturb the rollout with `fleet.somebody` and `fleet.faults`, and
read `fleet.world.journal`. `fleet.safety` raises `UnsafeError` as soon as a rollout breaks an invariant.
"""

from collections.abc import Sequence
from datetime import timedelta
from itertools import cycle

from awsroll.core.classify.instance_facts import LAG_SECONDS
from awsroll.core.model.actions import Action, Answer, Result
from awsroll.core.model.observation import AlarmState, Lifecycle, Observation, TargetGroup, TargetKey, TemplateVersion
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Status
from awsroll.errors import AwsUnansweredError
from awsroll.testing.clock import VirtualClock
from awsroll.testing.commands import Commands
from awsroll.testing.execute import Executor, StaleError
from awsroll.testing.facts import Truth
from awsroll.testing.faults import Fault, Faults, When
from awsroll.testing.group import FakeGroup, GroupSettings
from awsroll.testing.group_calls import GroupCalls
from awsroll.testing.instances import CallError, FakeInstance, Instances, LaunchRequest
from awsroll.testing.observations import Looker, Snapshot
from awsroll.testing.outside_changes import Somebody
from awsroll.testing.safety import Safety
from awsroll.testing.targets import Targets
from awsroll.testing.world import Actor, Physics, World

_SUBNETS = (("zone-a", "subnet-a"), ("zone-b", "subnet-b"), ("zone-c", "subnet-c"))


class FakeFleet:
    """A fleet of either kind that behaves like AWS, in virtual time. Implements `awsroll.ports.Fleet`.

    Args:
        clock: the only source of time.
        target_groups: all target groups of the fleet.
        group: the Auto Scaling group; None makes a standalone fleet.
        subnets: zone and subnet, for a standalone fleet; a group brings its own.
        physics: how long things take.

    Attributes:
        alarms: CloudWatch alarms, by name.
        somebody: changes made by people, by other programs, and by chance.
        faults: makes calls and observations fail.
        safety: checks the invariants after every event.
    """

    def __init__(
        self,
        *,
        clock: VirtualClock | None = None,
        target_groups: tuple[TargetGroup, ...],
        group: GroupSettings | None = None,
        subnets: tuple[tuple[str, str], ...] = _SUBNETS,
        physics: Physics | None = None,
    ) -> None:
        self.clock = clock or VirtualClock()
        self.world = World(self.clock, physics or Physics())
        self.instances = Instances(self.world)
        self.targets = Targets(self.world, self.instances, target_groups)
        self.commands = Commands(self.world, self.instances)
        self.group = None if group is None else FakeGroup(self.world, self.instances, self.targets, group)
        calls = None if self.group is None else GroupCalls(self.world, self.group)
        self.faults = Faults()
        self.memory: dict[tuple[str, str], str] = {}
        self.alarms: dict[str, AlarmState] = {}
        self.somebody = Somebody(self.world, self.instances, self.targets, calls)
        truth = Truth(
            world=self.world,
            instances=self.instances,
            targets=self.targets,
            commands=self.commands,
            group=self.group,
            somebody=self.somebody,
        )
        self.safety = Safety(world=self.world, truth=truth, memory=self.memory)
        self._subnets = cycle(subnets if group is None else group.zones)
        self._looker = Looker(
            instances=self.instances,
            targets=self.targets,
            commands=self.commands,
            group=self.group,
            memory=self.memory,
            alarms=self.alarms,
        )
        self._executor = Executor(
            world=self.world,
            instances=self.instances,
            targets=self.targets,
            commands=self.commands,
            memory=self.memory,
            group=self.group,
            calls=calls,
        )
        self._last: Snapshot | None = None

    @property
    def keys(self) -> tuple[TargetKey, ...]:
        """Each target group with its default port: the targets of an instance added without `keys`."""
        return tuple(TargetKey(target_group=one.arn, port=one.port) for one in self.targets.groups.values())

    def add(
        self,
        template: TemplateVersion | None,
        *,
        count: int = 1,
        keys: tuple[TargetKey, ...] | None = None,
        zone: str = "",
        tags: dict[str, str] | None = None,
    ) -> tuple[FakeInstance, ...]:
        """Add instances that have long been running and healthy, one zone after the other."""
        return tuple(self._add(template, self.keys if keys is None else keys, zone, tags or {}) for _ in range(count))

    def add_stranger(self, template: TemplateVersion | None) -> FakeInstance:
        """Register an instance in the target groups that does not belong to the fleet."""
        zone, subnet_id = next(self._subnets)
        request = LaunchRequest(zone=zone, subnet_id=subnet_id, template=template)
        instance = self.instances.place(request, self.keys)
        instance.foreign = True
        for key in self.keys:
            self.targets.place(instance.instance_id, key)
        return instance

    def observe(self, rollout: Rollout, status: Status) -> Observation:
        """Observe the fleet; if a stale observation is planned, repeat the last one while it is recent enough.

        Raises:
            AwsUnansweredError: if a failing observation is planned.
        """
        self.world.catch_up()
        if self.faults.failing_observations > 0:
            self.faults.failing_observations -= 1
            message = "no answer came in time"
            raise AwsUnansweredError(message, code="RequestTimeout", operation="ec2:DescribeInstances")
        self.safety.begin(rollout)
        snapshot = self._last
        lags = snapshot is not None and self.world.now - snapshot.at < timedelta(seconds=LAG_SECONDS)
        if snapshot is not None and lags and self.faults.stale_observations > 0:
            self.faults.stale_observations -= 1
        else:
            snapshot = self._looker.snapshot(self.world.now)
            self._last = snapshot
        self.safety.look(status, snapshot.at)
        return self._looker.observation(snapshot, rollout, status, self.world.now)

    def execute(self, rollout: Rollout, actions: Sequence[Action]) -> tuple[Result, ...]:
        """Execute actions in order; return one result for each action."""
        self.world.catch_up()
        self.safety.begin(rollout)
        return tuple(self._execute(rollout, action) for action in actions)

    def fail_launches(self, times: int) -> None:
        """Have the next launches fail for lack of capacity, those of the group included."""
        self._executor.launch_errors = times
        if self.group is not None:
            self.group.settings.launch_errors = times

    def _execute(self, rollout: Rollout, action: Action) -> Result:
        name = type(action).__name__
        fault = self.faults.strike(action)
        if fault is not None and fault.when is When.BEFORE:
            self.world.record("call.failed-before", detail=f"{name} {fault.code}")
            return _failed(action, fault)
        try:
            with self.world.acting(Actor.AWSROLL):
                self.world.record("call", detail=f"{name} {getattr(action, 'reason', '')}")
                ids = self._executor.carry_out(rollout, action)
        except StaleError as error:
            self.world.record("call.stale", detail=f"{name}: {error}")
            return Result(action=action, answer=Answer.STALE, message=str(error))
        except CallError as error:
            self.world.record("call.refused", detail=f"{name}: {error.code} {error}")
            return Result(
                action=action,
                answer=Answer.REFUSED,
                code=error.code,
                message=str(error),
                transient=error.transient,
                denied=error.denied,
            )
        if fault is not None:
            self.world.record("call.failed-after", detail=f"{name} {fault.code}")
            return _failed(action, fault)
        return Result(action=action, answer=Answer.DONE, instance_ids=ids)

    def _add(
        self, template: TemplateVersion | None, keys: tuple[TargetKey, ...], zone: str, tags: dict[str, str]
    ) -> FakeInstance:
        place = next(self._subnets)
        while zone and place[0] != zone:
            place = next(self._subnets)
        request = LaunchRequest(zone=place[0], subnet_id=place[1], template=template, tags=tuple(sorted(tags.items())))
        instance = self.instances.place(request, keys)
        for key in keys:
            self.targets.place(instance.instance_id, key)
        if self.group is not None:
            self.group.add(instance, Lifecycle.IN_SERVICE)
        return instance


def _failed(action: Action, fault: Fault) -> Result:
    return Result(
        action=action,
        answer=fault.answer,
        code=fault.code,
        message=fault.message,
        transient=fault.transient,
        denied=fault.denied,
    )
