"""The settings of a target group that a rollout may change: their values now, and the values that the request sets."""

from awsroll.core.classify.draining import delay_in_rollout
from awsroll.core.model.observation import TargetGroup
from awsroll.core.model.replacing import replace
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.setting_names import DELAY, INTERVAL, THRESHOLD


def value_in(group: TargetGroup, setting: str) -> str:
    """Return the value of a setting of a target group, in the form of the saved settings."""
    values = {
        DELAY: group.deregistration_delay_seconds,
        INTERVAL: group.health_interval_seconds,
        THRESHOLD: group.healthy_threshold,
    }
    return f"{values[setting]:g}"


def values_in_rollout(group: TargetGroup, rollout: Rollout) -> dict[str, str]:
    """Return the values that the settings of a target group have during a rollout, by setting."""
    requested = with_health_checks(group, rollout.health_check_interval_seconds, rollout.health_check_threshold)
    return {
        DELAY: f"{delay_in_rollout(group, rollout.deregistration_delay_seconds):g}",
        INTERVAL: value_in(requested, INTERVAL),
        THRESHOLD: value_in(requested, THRESHOLD),
    }


def with_health_checks(group: TargetGroup, interval_seconds: float | None, threshold: int | None) -> TargetGroup:
    """Return a target group with the health checks that a request sets; None leaves a setting unchanged."""
    return replace(
        group,
        health_interval_seconds=group.health_interval_seconds if interval_seconds is None else interval_seconds,
        healthy_threshold=group.healthy_threshold if threshold is None else threshold,
    )
