"""The fake Auto Scaling group: an asynchronous controller that keeps the desired number of members.

It notices differences after a delay (`wake`). It launches from its current template version, in the zone with the
fewest members. It registers members in its target groups and drains members before it terminates them. It replaces
unhealthy members, rebalances zones, and scales in by zone first. Its API calls are in `group_calls`.
"""

from collections import Counter
from dataclasses import dataclass, field

from awsroll.core.model.observation import (
    InstanceState,
    Lifecycle,
    ScalingFailure,
    TargetKey,
    TargetState,
    TemplateVersion,
)
from awsroll.core.model.warm_pool import WarmPool
from awsroll.testing.instances import FakeInstance, Instances, LaunchRequest
from awsroll.testing.targets import Targets
from awsroll.testing.world import World

_BALANCED = 1  # Zones may differ by one member.
COUNTED = frozenset({Lifecycle.PENDING, Lifecycle.IN_SERVICE})


@dataclass(slots=True, kw_only=True)
class Member:
    """An instance of the group. The group ignores its target health until its grace period is over."""

    instance: FakeInstance
    lifecycle: Lifecycle = Lifecycle.PENDING
    marked_unhealthy: bool = False
    grace_over: bool = True

    @property
    def counted(self) -> bool:
        """Whether the member counts towards the desired capacity."""
        return self.lifecycle in COUNTED


@dataclass(slots=True, kw_only=True)
class GroupSettings:
    """The settings of the group, and how its launches behave.

    Attributes:
        version: the literal setting; `$Latest` and `$Default` resolve to `latest`.
        health_by_targets: the health check type includes ELB.
        launch_errors: how many future launches fail, with the message `launch_error`.
        full_zones: zones where launches fail for lack of capacity.
        bad_versions: template versions that can never be launched, and the error message of each.
        warm_pool: its settings; `warm` holds the template version of each pooled instance, the next to serve first.
    """

    name: str
    minimum: int
    maximum: int
    desired: int
    template_id: str
    version: str
    latest: int
    zones: tuple[tuple[str, str], ...]
    keys: tuple[TargetKey, ...] = ()
    suspended: set[str] = field(default_factory=set)
    health_by_targets: bool = True
    protect_new: bool = False
    can_launch_instances: bool = True
    refresh_active: bool = False
    launch_errors: int = 0
    launch_error: str = "We currently do not have sufficient t3.small capacity in the zone you requested"
    full_zones: set[str] = field(default_factory=set)
    bad_versions: dict[str, str] = field(default_factory=dict)
    warm_pool: WarmPool | None = None
    warm: list[TemplateVersion] = field(default_factory=list)

    @property
    def template(self) -> TemplateVersion:
        """The template version of the next launch."""
        number = int(self.version) if self.version.isdecimal() else self.latest
        return TemplateVersion(template_id=self.template_id, number=number)


