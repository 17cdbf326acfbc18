"""When a server serves, judged by one observation of it: the same rule for the engine and for the single stages.

The rule is stricter than Auto Scaling's `InService`, which means only that a member is registered. A server serves if
it runs, its group (if any) has it in service and does not report it unhealthy, and it is healthy on every port of every
target group, both where it must be registered and where it is registered. A target that a zonal shift keeps requests
away from is healthy and does not serve.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from awsroll.core.model.observation import Instance, InstanceState, Lifecycle, TargetKey, TargetState

ALIVE = (InstanceState.PENDING, InstanceState.RUNNING)
"""EC2 states of an instance that runs or will run."""
LEAVING = (Lifecycle.TERMINATING, Lifecycle.TERMINATED, Lifecycle.DETACHING, Lifecycle.RETAINED)
"""Lifecycle states of a member that its group is ending or giving up."""


class ObstacleKind(StrEnum):
    """What can keep a server from serving, in the order in which it is checked."""

    NOT_RUNNING = "not running"
    NOT_IN_SERVICE = "not in service in its group"
    MARKED_UNHEALTHY = "marked unhealthy by its group"
    TARGET = "not healthy in a target group"


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """The first thing that keeps a server from serving.

    Attributes:
        kind: what it is.
        key: the registration that is missing or not healthy; None for other kinds.
    """

    kind: ObstacleKind
    key: TargetKey | None = None


def obstacle(
    instance: Instance, required: Sequence[TargetKey], *, in_group: bool, ignore_mark: bool = False
) -> Obstacle | None:
    """Return the first thing that keeps an instance from serving, or None if it serves.

    Args:
        instance: the instance as observed.
        required: where it must be registered, besides where it is registered.
        in_group: the fleet is an Auto Scaling group: only a member in service serves.
        ignore_mark: a member that its group marks unhealthy can serve.
    """
    if instance.state is not InstanceState.RUNNING and not _is_shown_healthy(instance):
        return Obstacle(kind=ObstacleKind.NOT_RUNNING)
    if in_group and instance.lifecycle is not Lifecycle.IN_SERVICE:
        return Obstacle(kind=ObstacleKind.NOT_IN_SERVICE)
    if instance.marked_unhealthy and not ignore_mark:
        return Obstacle(kind=ObstacleKind.MARKED_UNHEALTHY)
    if _takes_requests_everywhere(instance, required):
        return None if in_group or instance.targets else Obstacle(kind=ObstacleKind.TARGET)
    listed = {target.key: target for target in instance.targets}
    wanted = (*required, *listed)
    for key in wanted:
        if key not in listed or not listed[key].takes_requests:
            return Obstacle(kind=ObstacleKind.TARGET, key=key)
    return None if in_group or wanted else Obstacle(kind=ObstacleKind.TARGET)


def _takes_requests_everywhere(instance: Instance, required: Sequence[TargetKey]) -> bool:
    keys = []
    for target in instance.targets:
        if not target.takes_requests:
            return False
        keys.append(target.key)
    return not [key for key in required if key not in keys]


def _is_shown_healthy(instance: Instance) -> bool:
    """Return whether EC2 does not show the instance yet, but a target group calls it healthy: then it runs."""
    missing = instance.state is InstanceState.MISSING
    return missing and any(target.state is TargetState.HEALTHY for target in instance.targets)


def unregistered(instance: Instance, keys: Iterable[TargetKey]) -> tuple[TargetKey, ...]:
    """Return those of the keys where the instance must be registered: it is not listed there, or it drains there."""
    active = {target.key for target in instance.targets if target.state is not TargetState.DRAINING}
    return tuple(key for key in keys if key not in active)
