"""The part that the sandbox in process and the sandbox server share: the world, its API and ready-made fleets."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import sleep
from typing import Any, Literal

from awsroll.sandbox.autoscaling.world import AutoScalingWorld
from awsroll.sandbox.cloudwatch.alarms import CloudWatchWorld
from awsroll.sandbox.dispatch import Api, CallListener, LostAnswers
from awsroll.sandbox.ec2.world import Ec2World
from awsroll.sandbox.elb.world import ElbWorld
from awsroll.sandbox.faults.active_rules import Faults
from awsroll.sandbox.invoked_functions import Functions
from awsroll.sandbox.ready_fleets import Clients, Fleet, FleetShape, Pace, auto_scaling_fleet, standalone_fleet
from awsroll.sandbox.sandbox_options import SandboxOptions
from awsroll.sandbox.ssm.world import SsmWorld
from awsroll.sandbox.ticker import WallClock
from awsroll.sandbox.world import SandboxClock, World

BUILDING_SPEED = 500.0
"""Simulated seconds per second while a fleet is built on the wall clock."""
BUILDING_STEP_SECONDS = 5.0
"""The step of a virtual clock while a fleet is built."""


class Simulation(ABC):
    """One simulated AWS, in process or as a server.

    Args:
        clock: a virtual clock, or None for the wall clock.
        options: the switches.
        region: the region that is simulated.
        lost: the exceptions for calls without a response.
    """

    def __init__(
        self,
        clock: SandboxClock | None,
        options: SandboxOptions | None,
        *,
        region: str,
        lost: LostAnswers,
    ) -> None:
        self.clock = clock or WallClock()
        self.world = World(self.clock, options, region=region)
        self.api = Api(self.world, lost)

    @abstractmethod
    def session(self) -> Any:
        """Return a boto3 session of this sandbox."""

    @abstractmethod
    def _clients(self) -> Clients:
        """Return the clients that build fleets."""

    @property
    def calls(self) -> Counter[str]:
        """The number of calls of each operation, by names such as `ec2:RunInstances`."""
        return self.api.calls

    @property
    def ec2(self) -> Ec2World:
        """The instances."""
        return self.world.ec2

    @property
    def elb(self) -> ElbWorld:
        """The targets."""
        return self.world.elb

    @property
    def autoscaling(self) -> AutoScalingWorld:
        """The Auto Scaling groups."""
        return self.world.autoscaling

    @property
    def ssm(self) -> SsmWorld:
        """The commands sent to instances."""
        return self.world.ssm

    @property
    def cloudwatch(self) -> CloudWatchWorld:
        """The alarms."""
        return self.world.cloudwatch

    @property
    def functions(self) -> Functions:
        """The Lambda functions: add Python functions by name."""
        return self.world.functions

    @property
    def faults(self) -> Faults:
        """The fault rules, and the record of the faults."""
        return self.world.faults

    @property
    def is_virtual(self) -> bool:
        """Whether only `jump` moves the time."""
        return hasattr(self.clock, "jump")

    def on_call(self, listener: CallListener, when: Literal["before", "after"] = "before") -> Callable[[], None]:
        """Call `listener(service, operation, parameters)` at each API call; see `Api.on_call`."""
        return self.api.on_call(listener, when)

    def change_options(self, **changes: Any) -> None:
        """Change some switches. Timers that are running keep their time."""
        self.world.change_options(**changes)

    def jump(self, seconds: float) -> None:
        """Move the virtual clock, and run all events that are due by then.

        Raises:
            RuntimeError: the sandbox runs on the wall clock.
        """
        with self.world.lock:
            move = getattr(self.clock, "jump", None)
            if move is None:
                message = "This sandbox runs on the wall clock, which cannot jump. Create it with clock=VirtualClock()."
                raise RuntimeError(message)
            move(seconds)
            self.world.advance()

    def standalone_fleet(self, **shape: Any) -> Fleet:
        """Build healthy standalone servers that are registered in target groups; `FleetShape` lists the settings."""
        with self._building() as pace:
            return standalone_fleet(self._clients(), FleetShape(**shape), pace)

    def auto_scaling_fleet(self, **shape: Any) -> Fleet:
        """Build an Auto Scaling group with all members in service; `FleetShape` lists the settings.

        `servers` is the desired capacity, unless `desired` is given.
        """
        servers = shape.pop("servers", None)
        shape = shape if servers is None else {"desired": servers} | shape
        with self._building() as pace:
            return auto_scaling_fleet(self._clients(), FleetShape(**shape), pace)

    @contextmanager
    def _building(self) -> Iterator[Pace]:
        """Speed up the simulated time while a fleet is built."""
        if self.is_virtual:
            yield Pace(pause=lambda: self.jump(BUILDING_STEP_SECONDS))
            return
        speed = self.world.options.speed
        self.world.change_options(speed=max(speed, BUILDING_SPEED))
        try:
            yield Pace(pause=lambda: sleep(0.02))
        finally:
            self.world.change_options(speed=speed)
