"""What a simulated service needs of its surroundings: the account, the time, the switches and the other services.

`World` satisfies every interface here and passes itself to the services it creates. A service depends on this file
alone, never on the world or on another service.
"""

from collections.abc import Callable, Container, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any, Protocol

from awsroll.sandbox.instance import SimInstance
from awsroll.sandbox.sandbox_options import SandboxOptions
from awsroll.sandbox.target import SimTarget
from awsroll.sandbox.timeline import Timer


class Account(Protocol):
    """The simulated account and region."""

    @property
    def region(self) -> str:
        """The region whose calls are simulated."""
        ...

    @property
    def account_id(self) -> str:
        """The account that owns every resource."""
        ...


class ServiceContext(Account, Protocol):
    """The account, the switches and the time: what every service needs."""

    @property
    def options(self) -> SandboxOptions:
        """The current switches."""
        ...

    def now(self) -> datetime:
        """Return the current instant."""
        ...

    def after(self, seconds: float, action: Callable[[], None]) -> Timer:
        """Run `action` when `seconds` of simulated time have passed."""
        ...

    def scaled(self, seconds: float) -> timedelta:
        """Return how long `seconds` of simulated time take on the clock."""
        ...


class LaunchDecisions(Protocol):
    """What the fault rules decide for one launch."""

    def grant(self, zone: str, requested: int) -> int:
        """Return how many of `requested` instances may launch into a zone."""
        ...

    def refuse_launch(self, zone: str, version: str) -> None:
        """Raise `ApiError` if a rule refuses the launch of a template version into a zone."""
        ...

    def is_unfinished(self, zone: str) -> bool:
        """Return whether LaunchInstances answers before the launch is done."""
        ...

    def unseen_seconds(self, zone: str) -> float:
        """Return how long launched instances stay unknown to EC2's reads."""
        ...


class LaunchFaults(Protocol):
    """The fault rules, as EC2 consults them."""

    def of_launch(self) -> LaunchDecisions:
        """Return the decisions for the launch in progress."""
        ...


class InstanceService(Protocol):
    """EC2, as the other services use it."""

    def instances(self) -> Sequence[SimInstance]:
        """Return every instance that EC2 still knows, in order of launch."""
        ...

    def find(self, instance_id: str) -> SimInstance | None:
        """Return the instance, or None if EC2 does not know it."""
        ...

    def at_address(self, address: str) -> SimInstance | None:
        """Return the instance that has a private or IPv6 address now, or None."""
        ...

    def instance(self, instance_id: str) -> SimInstance:
        """Return the instance, or raise `ApiError` if EC2 does not know it."""
        ...

    def on_change(self, callback: Callable[[SimInstance], None]) -> None:
        """Call `callback` after every change of an instance's state or of its application."""
        ...

    def launch(  # noqa: PLR0913 - what a group chooses for an instance
        self,
        *,
        template_id: str,
        template_version: str,
        subnet_id: str,
        tags: Mapping[str, str],
        client_token: str | None,
        image_id: str = "",
    ) -> SimInstance:
        """Launch one instance from a launch template, with another image if one is given."""
        ...

    def start(self, instance_id: str) -> None:
        """Boot a stopped instance."""
        ...

    def stop(self, instance_id: str) -> None:
        """Stop a running instance."""
        ...

    def terminate(self, instance_id: str) -> None:
        """Terminate an instance."""
        ...

    def reload(self, instance_id: str, version_label: str) -> None:
        """Make the application of an instance serve another version."""
        ...


class TargetService(Protocol):
    """Elastic Load Balancing, as the other services use it."""

    def target_group(self, target_group_arn: str) -> object:
        """Return the settings of a target group, or raise `ApiError` if it does not exist."""
        ...

    def target(self, target_group_arn: str, instance_id: str, port: int | None) -> SimTarget | None:
        """Return one target, or None if it is neither registered nor draining."""
        ...

    def register(self, target_group_arn: str, instance_id: str, port: int | None) -> None:
        """Register an instance."""
        ...

    def deregister(self, target_group_arn: str, instance_id: str, port: int | None) -> None:
        """Start to drain a target."""
        ...

    def on_change(self, callback: Callable[[str, SimTarget], None]) -> None:
        """Call `callback(target_group_arn, target)` after each transition of a target."""
        ...


class NamedGroup(Protocol):
    """An Auto Scaling group, as IAM names it."""

    @property
    def name(self) -> str:
        """The name of the group."""
        ...

    @property
    def arn(self) -> str:
        """The ARN of the group."""
        ...

    @property
    def members(self) -> Container[str]:
        """The instance ids of the members."""
        ...


class GroupService(Protocol):
    """EC2 Auto Scaling, as the fault rules use it."""

    def groups(self) -> Sequence[NamedGroup]:
        """Return every group."""
        ...


class Ec2Context(ServiceContext, Protocol):
    """What EC2 needs."""

    @property
    def faults(self) -> LaunchFaults:
        """The fault rules."""
        ...


class InstanceContext(ServiceContext, Protocol):
    """What a service needs that acts on instances: load balancing and Run Command."""

    def open_connections(self, instance_id: str) -> int:
        """Return how many requests of clients an instance holds now."""
        ...

    @property
    def ec2(self) -> InstanceService:
        """The instances."""
        ...


class GroupContext(InstanceContext, Protocol):
    """What EC2 Auto Scaling needs."""

    @property
    def elb(self) -> TargetService:
        """The targets."""
        ...

    @property
    def faults(self) -> LaunchFaults:
        """The fault rules."""
        ...


class FaultContext(ServiceContext, Protocol):
    """What the fault rules need."""

    @property
    def lock(self) -> AbstractContextManager[Any]:
        """The lock that every change of the world holds."""
        ...

    @property
    def autoscaling(self) -> GroupService:
        """The Auto Scaling groups."""
        ...
