"""The state of an Auto Scaling group: the group, its members, hooks and attached target groups.

These are plain mutable records. The controller and the API handlers change them under the world's lock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from awsroll.sandbox.service_limits import LONGEST_HOOK_WAIT_HEARTBEATS, LONGEST_HOOK_WAIT_SECONDS
from awsroll.sandbox.timeline import Timer


class Lifecycle(StrEnum):
    """The lifecycle states of a member that this sandbox simulates, in the spelling of the API."""

    PENDING = "Pending"
    PENDING_WAIT = "Pending:Wait"
    PENDING_PROCEED = "Pending:Proceed"
    IN_SERVICE = "InService"
    ENTERING_STANDBY = "EnteringStandby"
    STANDBY = "Standby"
    DETACHING = "Detaching"
    TERMINATING = "Terminating"
    TERMINATING_WAIT = "Terminating:Wait"
    TERMINATING_PROCEED = "Terminating:Proceed"
    TERMINATING_RETAINED = "Terminating:Retained"
    WARMED_PENDING = "Warmed:Pending"
    WARMED_STOPPED = "Warmed:Stopped"
    WARMED_RUNNING = "Warmed:Running"
    WARMED_HIBERNATED = "Warmed:Hibernated"
    WARMED_TERMINATING = "Warmed:Terminating"


LAUNCHING = frozenset({Lifecycle.PENDING, Lifecycle.PENDING_WAIT, Lifecycle.PENDING_PROCEED})
TERMINATING = frozenset({Lifecycle.TERMINATING, Lifecycle.TERMINATING_WAIT, Lifecycle.TERMINATING_PROCEED})
COUNTED = LAUNCHING | {Lifecycle.IN_SERVICE}


class Process(StrEnum):
    """The processes of a group that can be suspended."""

    LAUNCH = "Launch"
    TERMINATE = "Terminate"
    ADD_TO_LOAD_BALANCER = "AddToLoadBalancer"
    ALARM_NOTIFICATION = "AlarmNotification"
    AZ_REBALANCE = "AZRebalance"
    HEALTH_CHECK = "HealthCheck"
    INSTANCE_REFRESH = "InstanceRefresh"
    REPLACE_UNHEALTHY = "ReplaceUnhealthy"
    SCHEDULED_ACTIONS = "ScheduledActions"


class Departure(StrEnum):
    """The destination of a member that leaves service."""

    TERMINATE = "terminate"
    STANDBY = "standby"
    DETACH = "detach"


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateSpec:
    """A launch template as the group stores it; `version` may be an alias."""

    template_id: str
    name: str
    version: str

    def to_api(self) -> dict[str, str]:
        """Return the API's LaunchTemplateSpecification."""
        return {"LaunchTemplateId": self.template_id, "LaunchTemplateName": self.name, "Version": self.version}


@dataclass(slots=True, kw_only=True)
class Activity:
    """One scaling activity; `ended_at` is set with the terminal status."""

    activity_id: str
    group_name: str
    description: str
    cause: str
    started_at: datetime
    status: str
    details: dict[str, str]
    number: int
    status_message: str | None = None
    progress: int = 0
    ended_at: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Hook:
    """A lifecycle hook: `transition` is launching or terminating, times in simulated seconds."""

    name: str
    launching: bool
    heartbeat_seconds: int
    default_result: str
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def global_seconds(self) -> int:
        """The longest total wait: 48 hours or 100 heartbeats, whichever is less."""
        return min(LONGEST_HOOK_WAIT_SECONDS, LONGEST_HOOK_WAIT_HEARTBEATS * self.heartbeat_seconds)


@dataclass(slots=True, kw_only=True)
class HookWait:
    """A member that waits at a hook until its timer fires or the action is completed."""

    hook: Hook
    token: str
    deadline: datetime
    timer: Timer


@dataclass(slots=True, kw_only=True)
class Member:
    """An instance of the group.

    `registered`: the group registered the member in its target groups (never if AddToLoadBalancer was suspended at the
    launch). `balancing`: a surplus launch of AZRebalance, which does not count while it is Pending. `lowered_desired`:
    entering standby lowered the desired capacity. `image_id`: the image that an override of the group chose. `at_risk`:
    the group has launched a replacement, because EC2 recommends a rebalance.
    """

    instance_id: str
    zone: str
    subnet_id: str
    launched_at: datetime
    template: TemplateSpec | None
    template_version: int
    instance_type: str
    image_id: str = ""
    state: Lifecycle = Lifecycle.PENDING
    health: str = "Healthy"
    protected: bool = False
    registered: bool = False
    balancing: bool = False
    at_risk: bool = False
    settling: bool = False
    launch_hooks_apply: bool = True
    terminate_hooks_apply: bool = True
    lowered_desired: bool = False
    unhealthy_because: str = ""
    impaired_since: datetime | None = None
    departure: Departure | None = None
    drained: bool = False
    in_service_since: datetime | None = None
    activity: Activity | None = None
    waits: dict[str, HookWait] = field(default_factory=dict)
    abandoned: bool = False

    @property
    def counted(self) -> bool:
        """Whether the member counts towards the desired capacity."""
        return self.state in COUNTED and not (self.balancing and self.state in LAUNCHING)


