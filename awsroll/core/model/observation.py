"""The observation of a fleet: its state in AWS at one time, which is the only "now" of a plan.

It holds facts as AWS shows them, without decisions: `classify` decides whether an instance serves. AWS adds states from
time to time. A state that awsroll does not know is `UNKNOWN`: such an instance never counts as in service, and awsroll
never touches it.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from awsroll.core.model.hook_calls import HookSeen
from awsroll.core.model.period import Schedule
from awsroll.core.model.warm_pool import WarmPool


class FleetKind(StrEnum):
    """The kind of a fleet, by who launches its instances."""

    STANDALONE = "standalone"  # registered in target groups without a group; awsroll launches and terminates
    AUTO_SCALING = "auto-scaling"  # the Auto Scaling group launches and terminates; awsroll controls it


class InstanceState(StrEnum):
    """EC2's instance states. `MISSING`: EC2 does not know the id (not yet, or no longer)."""

    PENDING = "pending"
    RUNNING = "running"
    SHUTTING_DOWN = "shutting-down"
    TERMINATED = "terminated"
    STOPPING = "stopping"
    STOPPED = "stopped"
    MISSING = "missing"
    UNKNOWN = "unknown"


class Lifecycle(StrEnum):
    """An Auto Scaling group's lifecycle states, without details: `Pending:Wait` is `PENDING`.

    `Terminating:Retained` is a state of its own: the instance has left, and runs until someone terminates it (Amazon
    EC2 Auto Scaling User Guide, "Instance lifecycle policy").
    """

    PENDING = "Pending"
    IN_SERVICE = "InService"
    TERMINATING = "Terminating"
    TERMINATED = "Terminated"
    RETAINED = "Terminating:Retained"
    ENTERING_STANDBY = "EnteringStandby"
    STANDBY = "Standby"
    DETACHING = "Detaching"
    UNKNOWN = "Unknown"


class TargetState(StrEnum):
    """Elastic Load Balancing's target states. A target that is gone is not listed."""

    INITIAL = "initial"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    UNUSED = "unused"
    DRAINING = "draining"
    UNAVAILABLE = "unavailable"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class TargetKey:
    """The target group (ARN) and the port of a registration."""

    target_group: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The state of one instance on one port of one target group.

    Attributes:
        reason: AWS's code, such as `Target.Timeout`.
        shifted: a zonal shift keeps requests away from the target, whatever its health.
        is_anomalous: whether the load balancer finds that it answers worse than the other targets; None if it does not
            say so.
    """

    key: TargetKey
    state: TargetState
    reason: str = ""
    description: str = ""
    shifted: bool = False
    is_anomalous: bool | None = None

    @property
    def why(self) -> str:
        """AWS's code with its description; AWS may leave out either."""
        return ": ".join(text for text in (self.reason, self.description) if text)

    @property
    def takes_requests(self) -> bool:
        """Whether the load balancer sends requests to the target because it is healthy."""
        return self.state is TargetState.HEALTHY and not self.shifted

    @property
    def not_in_use(self) -> bool:
        """Whether no listener forwards requests to its target group, or its zone is not enabled."""
        return self.state is TargetState.UNUSED and self.reason == "Target.NotInUse"

    @property
    def is_kept_away(self) -> bool:
        """Whether the load balancer keeps requests away for reasons of its own, not of the server.

        With a reason such as `Elb.InternalError`, the load balancer has failed (ELB user guide, "Health check reason
        codes"). Before the first check it gives such reasons too; then the server is in state `INITIAL`.
        """
        failed = self.state in (TargetState.UNHEALTHY, TargetState.UNAVAILABLE) and self.reason.startswith("Elb.")
        return failed or self.not_in_use or (self.shifted and self.state is TargetState.HEALTHY)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class TemplateVersion:
    """The id of a launch template and a version number."""

    template_id: str
    number: int

    def __str__(self) -> str:
        return f"{self.template_id}:{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One instance of the fleet, as observed.

    Attributes:
        template: the launch template version it was launched from; None if AWS does not report it.
        image: the id of its image as EC2 shows it; empty if unknown.
        app_version: the version that a `reload` rollout set on it (a tag); None if there was none.
        lifecycle: its state in the Auto Scaling group; None for an instance that is in no group.
        lifecycle_detail: the lifecycle state as AWS writes it.
        marked_unhealthy: its health status in the group is `Unhealthy`.
        protected: scale-in protection (group) or termination protection (standalone, where known).
        rollout: the rollout that launched or tagged it (tag); empty if none.
        role: `retiring`, `reloading` or `replacement` (tag); empty if none.
        targets: its registrations in the target groups of the fleet, including the draining ones.
        tags: its tags, without AWS's own (`aws:`). In a standalone fleet, a replacement gets the user's tags.
    """

    instance_id: str
    zone: str = ""
    subnet_id: str = ""
    state: InstanceState = InstanceState.RUNNING
    state_reason: str = ""
    template: TemplateVersion | None = None
    image: str = ""
    app_version: str | None = None
    lifecycle: Lifecycle | None = None
    lifecycle_detail: str = ""
    marked_unhealthy: bool = False
    protected: bool = False
    rollout: str = ""
    role: str = ""
    launched_at: datetime | None = None
    client_token: str = ""
    targets: tuple[Target, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()

    def target(self, key: TargetKey) -> Target | None:
        """Return the registration on `key`, or None if it is not registered there."""
        return next((target for target in self.targets if target.key == key), None)


_NETWORK_PROTOCOLS = frozenset({"TCP", "TLS", "UDP", "TCP_UDP", "QUIC", "TCP_QUIC"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetGroup:
    """A target group of the fleet, with the settings that a rollout depends on; all times in seconds.

    Attributes:
        protocol: the protocol as Elastic Load Balancing writes it, such as `HTTP` or `TCP_UDP`.
        managed: an Auto Scaling group registers and deregisters its members here.
    """

    arn: str
    name: str
    port: int
    deregistration_delay_seconds: float = 300
    health_interval_seconds: float = 30
    health_timeout_seconds: float = 5
    healthy_threshold: int = 5
    unhealthy_threshold: int = 2
    slow_start_seconds: float = 0
    protocol: str = ""
    managed: bool = False

    @property
    def is_network(self) -> bool:
        """Whether a Network Load Balancer uses it: it routes flows, not requests (service model, ProtocolEnum)."""
        return self.protocol in _NETWORK_PROTOCOLS


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingFailure:
    """A scaling activity that failed or was cancelled, and why the group could not launch.

    Attributes:
        instance_id: the instance that the group launched and gave up before it was in service; empty if there is none.
    """

    activity_id: str
    at: datetime
    message: str
    zone: str = ""
    instance_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityMove:
    """A change of the desired capacity by a call on one member: detach, attach, standby or terminate."""

    instance_id: str
    before: int
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """An Auto Scaling group's own settings, as observed.

    Attributes:
        template: the launch template of the group; `number` is the number to which `version` resolves now.
        version: the group's literal setting: a number, `$Latest` or `$Default`.
        suspended: names of the suspended processes.
        zones: Availability Zone -> subnet, the group's own, sorted by zone.
        launch_failures: the failed launches since the rollout began, newest last.
        terminations: ids of instances with a termination activity since the rollout began.
        capacity_moves: calls on members that have changed the desired capacity since awsroll last changed it.
        grace_seconds: the health check grace period of new members.
        can_launch_instances: the endpoint and the group support `LaunchInstances`.
        warm_pool: the settings of the warm pool, for a rollout that purges it; None if there is none or it is being
            deleted.
        warm_versions: the launch template versions of the instances in the warm pool; empty if AWS does not report one.
    """

    name: str
    minimum: int
    maximum: int
    desired: int
    template: TemplateVersion | None = None
    version: str = ""
    suspended: frozenset[str] = frozenset()
    zones: tuple[tuple[str, str], ...] = ()
    launch_failures: tuple[ScalingFailure, ...] = ()
    terminations: frozenset[str] = frozenset()
    capacity_moves: tuple[CapacityMove, ...] = ()
    grace_seconds: float = 0
    can_launch_instances: bool = True
    refresh_active: bool = False
    warm_pool: WarmPool | None = None
    warm_versions: tuple[str, ...] = ()


class CommandState(StrEnum):
    """The state of a reload command on one instance, derived from SSM's statuses."""

    UNSENT = "unsent"  # SSM does not know the command
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One reload command on one instance. `attempt` is awsroll's own number of the command."""

    attempt: int
    instance_id: str
    state: CommandState
    detail: str = ""


