"""What the request of a plan says, as values: the settings it touches, its gates, and what a failure leads to."""

from dataclasses import dataclass

from awsroll.core.decide.suspended_processes import processes_to_suspend
from awsroll.core.model.rollout_choices import Zones
from awsroll.core.request.spec import RolloutSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSetting:
    """A setting that the rollout changes.

    Attributes:
        becomes: its value during the rollout, in words where it depends on the course.
        words: the change for people.
        is_restored: the old value returns at the end. If not, the new one stays after a success.
    """

    setting: str
    becomes: str
    words: str
    is_restored: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedGates:
    """The gates of a rollout. Times are in seconds; a time of None has no limit."""

    checkpoints: tuple[str, ...] = ()
    checkpoint_delay: float = 0
    approve_checkpoints: bool = False
    approval_timeout: float | None = None
    bake_time: float = 0
    alarms: tuple[str, ...] = ()
    zones: str = str(Zones.TOGETHER)
    zone_bake: float = 0
    rehearse: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FailurePolicy:
    """What a failure leads to.

    Attributes:
        max_failures: how many failed replacements are replaced again.
        on_failure: what the next failure leads to: `rollback`, `pause` or `stop`.
        keep_failed: how many failed servers are kept for inspection.
        keep_failed_for: for how long, in seconds.
    """

    max_failures: int
    on_failure: str
    keep_failed: int
    keep_failed_for: float


def planned_gates(request: RolloutSpec) -> PlannedGates:
    """Return the gates of a request."""
    return PlannedGates(
        checkpoints=tuple(map(str, request.checkpoint)),
        checkpoint_delay=request.checkpoint_delay,
        approve_checkpoints=request.approve_checkpoints,
        approval_timeout=request.approval_timeout,
        bake_time=request.bake_time,
        alarms=request.alarm,
        zones=str(request.zones),
        zone_bake=request.zone_bake,
        rehearse=request.rehearse,
    )


def failure_policy(request: RolloutSpec) -> FailurePolicy:
    """Return what a failure leads to."""
    return FailurePolicy(
        max_failures=request.max_failures,
        on_failure=str(request.after_failure),
        keep_failed=request.keep_failed,
        keep_failed_for=request.keep_failed_for if request.keep_failed else 0,
    )


def planned_settings(request: RolloutSpec, *, surges: bool, version: str) -> tuple[PlannedSetting, ...]:
    """Return the settings of the group and its target groups that the rollout changes.

    Args:
        request: the request.
        surges: more servers than desired may be live.
        version: the launch template version that the group gets; empty if it keeps its own.
    """
    of_group = _of_group(surges=surges, version=version) if request.asg else ()
    return (*of_group, *_of_target_groups(request))


def _of_group(*, surges: bool, version: str) -> tuple[PlannedSetting, ...]:
    processes = ", ".join(processes_to_suspend(surges=surges))
    words = f"{processes} suspended while servers are in flight"
    found = [PlannedSetting(setting="suspended-processes", becomes=processes, words=words)]
    if surges:
        words = "maximum size raised if the surge needs it"
        found.append(PlannedSetting(setting="max-size", becomes="raised if the surge needs it", words=words))
    if version:
        words = f"launch template version set to {version}, kept after success"
        found.append(PlannedSetting(setting="version", becomes=version, words=words, is_restored=False))
    return tuple(found)


def _of_target_groups(request: RolloutSpec) -> tuple[PlannedSetting, ...]:
    delay, interval = request.deregistration_delay, request.health_check_interval
    threshold = request.health_check_threshold
    values = (
        ("deregistration-delay", delay, f"deregistration delay {delay} s"),
        ("health-check-interval", interval, f"health check interval {interval} s"),
        ("health-check-threshold", threshold, f"healthy threshold {threshold}"),
    )
    return tuple(
        PlannedSetting(setting=name, becomes=str(value), words=words)
        for name, value, words in values
        if value is not None
    )
