"""What the traffic knows of the simulated world: facts about instances and targets, pushed as they happen.

The world calls back while it holds its lock, in whatever thread made the change. Each change is copied into a small
frozen fact there and then and handed on; nothing of the world is read later, and its lock is never waited for from the
traffic's own thread. The order of the facts is the order of the changes.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from awsroll.sandbox.instance import Health
from awsroll.sandbox.traffic.target_table import TargetKey


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceFact:
    """An instance as it is now."""

    instance_id: str
    version: str
    answers: Mapping[int, Health]
    """How the application answers on each traffic port the instance was ever registered with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetFact:
    """A target as it is now; `state` is the API's, or "gone" once it is drained."""

    key: TargetKey
    state: str


Fact: TypeAlias = InstanceFact | TargetFact


class SeenInstance(Protocol):
    """The part of a simulated instance that traffic reads."""

    @property
    def instance_id(self) -> str: ...  # noqa: D102
    @property
    def state(self) -> str: ...  # noqa: D102
    @property
    def version_label(self) -> str: ...  # noqa: D102
    def answers(self, port: int | None = None) -> Health: ...  # noqa: D102


class SeenTarget(Protocol):
    """The part of a simulated target that traffic reads."""

    @property
    def instance_id(self) -> str: ...  # noqa: D102
    @property
    def port(self) -> int: ...  # noqa: D102
    @property
    def state(self) -> str: ...  # noqa: D102


class Instances(Protocol):
    """The part of the simulated EC2 that traffic reads."""

    def find(self, instance_id: str) -> SeenInstance | None: ...  # noqa: D102
    def on_change(self, callback: Callable[[Any], None]) -> object: ...  # noqa: D102


class Targets(Protocol):
    """The part of the simulated load balancing that traffic reads."""

    def targets(self, target_group_arn: str, /) -> Sequence[SeenTarget]: ...  # noqa: D102
    def on_change(self, callback: Callable[[str, Any], None]) -> object: ...  # noqa: D102


class TrafficWorld(Protocol):
    """The part of the simulated world that traffic stands on."""

    @property
    def lock(self) -> AbstractContextManager[Any]: ...  # noqa: D102
    @property
    def ec2(self) -> Instances: ...  # noqa: D102
    @property
    def elb(self) -> Targets: ...  # noqa: D102


class WorldFeed:
    """Hands on what the world is like, then every change, until it is closed.

    Args:
        world: whose instances and targets to follow.
        target_groups: the ARNs of the groups to follow.
        push: takes a fact; called with the world's lock held, so it must not wait.
    """

    def __init__(self, world: TrafficWorld, target_groups: Sequence[str], push: Callable[[Fact], None]) -> None:
        self._world = world
        self._target_groups = tuple(target_groups)
        self._push = push
        self._ports: dict[str, set[int]] = {}
        self._open = False

    def open(self) -> None:
        """Push the present state and follow from there, with nothing missed in between."""
        with self._world.lock:
            self._open = True
            for arn in self._target_groups:
                for target in self._world.elb.targets(arn):
                    self._saw_target(arn, target)
            self._world.ec2.on_change(self._saw_instance)
            self._world.elb.on_change(self._saw_target)

    def close(self) -> None:
        """Push nothing from now on; when this returns, no push is under way."""
        with self._world.lock:
            self._open = False

    def _saw_instance(self, instance: SeenInstance) -> None:
        ports = self._ports.get(instance.instance_id)
        if not self._open or not ports:
            return
        answers = {port: instance.answers(port) for port in ports}
        fact = InstanceFact(instance_id=instance.instance_id, version=instance.version_label, answers=answers)
        self._push(fact)
        if instance.state == "terminated":
            del self._ports[instance.instance_id]

    def _saw_target(self, target_group_arn: str, target: SeenTarget) -> None:
        if not self._open or target_group_arn not in self._target_groups:
            return
        self._use_port(target.instance_id, target.port)
        key = TargetKey(target_group_arn=target_group_arn, instance_id=target.instance_id, port=target.port)
        self._push(TargetFact(key=key, state=target.state))

    def _use_port(self, instance_id: str, port: int) -> None:
        instance = self._world.ec2.find(instance_id)
        if instance is None or instance.state == "terminated":
            return
        ports = self._ports.setdefault(instance_id, set())
        if port not in ports:
            ports.add(port)
            self._saw_instance(instance)
