"""A fake fleet in memory, for tests of code that drives rollouts.

    fleet = FakeFleet.auto_scaling("web", servers=3)
    report = awsroll.roll(awsroll.RolloutSpec(asg="web"), session=fleet)

Pass the fleet to the public functions in place of a boto3 session. Disturb the rollout with `fleet.somebody`,
`fleet.faults` and `fleet.spoil`, and read `fleet.world.journal`. `fleet.safety` raises `UnsafeError` as soon as a
rollout breaks an invariant.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import cycle
from typing import TYPE_CHECKING

from awsroll.core.classify.instance_facts import LAG_SECONDS
from awsroll.core.model.action_results import Result
from awsroll.core.model.actions import Action
from awsroll.core.model.observation import AlarmState, Lifecycle, Observation, TargetGroup, TargetKey, TemplateVersion
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Status
from awsroll.core.request.spec import RolloutSpec
from awsroll.errors import AwsUnansweredError
from awsroll.ports import Store
from awsroll.testing.answering import Answering
from awsroll.testing.clock import VirtualClock
from awsroll.testing.commands import Commands
from awsroll.testing.execute import Executor
from awsroll.testing.facts import Truth
from awsroll.testing.faults import Faults
from awsroll.testing.group import FakeGroup, GroupSettings
from awsroll.testing.group_calls import GroupCalls
from awsroll.testing.instances import FakeInstance, Instances, LaunchRequest, Misbehaviour
from awsroll.testing.memory_store import MemoryStore
from awsroll.testing.observations import Looker, Snapshot
from awsroll.testing.outside_changes import Somebody
from awsroll.testing.safety import Safety
from awsroll.testing.targets import Targets
from awsroll.testing.world import Physics, World

if TYPE_CHECKING:
    from awsroll.core.model.period import CalendarState
    from awsroll.preflight.findings import Findings
    from awsroll.preflight.preparation import Prepared

_REGION = "fake-region-1"
_SUBNETS = (("zone-a", "subnet-a"), ("zone-b", "subnet-b"), ("zone-c", "subnet-c"))


class FakeFleet:
    """A fleet of either kind that behaves like AWS, in virtual time. Implements `awsroll.ports.Fleet`.

    `auto_scaling` and `standalone` make a fleet with defaults.

    Args:
        clock: the only source of time.
        target_groups: all target groups of the fleet.
        group: the Auto Scaling group; None makes a standalone fleet.
        subnets: zone and subnet, for a standalone fleet; a group brings its own.
        physics: how long things take.

    Attributes:
        templates: the launch templates, by id, with their latest version. A request names a template by its id, with
            or without `lt-`.
        store: the records of rollouts of this fleet, in memory.
        alarms: CloudWatch alarms, by name.
        calendars: change calendars of Systems Manager, by name.
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
        self.calendars: dict[str, CalendarState] = {}
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
            calendars=self.calendars,
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
        self._answering = Answering(world=self.world, executor=self._executor, faults=self.faults)
        self._last: Snapshot | None = None
        self.store: Store = MemoryStore()
        self.templates: dict[str, int] = {} if group is None else {group.template_id: group.latest}

    @classmethod
    def auto_scaling(
        cls, name: str = "web", *, servers: int = 3, latest: int = 2, physics: Physics | None = None
    ) -> "FakeFleet":
        """Return an Auto Scaling group whose healthy members run version 1 of its launch template `lt-NAME`.

        Args:
            name: the name of the group and of its target group.
            servers: the number of members.
            latest: the latest version of the launch template. The group follows `$Latest`.
            physics: how long things take.
        """
        target_group = _target_group(name, managed=True)
        group = GroupSettings(
            name=name,
            minimum=0,
            maximum=max(servers, 1),
            desired=servers,
            template_id=f"lt-{name}",
            version="$Latest",
            latest=latest,
            zones=_SUBNETS,
            keys=(TargetKey(target_group=target_group.arn, port=target_group.port),),
        )
        fleet = cls(target_groups=(target_group,), group=group, physics=physics)
        fleet.add(TemplateVersion(template_id=f"lt-{name}", number=1), count=servers)
        return fleet

    @classmethod
    def standalone(
        cls, name: str = "web", *, servers: int = 3, latest: int = 2, physics: Physics | None = None
    ) -> "FakeFleet":
        """Return healthy servers in the target group NAME, on version 1 of the launch template `lt-NAME`.

        The arguments are those of `auto_scaling`.
        """
        fleet = cls(target_groups=(_target_group(name),), physics=physics)
        fleet.templates[f"lt-{name}"] = latest
        fleet.add(TemplateVersion(template_id=f"lt-{name}", number=1), count=servers)
        return fleet

    @property
    def region_name(self) -> str:
        """The region of rollouts of this fleet."""
        return _REGION

    @property
    def versions(self) -> dict[str, int]:
        """The number of live instances by the version that they run."""
        return dict(Counter(one.application_version for one in self.instances.all() if one.live))

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
        self.safety.look(self._with_approvals(rollout, status), snapshot.at)
        return self._looker.observation(snapshot, rollout, status, self.world.now)

    def observe_group(self, rollout: Rollout) -> Observation:  # noqa: ARG002 - as the protocol has it
        """Observe only the group's settings and members."""
        self.world.catch_up()
        return self._looker.group_observation(self._looker.snapshot(self.world.now))

    def execute(self, rollout: Rollout, actions: Sequence[Action]) -> tuple[Result, ...]:
        """Execute actions in order; return one result for each action."""
        self.world.catch_up()
        self.safety.begin(rollout)
        return tuple(self._answering.answer(rollout, action) for action in actions)

    def prepare_rollout(
        self, spec: RolloutSpec, *, rollout_id: str = "", findings: "Findings | None" = None
    ) -> "Prepared":
        """Check a request against this fleet; return the rollout to start. `awsroll.roll` calls it.

        Raises:
            SpecError, FleetError: if the request or the fleet does not allow the rollout.
        """
        from awsroll.preflight.findings import Findings  # noqa: PLC0415 - many tests use no request
        from awsroll.testing.request_checks import FakeFacts, prepare  # noqa: PLC0415 - the same

        self.world.catch_up()
        facts = FakeFacts(
            snapshot=self._looker.snapshot(self.world.now),
            group=self.group,
            templates=self.templates,
            alarms=self.alarms,
            calendars=self.calendars,
        )
        return prepare(facts, spec, rollout_id=rollout_id, findings=Findings() if findings is None else findings)

    def keep_records_in(self, store: Store) -> None:
        """Read approvals from this store from now on. `awsroll.roll` calls it with the store that it uses."""
        self.store = store

    def spoil(self, version: int, how: Misbehaviour = Misbehaviour.NEVER_HEALTHY) -> None:
        """Have instances of a template version misbehave: by default they never turn healthy."""
        for template_id in self.templates:
            self.instances.bad_versions[str(TemplateVersion(template_id=template_id, number=version))] = how

    def fail_launches(self, times: int) -> None:
        """Have the next launches fail for lack of capacity, those of the group included."""
        self._executor.launch_errors = times
        if self.group is not None:
            self.group.settings.launch_errors = times

    def _with_approvals(self, rollout: Rollout, status: Status) -> Status:
        """Return a status with the approvals in the store: the driver reads them after it has observed."""
        requests = status.user_requests
        stored = self.store.user_requests(rollout.rollout_id)
        return replace(status, user_requests=replace(requests, approved=max(requests.approved, stored.approved)))

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


def _target_group(name: str, *, managed: bool = False) -> TargetGroup:
    return TargetGroup(
        arn=f"arn:{name}",
        name=name,
        port=80,
        deregistration_delay_seconds=30,
        health_interval_seconds=5,
        managed=managed,
    )