class FakeGroup:
    """The group's controller."""

    def __init__(self, world: World, instances: Instances, targets: Targets, settings: GroupSettings) -> None:
        self._world = world
        self._instances = instances
        self._targets = targets
        self.settings = settings
        self.members: dict[str, Member] = {}
        self.failures: list[ScalingFailure] = []
        self.terminations: set[str] = set()
        self._waking = False
        self._launch_blocked = False
        self._next_is_ours = 0
        instances.listeners.append(self._instance_changed)
        targets.listeners.append(self._instance_changed)

    @property
    def grace_seconds(self) -> float:
        """The health check grace period of new members."""
        return self._world.physics.health_grace

    def counted(self) -> tuple[Member, ...]:
        """Return the members that count towards the desired capacity."""
        return tuple(member for member in self.members.values() if member.counted)

    def runs(self, process: str) -> bool:
        """Return whether a process is not suspended."""
        return process not in self.settings.suspended

    def add(self, instance: FakeInstance, lifecycle: Lifecycle) -> Member:
        """Make an instance a member."""
        member = Member(instance=instance, lifecycle=lifecycle)
        self.members[instance.instance_id] = member
        self._world.touch(instance.instance_id)
        return member

    def wake(self, seconds: float | None = None) -> None:
        """Have the controller check the group soon."""
        if seconds is None and self._waking:
            return
        if seconds is None:
            self._waking = True
            self._world.after(self._world.physics.group_reaction, self._look)
        else:
            self._world.after(seconds, self.wake)

    def launch(self, zone: str, count: int = 1) -> tuple[str, ...]:
        """Launch members in one zone, first from the warm pool, then from the current template."""
        warm = [self._start(self.settings.warm.pop(0), zone, 1) for _ in range(min(count, len(self.settings.warm)))]
        ids = tuple(one for some in warm for one in some)
        return (*ids, *self._start(self.settings.template, zone, count - len(ids))) if len(ids) < count else ids

    def _start(self, template: TemplateVersion, zone: str, count: int) -> tuple[str, ...]:
        request = LaunchRequest(zone=zone, subnet_id=dict(self.settings.zones)[zone], template=template, count=count)
        ids = self._instances.launch(request, keys=self.settings.keys)
        for instance_id in ids:
            if instance_id not in self.members:
                instance = self._instances[instance_id]
                instance.protected = self.settings.protect_new
                self.add(instance, Lifecycle.PENDING)
        return ids

    def retire(self, member: Member, why: str) -> None:
        """Deregister, drain and terminate a member."""
        if member.lifecycle is Lifecycle.TERMINATING:
            return
        instance_id = member.instance.instance_id
        member.lifecycle = Lifecycle.TERMINATING
        self.terminations.add(instance_id)
        self._world.record("group.terminating", instance_id, why)
        seconds = self.deregister(member)
        self._world.after(seconds, lambda: self._terminate(member))
        self.wake()

    def deregister(self, member: Member) -> float:
        """Deregister a member from the group's target groups; return how many seconds it drains."""
        waits = [0.0]
        for key in self.settings.keys:
            entry = self._targets.find(member.instance.instance_id, key)
            self._targets.deregister(member.instance.instance_id, key)
            if entry is not None and entry.state is TargetState.DRAINING:
                waits.append(self._targets.groups[key.target_group].deregistration_delay_seconds)
        return max(waits)

    def enter_service(self, member: Member) -> None:
        """Register a running member and put it in service."""
        if self.runs("AddToLoadBalancer"):
            for key in self.settings.keys:
                self._targets.register(member.instance.instance_id, key)
        member.lifecycle = Lifecycle.IN_SERVICE
        self._world.record("group.in-service", member.instance.instance_id)
        member.grace_over = False
        self._world.after(self._world.physics.health_grace, lambda: self._end_grace(member))

    def _end_grace(self, member: Member) -> None:
        member.grace_over = True
        self.wake()

    def _terminate(self, member: Member) -> None:
        instance = member.instance
        if instance.state is InstanceState.TERMINATED:
            self._leave(member)
        else:
            self._instances.terminate(instance.instance_id)

    def _leave(self, member: Member) -> None:
        if self.members.pop(member.instance.instance_id, None) is not None:
            self._world.record("group.left", member.instance.instance_id)

    def _instance_changed(self, instance: FakeInstance) -> None:
        member = self.members.get(instance.instance_id)
        if member is None:
            return
        if member.lifecycle is Lifecycle.PENDING and instance.state is InstanceState.RUNNING:
            self.enter_service(member)
        elif member.lifecycle is Lifecycle.PENDING and not instance.live:
            self._leave(member)
            self._fail(instance.zone, f"Instance failed to launch: {instance.state_reason}")
        elif member.lifecycle is Lifecycle.TERMINATING and instance.state is InstanceState.TERMINATED:
            self._leave(member)
        self.wake()

    def _look(self) -> None:
        self._waking = False
        self._check_health()
        self._replace_unhealthy()
        missing = self.settings.desired - len(self.counted())
        if missing > 0:
            self._launch_missing(missing)
        elif missing < 0:
            self._scale_in(-missing)
        else:
            self._rebalance()

    def _check_health(self) -> None:
        if not self.runs("HealthCheck"):
            return
        for member in self.members.values():
            if member.lifecycle is Lifecycle.IN_SERVICE and not member.marked_unhealthy and self._looks_ill(member):
                member.marked_unhealthy = True
                self._world.record("group.marked-unhealthy", member.instance.instance_id)

    def _looks_ill(self, member: Member) -> bool:
        if member.instance.state is not InstanceState.RUNNING:
            return True
        if member.grace_over and member.instance.long_impaired and self._instances.is_impaired(member.instance):
            return True
        if not (self.settings.health_by_targets and member.grace_over):
            return False
        entries = self._targets.of(member.instance.instance_id)
        return any(entry.state is TargetState.UNHEALTHY and entry.key in self.settings.keys for entry in entries)

    def _replace_unhealthy(self) -> None:
        if not (self.runs("ReplaceUnhealthy") and self.runs("Terminate")):
            return
        marked = [member for member in self.members.values() if member.marked_unhealthy and member.counted]
        at_a_time = max(1, self.settings.desired // 10)
        for member in marked[:at_a_time]:
            self.retire(member, "health check")

    def _launch_missing(self, missing: int) -> None:
        if not self.runs("Launch") or self._launch_blocked:
            return
        counts = dict(reversed(self._zone_counts()))
        for _ in range(missing):
            zone = min(counts, key=counts.__getitem__)
            counts[zone] += 1
            if self.settings.launch_errors > 0:
                self.settings.launch_errors -= 1
                self._fail(zone, self.settings.launch_error)
                return
            if self.settings.version in self.settings.bad_versions:
                self._fail(zone, self.settings.bad_versions[self.settings.version])
                return
            self.launch(zone)

    def _fail(self, zone: str, message: str) -> None:
        number = len(self.failures) + 1
        failure = ScalingFailure(activity_id=f"activity-{number}", at=self._world.now, message=message, zone=zone)
        self.failures.append(failure)
        self._world.record("group.launch-failed", detail=message)
        self._launch_blocked = True
        self._world.after(self._world.physics.launch_retry, self._unblock)

    def _unblock(self) -> None:
        self._launch_blocked = False
        self.wake()

    def _zone_counts(self) -> list[tuple[str, int]]:
        """Return the zones, most members first. The next launch uses the last zone."""
        counts = Counter(member.instance.zone for member in self.counted())
        open_zones = [zone for zone, _ in self.settings.zones if zone not in self.settings.full_zones]
        return sorted(((zone, counts[zone]) for zone in open_zones), key=lambda entry: -entry[1])

    def _scale_in(self, surplus: int) -> None:
        """Terminate surplus members: first by the largest zone, then the oldest version, then the oldest instance."""
        if not self.runs("Terminate"):
            return
        for _ in range(surplus):
            candidates = [member for member in self.counted() if not member.instance.protected]
            if not candidates:
                return
            crowded = Counter(member.instance.zone for member in candidates).most_common(1)[0][0]
            here = [member for member in candidates if member.instance.zone == crowded]
            victim = min(here, key=lambda member: (_number(member), member.instance.launched_at))
            self.retire(victim, "scale-in")

    def _rebalance(self) -> None:
        counts = self._zone_counts()
        settled = all(member.lifecycle is Lifecycle.IN_SERVICE for member in self.counted())
        crowded, empty = counts[0], counts[-1]
        if not (self.runs("AZRebalance") and self.runs("Launch") and settled) or crowded[1] - empty[1] <= _BALANCED:
            return
        self._world.record("group.rebalancing", detail=f"{crowded[0]} -> {empty[0]}")
        self.launch(empty[0])  # One more than desired: the group scales the surplus in, by zone first.


def _number(member: Member) -> int:
    return member.instance.template.number if member.instance.template is not None else 0
