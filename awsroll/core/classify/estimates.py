"""Estimates how long a replacement takes, and how many servers run at the same time while others drain.

They follow from the timers in AWS and the two guesses below. The plan shows them; no decision of a rollout uses them.
"""

from collections.abc import Iterable

from awsroll.core.classify.capacity import Bounds
from awsroll.core.classify.draining import drain_seconds
from awsroll.core.classify.target_group_settings import with_health_checks
from awsroll.core.model.observation import TargetGroup
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_choices import Strategy

BOOT_SECONDS = 60.0  # a typical Linux instance, from the launch call until its application listens
COMMAND_SECONDS = 30.0  # a reload command, including its delivery by SSM
_NETWORK_REGISTRATION_SECONDS = 180


def seconds_to_drain(rollout: Rollout, groups: Iterable[TargetGroup]) -> float:
    """Return how long a server drains."""
    return max((drain_seconds(group, rollout.deregistration_delay_seconds) for group in groups), default=0)


def seconds_to_replace(rollout: Rollout, groups: Iterable[TargetGroup]) -> float:
    """Return how long a new server, or new code, takes until it serves."""
    requested = rollout.health_check_interval_seconds, rollout.health_check_threshold
    checked = (with_health_checks(group, *requested) for group in groups)
    verify = max(map(_seconds_to_healthy, checked), default=0) + rollout.limits.min_healthy_seconds
    return verify + (COMMAND_SECONDS if rollout.strategy is Strategy.RELOAD else BOOT_SECONDS)


def _seconds_to_healthy(group: TargetGroup) -> float:
    registration = _NETWORK_REGISTRATION_SECONDS if group.is_network else 0
    return registration + group.health_interval_seconds * group.healthy_threshold + group.slow_start_seconds


def overlaps(rollout: Rollout) -> bool:
    """Return whether replacements are launched while other servers drain."""
    return not (rollout.reloads or rollout.keep_old or rollout.strategy is Strategy.DOUBLE_HALF)


def draining_at_a_time(rollout: Rollout, limits: Bounds, groups: tuple[TargetGroup, ...], outdated: int) -> int:
    """Return how many servers drain at the same time beside those that count as live.

    Worked example: 20 servers, 4 at a time, a drain of 300 s and 210 s until a replacement serves. When the second four
    begin to drain, the first four still drain: 8.
    """
    if not overlaps(rollout):
        return 0
    rounds = -(-seconds_to_drain(rollout, groups) // max(1.0, seconds_to_replace(rollout, groups)))
    return min(outdated, limits.window * int(rounds))


def most_running(rollout: Rollout, limits: Bounds, groups: tuple[TargetGroup, ...], outdated: int) -> int:
    """Return how many servers run at the same time at most, draining and kept failed ones included."""
    most = limits.ceiling + draining_at_a_time(rollout, limits, groups, outdated) + rollout.keep_failed
    return most if limits.max_running is None else min(most, limits.max_running)
