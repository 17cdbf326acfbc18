"""The facts about a fleet that the preflight reads before it builds a `Rollout`. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from awsroll.aws.caller import Reply
from awsroll.aws.parse_answers import vcpus_of
from awsroll.core.model.observation import FleetKind, Instance, InstanceState, TargetGroup, TargetKey, TemplateVersion
from awsroll.preflight.inventory import Entry
from awsroll.preflight.routing_facts import Routing

_LIVING = (InstanceState.PENDING, InstanceState.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateSetting:
    """The launch template of a group's settings: an id, and a number or alias as written."""

    template_id: str
    version: str

    def __str__(self) -> str:
        return f"{self.template_id}:{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFacts:
    """The facts about an Auto Scaling group.

    Attributes:
        launch_hook_seconds: the sum of the heartbeat timeouts of launch hooks.
        terminate_hook_seconds: the sum of the heartbeat timeouts of terminate hooks.
        grace_seconds: the health check grace period: how long an application may need to start.
        zones: the Availability Zones and subnets, sorted.
        subnets: its subnets, each with its zone.
        launch_zones: the Availability Zones that its settings name.
        tags: the keys of its tags.
        mixes_purchase_options: it has both On-Demand and Spot Instances.
        replaced_root_volumes: the members whose root volume was replaced, each with what differs from its launch.
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
    subnets: tuple[tuple[str, str], ...] = ()
    launch_zones: tuple[str, ...] = ()
    tags: frozenset[str] = frozenset()
    mixes_purchase_options: bool = False
    replaced_root_volumes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSize:
    """What a server takes of a quota of EC2; 0 vCPUs if EC2 does not show them, or on a dedicated host."""

    instance_type: str
    vcpus: int
    spot: bool = False


def size_of(described: Reply) -> ServerSize:
    """Return the size of an instance as EC2 describes it."""
    on_host = described.get("Placement", {}).get("Tenancy") == "host"
    return ServerSize(
        instance_type=str(described.get("InstanceType") or ""),
        vcpus=0 if on_host else vcpus_of(described),
        spot=described.get("InstanceLifecycle") == "spot",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetFacts:
    """The facts about a fleet.

    Attributes:
        name: the group's name, or the names of the target groups.
        instances: the instances of the fleet with their registrations.
        inventory: what sends requests to the instances or depends on them.
        routing: how requests reach the servers through each target group.
        spot: standalone: the ids of the Spot Instances.
        free_addresses: the number of free addresses by subnet; empty if they could not be read.
        sizes: what each server takes of a quota, by instance id.
        described: the servers of the fleet as EC2 describes them, by instance id.
    """

    kind: FleetKind
    name: str
    target_groups: tuple[TargetGroup, ...]
    instances: tuple[Instance, ...]
    group: GroupFacts | None = None
    inventory: tuple[Entry, ...] = ()
    routing: tuple[Routing, ...] = ()
    spot: frozenset[str] = frozenset()
    free_addresses: Mapping[str, int] = field(default_factory=dict)
    sizes: Mapping[str, ServerSize] = field(default_factory=dict)
    described: Mapping[str, Reply] = field(default_factory=dict)

    @property
    def live(self) -> tuple[Instance, ...]:
        """Return the instances that run or are pending."""
        return tuple(instance for instance in self.instances if instance.state in _LIVING)

    @property
    def desired(self) -> int:
        """Return how many servers the fleet should have."""
        return len(self.instances) if self.group is None else self.group.desired


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """The requested version: a pinned template, or an application version for a reload."""

    template: TemplateVersion | None = None
    app_version: str = ""

    def is_on(self, instance: Instance) -> bool:
        """Return whether an instance already runs the goal version."""
        if self.template is None:
            return instance.app_version == self.app_version
        return instance.template == self.template