@dataclass(slots=True, kw_only=True)
class Attachment:
    """An attached target group, which is Adding, Added, InService (one target is healthy) or Removing."""

    arn: str
    state: str = "Adding"


@dataclass(slots=True, kw_only=True)
class GroupTag:
    """A tag of the group itself."""

    value: str
    propagate: bool


@dataclass(slots=True, kw_only=True)
class Refresh:
    """An instance refresh, which replaces no instances in the sandbox."""

    refresh_id: str
    status: str
    started_at: datetime
    has_desired_configuration: bool
    request: dict[str, Any]
    ended_at: datetime | None = None
    status_reason: str | None = None


@dataclass(slots=True, kw_only=True)
class ScheduledAction:
    """A scheduled action. A recurrence is stored and never runs."""

    name: str
    starts_at: datetime
    sizes: dict[str, int]
    request: dict[str, Any]
    timer: Timer


@dataclass(slots=True, kw_only=True)
class LaunchBackoff:
    """The wait after a failed launch: until `until`, then retry outside `zones`."""

    until: datetime
    delay_seconds: float
    zones: frozenset[str]


@dataclass(slots=True, kw_only=True)
class Group:
    """An Auto Scaling group.

    `pool` holds the instances of its warm pool, which are not members. `subnets` maps each subnet to its zone, in the
    order of the request. `suspects` are the members to health-check in the next run: only members with an event, so
    that a run of a large group stays cheap.
    """

    name: str
    arn: str
    created_at: datetime
    min_size: int
    max_size: int
    desired: int
    subnets: dict[str, str]
    template: TemplateSpec | None = None
    mixed_policy: dict[str, Any] | None = None
    launch_configuration: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, GroupTag] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)
    attachments: dict[str, Attachment] = field(default_factory=dict)
    other_sources: dict[str, str] = field(default_factory=dict)
    hooks: dict[str, Hook] = field(default_factory=dict)
    suspended: dict[str, str] = field(default_factory=dict)
    refreshes: list[Refresh] = field(default_factory=list)
    scheduled: dict[str, ScheduledAction] = field(default_factory=dict)
    warm_pool: dict[str, Any] | None = None
    pool: dict[str, Member] = field(default_factory=dict)
    backoff: LaunchBackoff | None = None
    deleting: bool = False
    desired_changed_because: str = ""
    suspects: set[str] = field(default_factory=set)
    imbalanced_since: datetime | None = None
    wake_at: datetime | None = None
    wake_timer: Timer | None = None

    @property
    def zones(self) -> tuple[str, ...]:
        """The zones of the group, sorted, without duplicates."""
        return tuple(sorted(set(self.subnets.values())))

    @property
    def counted(self) -> tuple[Member, ...]:
        """Members that count towards desired capacity."""
        return tuple(member for member in self.members.values() if member.counted)

    @property
    def checks_load_balancer(self) -> bool:
        """Whether target health counts. EC2 checks always count."""
        return "ELB" in str(self.settings.get("HealthCheckType", "EC2")).split(",")

    @property
    def checks_volumes(self) -> bool:
        """Whether the status checks of EBS volumes count."""
        return "EBS" in str(self.settings.get("HealthCheckType", "EC2")).split(",")

    @property
    def grace_seconds(self) -> int:
        """Health check grace period in seconds, from InService on."""
        return int(self.settings.get("HealthCheckGracePeriod") or 0)

    @property
    def active_refresh(self) -> Refresh | None:
        """The instance refresh in progress, if any."""
        active = {"Pending", "InProgress", "Cancelling", "RollbackInProgress", "Baking"}
        return next((refresh for refresh in self.refreshes if refresh.status in active), None)

    @property
    def effective_template(self) -> TemplateSpec | None:
        """The template of the next launch: the group's own, or that of its mixed instances policy."""
        if self.template is not None or self.mixed_policy is None:
            return self.template
        spec = self.mixed_policy["LaunchTemplate"]["LaunchTemplateSpecification"]
        return TemplateSpec(
            template_id=spec["LaunchTemplateId"], name=spec["LaunchTemplateName"], version=spec["Version"]
        )

    def runs(self, process: Process) -> bool:
        """Return whether `process` is not suspended."""
        return process not in self.suspended

    @property
    def retains(self) -> bool:
        """Whether a member whose termination hook is abandoned runs on (`InstanceLifecyclePolicy`)."""
        policy = self.setting("InstanceLifecyclePolicy", default={})
        return bool((policy.get("RetentionTriggers") or {}).get("TerminateHookAbandon") == "retain")

    def setting(self, name: str, *, default: Any) -> Any:
        """Return a stored request parameter, or AWS's default."""
        value = self.settings.get(name)
        return default if value is None else value
