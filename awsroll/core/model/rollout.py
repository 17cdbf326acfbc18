"""One rollout, resolved: the request with every name looked up, every version pinned and every default filled in.

The preflight makes it once from a `RolloutSpec` and the state of AWS. It is stored in the record and never changes,
except for its pace.
The planner reads nothing else of the request. All durations are seconds.
"""

from dataclasses import dataclass, field

from awsroll.core.model.amount import NONE, Amount
from awsroll.core.model.hooks import Hook, HookPoint
from awsroll.core.model.observation import FleetKind, Instance, TargetKey, TemplateVersion
from awsroll.core.model.replacing import replace
from awsroll.core.model.rollout_choices import Gates, Limits, OnFailure, Pace, ReloadCommand, SkipPolicy, Strategy
from awsroll.core.model.values import check_times


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
