"""What is seen of a fleet: one `Observation` is one look at AWS, with the one "now" of that look.

Facts as AWS shows them, in awsroll's words. No judgement: whether an instance serves, or goes next, is decided in
`stages`, `capacity` and `victims`. AWS adds states from time to time; one we do not know is `UNKNOWN`, which is never
in service and never ours to touch.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from awsroll.core.model.hooks import HookSeen
from awsroll.core.model.warm_pool import WarmPool


class FleetKind(StrEnum):
    """Who launches the instances."""

    STANDALONE = "standalone"  # registered in target groups by hand; awsroll launches and terminates
    AUTO_SCALING = "auto-scaling"  # the group launches and terminates; awsroll steers it


class InstanceState(StrEnum):
    """EC2's instance states. `MISSING`: EC2 does not know the id (not yet, or no more)."""

    PENDING = "pending"
    RUNNING = "running"
    SHUTTING_DOWN = "shutting-down"
    TERMINATED = "terminated"
    STOPPING = "stopping"
    STOPPED = "stopped"
    MISSING = "missing"
    UNKNOWN = "unknown"


class Lifecycle(StrEnum):
    """An Auto Scaling group's lifecycle states, folded: `Pending:Wait` is `PENDING` (the detail keeps AWS's word)."""

    PENDING = "Pending"
    IN_SERVICE = "InService"
    TERMINATING = "Terminating"
    TERMINATED = "Terminated"
    ENTERING_STANDBY = "EnteringStandby"
    STANDBY = "Standby"
    DETACHING = "Detaching"
    UNKNOWN = "Unknown"


class TargetState(StrEnum):
    """Elastic Load Balancing's target states. A target that is gone is simply not listed."""

    INITIAL = "initial"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    UNUSED = "unused"
    DRAINING = "draining"
    UNAVAILABLE = "unavailable"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class TargetKey:
    """Where an instance is registered: a target group (ARN) and a port."""

    target_group: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The state of one instance on one port of one target group. `reason` is AWS's code, `Target.Timeout` say."""

    key: TargetKey
    state: TargetState
    reason: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class TemplateVersion:
    """A launch template (its id) and one pinned version number of it."""

    template_id: str
    number: int

    def __str__(self) -> str:
        return f"{self.template_id}:{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One instance of the fleet, as seen.

    Attributes:
        template: the launch template version it came from; None when AWS does not say.
        app_version: the version that a `reload` rollout left on it (an instance tag); None if there was none.
        lifecycle: its state in the Auto Scaling group; None for an instance that is in no group.
        marked_unhealthy: the group's own health status says `Unhealthy`.
        protected: scale-in protection (group) or termination protection (standalone, where known).
        rollout: the rollout that launched or marked it (tag); empty if none.
        role: `retiring` or `replacement` (tag); empty if none.
        targets: every registration that the target groups of the fleet show, draining ones included.
        tags: its tags, without AWS's own (`aws:`); for a standalone fleet a replacement gets the user's part of them.
    """

    instance_id: str
    zone: str = ""
    subnet_id: str = ""
    state: InstanceState = InstanceState.RUNNING
    state_reason: str = ""
    template: TemplateVersion | None = None
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
        """Return the registration on `key`, or None when it is not registered there (any more)."""
        return next((target for target in self.targets if target.key == key), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetGroup:
    """A target group of the fleet and those of its settings that a rollout depends on; all times in seconds.

    Attributes:
        managed: an Auto Scaling group registers and deregisters its members here by itself.
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
    managed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingFailure:
    """A scaling activity that failed or was cancelled: why the group could not launch."""

    activity_id: str
    at: datetime
    message: str
    zone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """An Auto Scaling group's own settings, as seen.

    Attributes:
        template: what the group launches from; `number` is what `version` resolves to now.
        version: the group's literal setting: a number, `$Latest` or `$Default`.
        suspended: names of the suspended processes.
        zones: Availability Zone -> subnet, the group's own, sorted by zone.
        launch_failures: since the rollout began, newest last.
        terminations: ids of instances for which a termination activity exists since the rollout began.
        can_launch_instances: the endpoint and the group take `LaunchInstances`.
        warm_pool: its settings, for a rollout that purges the pool; None if there is none (or it is being deleted).
        warm_versions: what its instances were built from, as text; empty where AWS does not say.
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
    can_launch_instances: bool = True
    refresh_active: bool = False
    warm_pool: WarmPool | None = None
    warm_versions: tuple[str, ...] = ()


class CommandState(StrEnum):
    """How a reload command stands on one instance, folded from SSM's statuses."""

    UNSENT = "unsent"  # no such command is known to SSM
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One reload command on one instance. `attempt` is awsroll's own number of the sending."""

    attempt: int
    instance_id: str
    state: CommandState
    detail: str = ""


class AlarmState(StrEnum):
    """CloudWatch's alarm states. `MISSING`: there is no alarm of that name (any more)."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"
    MISSING = "MISSING"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One CloudWatch alarm; `reason` is CloudWatch's own."""

    name: str
    state: AlarmState
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One look at the fleet.

    Attributes:
        at: when the look began, timezone-aware. The only "now" that a plan may use.
        instances: targets, group members, ids that the record names, and instances tagged by this rollout.
        target_groups: the fleet's target groups.
        group: the Auto Scaling group; None for a standalone fleet.
        invocations: the reload commands that the record names, as far as SSM shows them.
        alarms: the alarms that the request names.
        hooks: the announced runs of hooks, as far as whoever runs them knows them.
        remembered: settings whose old value stands as a tag: (group's name or target group's ARN, setting).
    """

    at: datetime
    instances: tuple[Instance, ...]
    target_groups: tuple[TargetGroup, ...]
    group: Group | None = None
    invocations: tuple[Invocation, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    hooks: tuple[HookSeen, ...] = ()
    saved_settings: frozenset[tuple[str, str]] = frozenset()

    def instance(self, instance_id: str) -> Instance | None:
        """Return the instance of that id, or None if this look did not see it."""
        return next((instance for instance in self.instances if instance.instance_id == instance_id), None)

    def target_group(self, arn: str) -> TargetGroup:
        """Return the target group of that ARN, which must be one of the fleet's."""
        return next(group for group in self.target_groups if group.arn == arn)