class AlarmState(StrEnum):
    """CloudWatch's alarm states. `MISSING`: there is no alarm of that name."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"
    MISSING = "MISSING"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One CloudWatch alarm; `reason` is CloudWatch's text."""

    name: str
    state: AlarmState
    reason: str = ""


class StatusCheck(StrEnum):
    """What EC2's status checks say of one server.

    `UNKNOWN`: EC2 has no result yet. `VOLUME_IMPAIRED`: counts only if the group replaces such members.
    """

    OK = "ok"
    UNKNOWN = "unknown"
    INSTANCE_IMPAIRED = "instance-impaired"
    SYSTEM_IMPAIRED = "system-impaired"
    VOLUME_IMPAIRED = "volume-impaired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One observation of the fleet.

    Attributes:
        at: when the observation began, timezone-aware. The only "now" that a plan may use.
        instances: targets, group members, ids that the record names, and instances tagged by this rollout.
        target_groups: the fleet's target groups.
        group: the Auto Scaling group; None for a standalone fleet.
        invocations: the reload commands that the record names, as far as SSM shows them.
        alarms: the alarms that the request names.
        hooks: the announced runs of hooks that the hook runner knows.
        saved_settings: settings whose old value is saved as a tag: (group's name or target group's ARN, setting).
        gone: the name of the group and the ARNs of the rollout's target groups that no longer exist.
        attached: the ARNs of all target groups that the group is attached to now.
        schedule: what the windows and freezes of the rollout say now; None if it follows none.
        status_checks: the status checks of new servers, by id; None if the record asks for none, or AWS refuses them.
    """

    at: datetime
    instances: tuple[Instance, ...]
    target_groups: tuple[TargetGroup, ...]
    group: Group | None = None
    invocations: tuple[Invocation, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    hooks: tuple[HookSeen, ...] = ()
    saved_settings: frozenset[tuple[str, str]] = frozenset()
    gone: frozenset[str] = frozenset()
    attached: frozenset[str] = frozenset()
    schedule: Schedule | None = None
    status_checks: tuple[tuple[str, StatusCheck], ...] | None = None

    def instance(self, instance_id: str) -> Instance | None:
        """Return the instance with an id, or None if it was not observed."""
        return next((instance for instance in self.instances if instance.instance_id == instance_id), None)

    def target_group(self, arn: str) -> TargetGroup:
        """Return the target group with an ARN; the fleet must have it."""
        return next(group for group in self.target_groups if group.arn == arn)
