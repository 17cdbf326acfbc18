"""The EC2 of the fake AWS: instances that boot, run, misbehave, stop and disappear.

Client tokens work as in RunInstances: a token belongs to one zone. Target groups and the Auto Scaling group register
listeners to learn of state changes.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from awsroll.core.model.observation import InstanceState, StatusCheck, TargetKey, TemplateVersion
from awsroll.testing.world import World

if TYPE_CHECKING:
    from collections.abc import Callable


class Misbehaviour(StrEnum):
    """What is wrong with a bad version."""

    NEVER_HEALTHY = "never-healthy"
    DIES = "dies"
    FLAPS = "flaps"
    BOOT_FAILS = "boot-fails"
    IMPAIRED = "impaired"
    """Its instance status check is impaired, while its application is healthy. Its group replaces it, later."""


class CallError(Exception):
    """A refusal by the fake AWS: the call had no effect."""

    def __init__(self, message: str, *, code: str, transient: bool = False, denied: bool = False) -> None:
        self.code = code
        self.transient = transient
        self.denied = denied
        super().__init__(message)


_SHUTS_ITSELF_DOWN = "Client.InstanceInitiatedShutdown"
LIVE = frozenset({InstanceState.PENDING, InstanceState.RUNNING})


@dataclass(slots=True, kw_only=True)
class FakeInstance:
    """One instance and its true state.

    Attributes:
        keys: the targets where the instance should be registered.
        application_version: the version that it runs: the template version, or the version of the last reload.
        started: its application is up.
        broken: someone made its application fail.
        is_new: the rollout or the group launched the instance.
        foreign: it is registered in the fleet's target groups but belongs to someone else.
    """

    instance_id: str
    zone: str
    subnet_id: str
    template: TemplateVersion | None
    launched_at: datetime
    keys: tuple[TargetKey, ...] = ()
    state: InstanceState = InstanceState.PENDING
    state_reason: str = ""
    client_token: str = ""
    launch_index: int = 0
    tags: dict[str, str] = field(default_factory=dict)
    application_version: str = ""
    started: bool = False
    broken: bool = False
    ill: bool = False
    long_impaired: bool = False
    protected: bool = False
    is_new: bool = False
    foreign: bool = False
    visible_at: datetime | None = None
    terminated_at: datetime | None = None

    @property
    def live(self) -> bool:
        """Pending or running."""
        return self.state in LIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchRequest:
    """The parameters of a RunInstances call; a token identifies exactly one set of parameters."""

    zone: str
    subnet_id: str
    template: TemplateVersion | None
    count: int = 1
    tags: tuple[tuple[str, str], ...] = ()


class Instances:
    """All instances of the fake AWS."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._all: dict[str, FakeInstance] = {}
        self._tokens: dict[tuple[str, str], tuple[LaunchRequest, tuple[str, ...]]] = {}
        self.bad_versions: dict[str, Misbehaviour] = {}
        self.listeners: list[Callable[[FakeInstance], None]] = []

    def all(self) -> tuple[FakeInstance, ...]:
        """Return every instance, terminated instances included, oldest first."""
        return tuple(self._all.values())

    def __getitem__(self, instance_id: str) -> FakeInstance:
        return self._all[instance_id]

    def find(self, instance_id: str) -> FakeInstance | None:
        """Return the instance with that id, even if it is not visible."""
        return self._all.get(instance_id)

    def visible(self, instance_id: str) -> bool:
        """Return whether a describe call shows the instance: neither right after launch nor long after its end."""
        instance = self._all.get(instance_id)
        if instance is None or (instance.visible_at is not None and self._world.now < instance.visible_at):
            return False
        end = instance.terminated_at
        return end is None or self._world.now < end + timedelta(seconds=self._world.physics.terminated_visible)

    def replay(self, token: str, request: LaunchRequest) -> tuple[str, ...] | None:
        """Return the instances of a launch whose token is known in that zone; None: the token is new.

        Raises:
            CallError: if the parameters differ, or all instances of the launch are terminated.
        """
        known = self._tokens.get((token, request.zone))
        if known is None:
            return None
        first, ids = known
        if first != request:
            message = "Idempotent request parameters mismatch"
            raise CallError(message, code="IdempotentParameterMismatch")
        if all(self[instance_id].state is InstanceState.TERMINATED for instance_id in ids):
            message = "The instance launched with this client token is terminated"
            raise CallError(message, code="IdempotentInstanceTerminated")
        return ids

    def launch(self, request: LaunchRequest, *, token: str = "", keys: tuple[TargetKey, ...] = ()) -> tuple[str, ...]:
        """Launch instances; a repeated token with the same parameters returns the same instances."""
        if token and (known := self.replay(token, request)) is not None:
            return known
        ids = tuple(self._new(request, token, keys).instance_id for _ in range(request.count))
        if token:
            self._tokens[token, request.zone] = (request, ids)
        return ids

    def place(self, request: LaunchRequest, keys: tuple[TargetKey, ...]) -> FakeInstance:
        """Add an instance that has long been running."""
        instance = self._make(request, "", keys)
        instance.launched_at -= timedelta(days=30)
        instance.state = InstanceState.RUNNING
        instance.started = True
        return instance

    def terminate(self, instance_id: str) -> None:
        """Terminate an instance; do nothing if it is already terminating."""
        instance = self[instance_id]
        if instance.live or instance.state in (InstanceState.STOPPING, InstanceState.STOPPED):
            self._leave(instance, "Client.UserInitiatedShutdown")

    def die(self, instance_id: str, reason: str) -> None:
        """Make an instance end by itself immediately."""
        instance = self[instance_id]
        if instance.state is not InstanceState.TERMINATED:
            self._world.record("instance.died", instance_id, reason)
            instance.state_reason = reason
            self._end(instance)

    def changed(self, instance: FakeInstance) -> None:
        """Notify the listeners that an instance or its application has changed."""
        self._world.touch(instance.instance_id)
        for listener in self.listeners:
            listener(instance)

    def well(self, instance: FakeInstance) -> bool:
        """Return whether the application would pass a health check now."""
        bad = self.bad_versions.get(instance.application_version)
        never = bad is Misbehaviour.NEVER_HEALTHY
        up = instance.state is InstanceState.RUNNING and instance.started
        return up and not (instance.broken or instance.ill or never)

    def is_impaired(self, instance: FakeInstance) -> bool:
        """Return whether the instance status check fails."""
        return self.bad_versions.get(instance.application_version) is Misbehaviour.IMPAIRED

    def status_check(self, instance_id: str) -> StatusCheck:
        """Return what the status checks of an instance say."""
        instance = self[instance_id]
        known_at = instance.launched_at + timedelta(seconds=self._world.physics.status_check)
        if instance.state is not InstanceState.RUNNING or self._world.now < known_at:
            return StatusCheck.UNKNOWN
        return StatusCheck.INSTANCE_IMPAIRED if self.is_impaired(instance) else StatusCheck.OK

    def run_version(self, instance: FakeInstance, version: str) -> None:
        """Make the instance run another version from now on."""
        instance.application_version = version
        instance.started = True
        instance.ill = False
        self._misbehave(instance)
        self.changed(instance)

    def _new(self, request: LaunchRequest, token: str, keys: tuple[TargetKey, ...]) -> FakeInstance:
        instance = self._make(request, token, keys)
        physics = self._world.physics
        instance.is_new = True
        instance.visible_at = self._world.now + timedelta(seconds=physics.visibility)
        self._world.record("instance.launched", instance.instance_id, f"{request.template} in {request.zone}")
        self._world.after(physics.boot, lambda: self._boot(instance))
        return instance

    def _make(self, request: LaunchRequest, token: str, keys: tuple[TargetKey, ...]) -> FakeInstance:
        instance = FakeInstance(
            instance_id=f"i-{len(self._all) + 1:04d}",
            zone=request.zone,
            subnet_id=request.subnet_id,
            template=request.template,
            launched_at=self._world.now,
            keys=keys,
            client_token=token,
            tags=dict(request.tags),
            application_version=str(request.template),
        )
        self._all[instance.instance_id] = instance
        self._world.touch(instance.instance_id)
        return instance

    def _boot(self, instance: FakeInstance) -> None:
        if instance.state is not InstanceState.PENDING:
            return
        if self.bad_versions.get(instance.application_version) is Misbehaviour.BOOT_FAILS:
            self.die(instance.instance_id, "Client.InternalError")
            return
        instance.state = InstanceState.RUNNING
        self._world.record("instance.running", instance.instance_id)
        self._world.after(self._world.physics.application, lambda: self._start(instance))
        self.changed(instance)

    def _start(self, instance: FakeInstance) -> None:
        if instance.state is InstanceState.RUNNING and not instance.started:
            self._world.record("application.started", instance.instance_id)
            self.run_version(instance, instance.application_version)

    def _misbehave(self, instance: FakeInstance) -> None:
        physics = self._world.physics
        match self.bad_versions.get(instance.application_version):
            case Misbehaviour.DIES:
                self._world.after(physics.early_death, lambda: self.die(instance.instance_id, _SHUTS_ITSELF_DOWN))
            case Misbehaviour.FLAPS:
                self._world.after(physics.flap, lambda: self._flap(instance))
            case Misbehaviour.IMPAIRED:
                self._world.after(physics.status_check + physics.impaired, lambda: self._stay_impaired(instance))

    def _stay_impaired(self, instance: FakeInstance) -> None:
        if instance.live and self.is_impaired(instance):
            instance.long_impaired = True
            self.changed(instance)

    def _flap(self, instance: FakeInstance) -> None:
        if not instance.live or self.bad_versions.get(instance.application_version) is not Misbehaviour.FLAPS:
            return
        instance.ill = not instance.ill
        self._world.after(self._world.physics.flap, lambda: self._flap(instance))
        self.changed(instance)

    def _leave(self, instance: FakeInstance, reason: str) -> None:
        instance.state = InstanceState.SHUTTING_DOWN
        instance.state_reason = reason
        self._world.record("instance.shutting-down", instance.instance_id, reason)
        self._world.after(self._world.physics.stop, lambda: self._end(instance))
        self.changed(instance)

    def _end(self, instance: FakeInstance) -> None:
        if instance.state is not InstanceState.TERMINATED:
            instance.state = InstanceState.TERMINATED
            instance.terminated_at = self._world.now
            self._world.record("instance.terminated", instance.instance_id, instance.state_reason)
            self.changed(instance)
