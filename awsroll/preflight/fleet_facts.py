"""What the preflight has seen of a fleet, before it becomes a `Rollout`: values only."""

from dataclasses import dataclass

from awsroll.core.model.observation import FleetKind, Instance, InstanceState, TargetGroup, TargetKey, TemplateVersion

_LIVING = (InstanceState.PENDING, InstanceState.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateSetting:
    """What a group says it launches from: a template's id, and a number or alias as written."""

    template_id: str
    version: str

    def __str__(self) -> str:
        return f"{self.template_id}:{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFacts:
    """What only a fleet of an Auto Scaling group has.

    Attributes:
        launch_hook_seconds: heartbeats of the hooks that hold a launch; `terminate_hook_seconds` likewise.
        grace_seconds: how long the group leaves a new member's health alone: what its application needs to start.
        zones: its Availability Zones and subnets, sorted.
    """

    name: str
    minimum: int
    maximum: int
    desired: int
    setting: TemplateSetting | None
    launch_hook_seconds: float = 0
    terminate_hook_seconds: float = 0
    grace_seconds: float = 0
    extra_targets: tuple[TargetKey, ...] = ()
    zones: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetFacts:
    """A fleet, as found.

    Attributes:
        name: as people name it.
        instances: the fleet's own, with their registrations.
    """

    kind: FleetKind
    name: str
    target_groups: tuple[TargetGroup, ...]
    instances: tuple[Instance, ...]
    group: GroupFacts | None = None

    @property
    def live(self) -> tuple[Instance, ...]:
        """The instances that run, or are about to."""
        return tuple(instance for instance in self.instances if instance.state in _LIVING)

    @property
    def desired(self) -> int:
        """How many servers the fleet should have."""
        return len(self.instances) if self.group is None else self.group.desired


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """The version asked for: a pinned template, or for a reload none."""

    template: TemplateVersion | None = None
    app_version: str = ""

    def is_on(self, instance: Instance) -> bool:
        """Tell whether an instance runs it already."""
        if self.template is None:
            return instance.app_version == self.app_version
        return instance.template == self.template
