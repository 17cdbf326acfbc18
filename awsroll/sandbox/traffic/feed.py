"""The facts about instances and targets that the world pushes to the traffic.

The world calls back with its lock held, in the thread of the change. The feed copies each change into a frozen fact at
once and pushes it, so the traffic's thread never reads the world or waits for its lock. Facts have the order of the
changes.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from awsroll.sandbox.api_errors import ApiError
from awsroll.sandbox.instance import Health
from awsroll.sandbox.traffic.target_table import GONE, SHIFTED, RoutingThreshold, TargetKey


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceFact:
    """The current state of an instance."""

    instance_id: str
    version: str
    answers: Mapping[int, Health]
    """How the application answers on each traffic port on which the instance was ever registered."""
    error_share: float = 0.0
    """The share of requests that a healthy application fails, 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetFact:
    """The current state of a target: a state of the API, "gone" after the drain, or "shifted"."""

    key: TargetKey
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdFact:
    """The current routing threshold of a target group."""

    target_group_arn: str
    threshold: RoutingThreshold


Fact: TypeAlias = InstanceFact | TargetFact | ThresholdFact


class TrafficInstance(Protocol):
    """The part of a simulated instance that traffic reads."""

    @property
    def instance_id(self) -> str: ...  # noqa: D102
    @property
    def state(self) -> str: ...  # noqa: D102
    @property
    def version_label(self) -> str: ...  # noqa: D102
    @property
    def error_share(self) -> float: ...  # noqa: D102
    def answers(self, port: int | None = None) -> Health: ...  # noqa: D102


class TrafficTarget(Protocol):
    """The part of a simulated target that traffic reads."""

    @property
    def instance_id(self) -> str: ...  # noqa: D102
    @property
    def port(self) -> int: ...  # noqa: D102
    @property
    def state(self) -> str: ...  # noqa: D102
    @property
    def shifted(self) -> bool: ...  # noqa: D102


class TrafficTargetGroup(Protocol):
    """The part of a target group's settings that traffic reads."""

    @property
    def least_healthy_count(self) -> int: ...  # noqa: D102
    @property
    def least_healthy_percentage(self) -> int: ...  # noqa: D102


class Instances(Protocol):
    """The part of the simulated EC2 that traffic reads."""

    def find(self, instance_id: str) -> TrafficInstance | None: ...  # noqa: D102
    def on_change(self, callback: Callable[[Any], None]) -> object: ...  # noqa: D102


class Targets(Protocol):
    """The part of the simulated load balancing that traffic reads."""

    def targets(self, target_group_arn: str, /) -> Sequence[TrafficTarget]: ...  # noqa: D102
    def target_group(self, target_group_arn: str, /) -> TrafficTargetGroup: ...  # noqa: D102
    def on_change(self, callback: Callable[[str, Any], None]) -> object: ...  # noqa: D102
    def on_settings_change(self, callback: Callable[[], None]) -> object: ...  # noqa: D102


class TrafficWorld(Protocol):
    """The part of the simulated world that traffic reads."""

    @property
    def lock(self) -> AbstractContextManager[Any]: ...  # noqa: D102
    @property
    def ec2(self) -> Instances: ...  # noqa: D102
    @property
    def elb(self) -> Targets: ...  # noqa: D102
    def count_connections(self, count: Callable[[str], int]) -> None: ...  # noqa: D102


class WorldFeed:
    """Pushes the current state of the world, then every change, until it is closed.

    Args:
        world: the world to follow.
        target_groups: the ARNs of the target groups to follow.
        push: receives each fact. It is called with the world's lock held, so it must not wait.
    """

    def __init__(self, world: TrafficWorld, target_groups: Sequence[str], push: Callable[[Fact], None]) -> None:
        self._world = world
        self._target_groups = tuple(target_groups)
        self._push = push
        self._ports: dict[str, set[int]] = {}
        self._open = False

    def open(self) -> None:
        """Push the current state, then every change without a gap."""
        with self._world.lock:
            self._open = True
            for arn in self._target_groups:
                for target in self._world.elb.targets(arn):
                    self._target_changed(arn, target)
            self._world.ec2.on_change(self._instance_changed)
            self._world.elb.on_change(self._target_changed)
            self._world.elb.on_settings_change(self._settings_changed)
            self._settings_changed()

    def close(self) -> None:
        """Stop pushing. No push is in progress when this returns."""
        with self._world.lock:
            self._open = False

    def _instance_changed(self, instance: TrafficInstance) -> None:
        ports = self._ports.get(instance.instance_id)
        if not self._open or not ports:
            return
        answers = {port: instance.answers(port) for port in ports}
        fact = InstanceFact(
            instance_id=instance.instance_id,
            version=instance.version_label,
            answers=answers,
            error_share=instance.error_share,
        )
        self._push(fact)
        if instance.state == "terminated":
            del self._ports[instance.instance_id]

    def _target_changed(self, target_group_arn: str, target: TrafficTarget) -> None:
        if not self._open or target_group_arn not in self._target_groups:
            return
        self._use_port(target.instance_id, target.port)
        key = TargetKey(target_group_arn=target_group_arn, instance_id=target.instance_id, port=target.port)
        shifted = target.shifted and target.state != GONE
        self._push(TargetFact(key=key, state=SHIFTED if shifted else target.state))

    def _settings_changed(self) -> None:
        for arn in self._target_groups if self._open else ():
            try:
                group = self._world.elb.target_group(arn)
            except ApiError:
                continue  # the target group was deleted
            threshold = RoutingThreshold(count=group.least_healthy_count, percentage=group.least_healthy_percentage)
            self._push(ThresholdFact(target_group_arn=arn, threshold=threshold))

    def _use_port(self, instance_id: str, port: int) -> None:
        instance = self._world.ec2.find(instance_id)
        if instance is None or instance.state == "terminated":
            return
        ports = self._ports.setdefault(instance_id, set())
        if port not in ports:
            ports.add(port)
            self._instance_changed(instance)
