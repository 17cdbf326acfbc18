"""One rollout, resolved: the request with every name looked up, every version pinned and every default filled in.

Made once by the preflight from a `RolloutSpec` and what AWS shows, stored in the record, never changed afterwards.
The planner reads nothing else of the request. All durations are seconds.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from awsroll.core.model.amount import NONE, Amount
from awsroll.core.model.hooks import Hook
from awsroll.core.model.observation import FleetKind, Instance, TargetKey, TemplateVersion


class Strategy(StrEnum):
    """How servers are taken to the new version."""

    REPLACE = "replace"
    DOUBLE_HALF = "double-half"
    RELOAD = "reload"


class SkipPolicy(StrEnum):
    """What to do with instances that are protected from termination, or that a person has put in standby."""

    WAIT = "wait"  # for up to an hour for a person to free them, then fail
    IGNORE = "ignore"  # leave them on their version; the rollout may still succeed
    REPLACE = "replace"  # treat them like any other instance


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadCommand:
    """What `reload` runs on each instance through SSM Run Command: shell lines, or a document with parameters."""

    app_version: str
    commands: tuple[str, ...] = ()
    document: str = ""
    parameters: dict[str, list[str]] = field(default_factory=dict)


class OnFailure(StrEnum):
    """What a failure leads to, once more have happened than the request allows."""

    ROLLBACK = "rollback"  # back to the baseline, by the same engine
    PAUSE = "pause"  # wait for a person
    STOP = "stop"  # settle what is in flight, restore the settings, leave the fleet mixed


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """What must hold before a rollout goes on, and before it is called done; all times in seconds.

    Attributes:
        checkpoints: so many servers may be touched before the next gate opens; counts or percentages of the fleet.
        delay_seconds: how long each gate stays closed at the least.
        needs_approval: each gate waits for a person.
        approval_seconds: how long it does, once its delay is over; None: for ever.
        bake_seconds: how long the whole new fleet is watched before success is declared.
        alarms: names of CloudWatch alarms; one in ALARM is a failure at any time.
    """

    checkpoints: tuple[Amount, ...] = ()
    delay_seconds: float = 0
    needs_approval: bool = False
    approval_seconds: float | None = None
    bake_seconds: float = 0
    alarms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How to look and wait from now on, in seconds; None leaves it as it was. Never what to do."""

    poll: float | None = None
    settle_time: float | None = None
    lease: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Deadlines and waits, in seconds.

    Attributes:
        drain_seconds: from deregistering (or the group's terminate) until it is seen to be over.
        launch_seconds: from asking for an instance until it runs (and is in service in its group).
        healthy_seconds: from registering until it serves.
        progress_seconds: the longest time without any progress at all.
        min_healthy_seconds: how long a replacement must be healthy without a break before it serves.
        exempt_seconds: how long to wait for protected and standby instances under `wait`.
        settle_seconds: how long a call whose answer was lost may stay unseen before it is taken to have had no effect.
        poll_seconds: the longest time between two looks; None: as fits what is awaited.
        lease_seconds: how long the fleet stays held without a sign of life from the process that rolls it.
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

    def paced(self, pace: Pace) -> "Limits":
        """Return the same limits at another pace."""
        return replace(
            self,
            poll_seconds=self.poll_seconds if pace.poll is None else pace.poll,
            settle_seconds=self.settle_seconds if pace.settle_time is None else pace.settle_time,
            lease_seconds=self.lease_seconds if pace.lease is None else pace.lease,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionCount:
    """How many instances ran one version when the rollout began."""

    version: str
    count: int
    template: TemplateVersion | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """One rollout of one fleet to one version.

    Attributes:
        rollout_id: names it everywhere: in the store, in tags, in client tokens.
        fleet: the fleet as people name it: the group's name, or the target groups' names joined by `+`.
        group: the Auto Scaling group's name; empty for a standalone fleet.
        target_groups: ARNs, sorted.
        template: the pinned goal version; for `reload`, None.
        reload: the command, for `reload`; else None.
        rollback_reload: what takes a reloaded server back; None where there is none.
        max_failures: so many replacements may fail and be tried again.
        on_failure: what one more leads to.
        keep_old: old servers stay, out of traffic, until the bake time has passed.
        extra_targets: for a group: where its members are registered beyond what the group does by itself.
        goal_tags: keys that the goal template tags instances with: a replacement keeps its own template's values.
        baseline_tags: tags that the old templates gave: they are the template's, not the user's, and are not copied.
        baseline: the versions found at the start, most common first.
        purges_warm_pool: the group's warm pool is deleted for the rollout, and put back at its end.
        hooks: what is run at fixed points, in this order.
        termination_protected: standalone: the instances found protected from termination at the start.
        group_version: what the group's own setting said at the start (`$Latest` kept literally); empty if standalone.
    """

    rollout_id: str
    kind: FleetKind
    fleet: str
    group: str = ""
    target_groups: tuple[str, ...]
    strategy: Strategy = Strategy.REPLACE
    max_unavailable: Amount = NONE
    max_surge: Amount = NONE
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
    deregistration_delay_seconds: int | None = None
    extra_targets: tuple[TargetKey, ...] = ()
    goal_tags: tuple[str, ...] = ()
    baseline_tags: tuple[tuple[str, str], ...] = ()
    baseline: tuple[VersionCount, ...] = ()
    baseline_template: TemplateVersion | None = None
    group_version: str = ""
    purges_warm_pool: bool = False
    hooks: tuple[Hook, ...] = ()
    termination_protected: tuple[str, ...] = ()
    region: str = ""
    account: str = ""

    @property
    def to_version(self) -> str:
        """The goal, as people read it: `lt-0abc:7`, or the name given to a reload."""
        return self.reload.app_version if self.reload is not None else str(self.template)

    @property
    def from_version(self) -> str:
        """The version most instances ran at the start; empty if none did."""
        return self.baseline[0].version if self.baseline else ""

    @property
    def reloads(self) -> bool:
        """Whether the servers stay and take new code in place."""
        return self.strategy is Strategy.RELOAD

    def is_current(self, instance: Instance) -> bool:
        """Return whether the instance runs the target version."""
        return version_of(instance, reloading=self.reloads) == self.to_version

    def target(self, *, rolling_back: bool) -> "Rollout":
        """Return the rollout as it holds now: itself, or in a rollback the rollout back to the baseline."""
        return self.to_baseline() if rolling_back else self

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
    """Return what the instance runs, in the words of `Rollout.to_version`; empty if AWS does not say."""
    if reloading:
        return instance.app_version or ""
    return "" if instance.template is None else str(instance.template)
