"""One rollout, resolved: the request with every name looked up, every version pinned and every default filled in.

The preflight makes it once from a `RolloutSpec` and the state of AWS. It is stored in the record and never changes,
except for its pace.
The planner reads nothing else of the request. All durations are seconds.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from awsroll.core.model.amount import NONE, Amount
from awsroll.core.model.hooks import Hook, HookPoint
from awsroll.core.model.observation import FleetKind, Instance, TargetKey, TemplateVersion
from awsroll.core.model.period import Period
from awsroll.core.model.replacing import replace
from awsroll.core.model.values import check_times


class Strategy(StrEnum):
    """How servers get the new version."""

    REPLACE = "replace"
    DOUBLE_HALF = "double-half"
    RELOAD = "reload"


class Zones(StrEnum):
    """In which order the Availability Zones get the new version."""

    TOGETHER = "together"  # balanced over the zones
    ONE_BY_ONE = "one-by-one"  # one zone after the other, with a checkpoint at the end of each


class SkipPolicy(StrEnum):
    """What to do with instances that are protected from termination, or that someone else has put in standby."""

    WAIT = "wait"  # wait up to an hour for a person to free them, then fail
    IGNORE = "ignore"  # leave them on their version; the rollout can still succeed
    REPLACE = "replace"  # treat them like any other instance


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadCommand:
    """The command that `reload` runs on each instance with SSM Run Command: shell lines, or a document."""

    app_version: str
    commands: tuple[str, ...] = ()
    document: str = ""
    parameters: dict[str, list[str]] = field(default_factory=dict)


class OnFailure(StrEnum):
    """What happens when there are more failures than the request allows."""

    ROLLBACK = "rollback"  # return to the baseline, by the same engine
    PAUSE = "pause"  # wait for a person
    STOP = "stop"  # finish the servers in flight, restore the settings, leave the fleet mixed


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """How old and new servers are compared; all times in seconds.

    Attributes:
        alpha: how likely a version as good as the old one may be rolled back, for all metrics together.
        effect: the additional share of bad requests that the judge must notice before a gate opens.
        interval_seconds: the shortest time between two samples.
        warm_up_seconds: for how long a server that has just begun to serve is not compared.
        wait_seconds: how long a gate waits for a verdict after its delay; None: no limit.
    """

    alpha: float = 0.01
    effect: float = 0.05
    interval_seconds: float = 5
    warm_up_seconds: float = 0
    wait_seconds: float | None = None

    def __post_init__(self) -> None:
        check_times(self.interval_seconds, self.warm_up_seconds, self.wait_seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """The conditions for continuing at checkpoints, and for success; all times in seconds.

    Attributes:
        checkpoints: the numbers of servers after which the rollout stops at a gate; counts or percentages of the fleet.
        delay_seconds: the shortest time that each gate stays closed.
        needs_approval: each gate waits for a person.
        approval_seconds: the longest wait for a person, after the delay; None: no limit.
        bake_seconds: how long the whole new fleet must serve before the rollout succeeds.
        alarms: names of CloudWatch alarms. An alarm in ALARM is a failure at any time.
        windows: while none of them is open, nothing new starts. Without windows, a rollout may go on at any time.
        freezes: while one of them lasts, nothing new starts.
        override: why the rollout ignores its windows and freezes; empty if it does not.
        judge: how the judge compares old and new servers, if a hook at `while_judging` counts their requests.
        rehearses: before the rollout, one server goes to the new version and returns.
        by_zone: the zones come one by one, and each ends at a gate. Then there are no `checkpoints`.
        zones: the zones with servers to replace at the start, in their order.
    """

    checkpoints: tuple[Amount, ...] = ()
    delay_seconds: float = 0
    needs_approval: bool = False
    approval_seconds: float | None = None
    bake_seconds: float = 0
    alarms: tuple[str, ...] = ()
    windows: tuple[Period, ...] = ()
    freezes: tuple[Period, ...] = ()
    override: str = ""
    judge: Judging = field(default_factory=Judging)
    rehearses: bool = False
    by_zone: bool = False
    zones: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_times(self.delay_seconds, self.approval_seconds, self.bake_seconds)

    @property
    def names(self) -> tuple[str, ...]:
        """The gates in their order, for people: `1`, `50%`, or `zone eu-west-1a`."""
        return tuple(f"zone {zone}" for zone in self.zones) if self.by_zone else tuple(map(str, self.checkpoints))

    @property
    def is_scheduled(self) -> bool:
        """Whether the rollout follows windows or freezes."""
        return bool(self.windows or self.freezes) and not self.override


LONGEST_LEASE_SECONDS = 86_400.0
"""The longest lease. The lock of a driver that died elsewhere holds its fleet for at most this time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """New waiting times for the rest of a rollout, in seconds; None keeps a value. They do not change any decision."""

    poll: float | None = None
    settle_time: float | None = None
    lease: float | None = None

    def __post_init__(self) -> None:
        check_times(self.poll, self.settle_time, self.lease)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Deadlines and waits, in seconds.

    Attributes:
        drain_seconds: from deregistering (or the group's terminate call) until an observation shows the drain ended.
        launch_seconds: from the launch call until the instance runs (and is in service in its group).
        healthy_seconds: from registering until the instance serves.
        progress_seconds: the longest time without progress.
        min_healthy_seconds: how long a replacement must be healthy without a break before it serves.
        skipped_seconds: how long to wait for protected and standby instances under `wait`.
        settle_seconds: how long to wait for the effect of a call whose answer was lost, before it counts as not made.
        poll_seconds: the longest time between two observations; None: chosen by what the rollout waits for.
        drain_quiet_seconds: for how long a drain probe must find no open connection.
        drain_floor_seconds: the shortest drain that a drain probe may end.
        lease_seconds: how long the fleet stays held if the process that rolls it shows no sign of life.
    """

    drain_seconds: float = 360
    launch_seconds: float = 600
    healthy_seconds: float = 600
    progress_seconds: float = 3600
    min_healthy_seconds: float = 0
    skipped_seconds: float = 3600
    settle_seconds: float = 60
    poll_seconds: float | None = None
    lease_seconds: float = 60
    drain_quiet_seconds: int = 5
    drain_floor_seconds: float = 15

    def __post_init__(self) -> None:
        check_times(self.drain_seconds, self.launch_seconds, self.healthy_seconds, self.progress_seconds)
        check_times(self.min_healthy_seconds, self.skipped_seconds, self.settle_seconds, self.lease_seconds)
        check_times(self.poll_seconds, self.drain_quiet_seconds, self.drain_floor_seconds)

    def paced(self, pace: Pace) -> "Limits":
        """Return the same limits with another pace."""
        return replace(
            self,
            poll_seconds=self.poll_seconds if pace.poll is None else pace.poll,
            settle_seconds=self.settle_seconds if pace.settle_time is None else pace.settle_time,
            lease_seconds=self.lease_seconds if pace.lease is None else pace.lease,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionCount:
    """The number of instances that ran one version when the rollout began."""

    version: str
    count: int
    template: TemplateVersion | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """One rollout of one fleet to one version.

    Attributes:
        rollout_id: the name of the rollout in the store, in tags and in client tokens.
        fleet: the name of the fleet for people: the group's name, or the target groups' names joined by `+`.
        group: the Auto Scaling group's name; empty for a standalone fleet.
        target_groups: ARNs, sorted.
        max_running: the cap on running servers, draining ones included; None if there is none.
        template: the pinned target version; for `reload`, None.
        reload: the command, for `reload`; else None.
        rollback_reload: the command that restores the old version on a reloaded server; None if there is none.
        max_failures: the number of replacements that may fail and be tried again.
        on_failure: what happens at the next failure.
        keep_old: old servers stay, out of traffic, until the bake time has passed.
        keep_failed: how many failed new servers are kept for inspection, out of traffic.
        keep_failed_seconds: for how long, before a repair may terminate them.
        keeps_zones: each zone with serving servers keeps one: only the servers of a zone take its requests.
        health_check_interval_seconds: the interval that the target groups get for the rollout; None: unchanged.
        health_check_threshold: the healthy threshold that the target groups get for the rollout; None: unchanged.
        raises_deregistration_delay: the group is attached to a target group of a Network Load Balancer, whose delay
            awsroll raises to the time in which new flows can still arrive.
        extra_targets: for a group: registrations of its members that the group does not make itself.
        goal_tags: keys of the tags that the target version sets. A replacement keeps the values of its own template.
        template_names: the names of launch templates by id, for people.
        baseline_tags: tags that the old templates set. They are not the user's, so they are not copied.
        baseline: the versions of the instances at the start, most common first.
        purges_warm_pool: the group's warm pool is deleted for the rollout, and restored at its end.
        hooks: the hooks, in the order in which they run.
        termination_protected: standalone: the instances that were protected from termination at the start.
        started_by: the ARN of the caller that started the rollout; empty if STS could not be asked.
        message: why the rollout was made, in the words of the request.
        ref: what the rollout was made from, such as a commit.
        group_version: the group's own version setting at the start (`$Latest` kept literally); empty if standalone.
    """

    rollout_id: str
    kind: FleetKind
    fleet: str
    group: str = ""
    target_groups: tuple[str, ...]
    strategy: Strategy = Strategy.REPLACE
    max_unavailable: Amount = NONE
    max_surge: Amount = NONE
    max_running: Amount | None = None
    template: TemplateVersion | None = None
    reload: ReloadCommand | None = None
    rollback_reload: ReloadCommand | None = None
    limits: Limits = field(default_factory=Limits)
    protected: SkipPolicy = SkipPolicy.WAIT
    standby: SkipPolicy = SkipPolicy.WAIT
    max_failures: int = 0
    on_failure: OnFailure = OnFailure.ROLLBACK
    gates: Gates = field(default_factory=Gates)
    keep_old: bool = False
    keep_failed: int = 0
    keep_failed_seconds: float = 0
    keeps_zones: bool = False
    deregistration_delay_seconds: int | None = None
    raises_deregistration_delay: bool = False
    health_check_interval_seconds: int | None = None
    health_check_threshold: int | None = None
    extra_targets: tuple[TargetKey, ...] = ()
    goal_tags: tuple[str, ...] = ()
    baseline_tags: tuple[tuple[str, str], ...] = ()
    baseline: tuple[VersionCount, ...] = ()
    template_names: tuple[tuple[str, str], ...] = ()
    baseline_template: TemplateVersion | None = None
    group_version: str = ""
    purges_warm_pool: bool = False
    hooks: tuple[Hook, ...] = ()
    termination_protected: tuple[str, ...] = ()
    region: str = ""
    account: str = ""
    started_by: str = ""
    message: str = ""
    ref: str = ""

    def __post_init__(self) -> None:
        check_times(self.deregistration_delay_seconds, self.health_check_interval_seconds, self.keep_failed_seconds)

    @property
    def sets_target_groups(self) -> bool:
        """Whether the request sets settings of the target groups."""
        settings = (
            self.deregistration_delay_seconds,
            self.health_check_interval_seconds,
            self.health_check_threshold,
        )
        return any(setting is not None for setting in settings)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of what the judge compares: the hooks at `while_judging`."""
        return tuple(hook.name for hook in self.hooks if hook.point is HookPoint.WHILE_JUDGING)

    @property
    def counts(self) -> tuple[str, ...]:
        """The names of the metrics that count requests: all but the anomaly flags of a load balancer."""
        flags = {hook.name for hook in self.hooks if hook.anomalies}
        return tuple(name for name in self.metrics if name not in flags)

    @property
    def keeps_control_server(self) -> bool:
        """Whether an old server stays in traffic during the bake time, as far as the request says."""
        gates = self.gates
        return bool(self.metrics) and gates.bake_seconds > 0 and not gates.by_zone and not self.keep_old

    @property
    def held_target_groups(self) -> tuple[str, ...]:
        """The target groups that no other rollout may change or roll meanwhile.

        A standalone fleet is what its target groups hold. A group is a fleet of its own: another group behind the same
        target group may be rolled too, unless this rollout changes the target group's settings.
        """
        changes_them = self.sets_target_groups or self.raises_deregistration_delay
        return self.target_groups if not self.group or changes_them else ()

    @property
    def fixed(self) -> "Rollout":
        """The rollout without its pace: the part that never changes after its creation."""
        return replace(self, limits=self.limits.paced(Pace(poll=0, settle_time=0, lease=0)))

    @property
    def to_version(self) -> str:
        """The target version for people: `lt-0abc:7`, or the name given to a reload."""
        return self.reload.app_version if self.reload is not None else str(self.template)

    @property
    def from_version(self) -> str:
        """The version that most instances ran at the start; empty if there were none."""
        return self.baseline[0].version if self.baseline else ""

    @property
    def to_name(self) -> str:
        """The target version with the name of its launch template, such as `web:7`."""
        return self.name_of(self.to_version)

    @property
    def from_name(self) -> str:
        """The version that most instances ran at the start, with the name of its launch template."""
        return self.name_of(self.from_version)

    def name_of(self, version: str) -> str:
        """Return a version with the name of its launch template instead of the id, if the name is known."""
        template, colon, number = version.rpartition(":")
        name = dict(self.template_names).get(template, "") if colon and not self.reloads else ""
        return f"{name}:{number}" if name else version

    @property
    def reloads(self) -> bool:
        """Whether the servers stay and get new code in place."""
        return self.strategy is Strategy.RELOAD

    def is_current(self, instance: Instance) -> bool:
        """Return whether the instance runs the target version."""
        if self.strategy is not Strategy.RELOAD and self.reload is None and self.template is not None:
            return instance.template == self.template
        return version_of(instance, reloading=self.reloads) == self.to_version

    def target(self, *, rolling_back: bool) -> "Rollout":
        """Return this rollout, or in a rollback the rollout to the baseline."""
        return self.to_baseline() if rolling_back else self

    def rehearsed(self) -> "Rollout":
        """Return the same rollout with a single gate, after one server. No person is asked there."""
        after_one = (Amount(value=1),)
        gates = replace(self.gates, checkpoints=after_one, needs_approval=False, by_zone=False, zones=())
        return replace(self, gates=gates)

    def to_baseline(self) -> "Rollout":
        """Return the same rollout with the baseline as its target. A rollback has no gates and keeps no old servers."""
        return replace(
            self,
            template=None if self.reloads else self.baseline_template,
            reload=self.rollback_reload,
            gates=Gates(),
            keep_old=False,
        )


def version_of(instance: Instance, *, reloading: bool) -> str:
    """Return the version of the instance, written as in `Rollout.to_version`; empty if AWS does not report it."""
    if reloading:
        return instance.app_version or ""
    return "" if instance.template is None else str(instance.template)
