"""The world of `awsroll demo`: a sandbox server with a healthy fleet on version 1, and live traffic in front of it.

The caller rolls the fleet by the names given here, and reads the traffic report. This file rolls and prints nothing.
The timers fit a small web server, sped up so that each step is visible without waiting.
"""

from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias, TypeVar

from awsroll.sandbox.ready_fleets import Fleet
from awsroll.sandbox.sandbox_options import SandboxOptions
from awsroll.sandbox.server import SandboxServer, serve
from awsroll.sandbox.traffic import Traffic, TrafficReport

Part = TypeVar("Part")
DemoStrategy: TypeAlias = Literal["replace", "double-half", "reload"]

# Replacing one server takes about 70 simulated seconds, reloading it 30. double-half takes 80 seconds in total, so it
# runs slower to stay visible. Nine servers take at most half a minute of real time.
SPEEDS: dict[DemoStrategy, float] = {"replace": 25.0, "double-half": 10.0, "reload": 15.0}
"""Simulated seconds per second."""

DEREGISTRATION_DELAY_SECONDS = 20
_HEALTH_CHECK_INTERVAL_SECONDS = 5
_HEALTH_CHECK_TIMEOUT_SECONDS = 2
_HEALTHY_THRESHOLD = 2
_HEALTHY_SECONDS = 240  # simulated; enough for a good version
_SHORTEST_HEALTHY_SECONDS = _HEALTH_CHECK_INTERVAL_SECONDS * (_HEALTHY_THRESHOLD + 1) + _HEALTH_CHECK_TIMEOUT_SECONDS
_TIMERS = SandboxOptions(boot_seconds=40, application_seconds=4, stop_seconds=15, registration_seconds=2)

_REQUESTS_PER_SECOND = 100.0
_SLOW_FRACTION = 0.15
# The share of the deregistration delay that a slow request takes: long enough to be in flight during a drain, short
# enough to finish.
_SLOW_SHARE_OF_DELAY = 0.6

NEXT_VERSION_LABEL = "v2"
RELOAD_COMMAND = f"sandbox-version {NEXT_VERSION_LABEL}"
"""The command that makes a simulated instance serve the next version."""


@dataclass(kw_only=True, eq=False)
class DemoWorld:
    """A running sandbox with a fleet under load, while it is entered.

    Entering takes a second or two. Leaving waits for the requests in flight.
    """

    servers: int = 9
    strategy: DemoStrategy = "replace"
    """The strategy of the rollout. It sets the default speed, and how a bad version fails."""
    speed: float | None = None
    """Simulated seconds per second; None uses the default of the strategy."""
    bad_version: bool = False
    """The next version never becomes healthy; with `reload`, its command fails."""
    zones: int = 3
    auto_scaling: bool = False
    """An Auto Scaling group instead of instances registered by hand."""
    _leave: ExitStack = field(init=False, repr=False, default_factory=ExitStack)
    _server: SandboxServer | None = field(init=False, repr=False, default=None)
    _fleet: Fleet | None = field(init=False, repr=False, default=None)
    _traffic: Traffic | None = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        if self.servers < 1:
            message = f"a demo needs at least 1 server, not {self.servers}; nothing was started"
            raise ValueError(message)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._server = stack.enter_context(serve(speed=self.simulated_speed, options=_TIMERS))
            self._fleet = self._build()
            self._traffic = stack.enter_context(self._make_traffic())
            self._leave = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._leave.close()

    @property
    def simulated_speed(self) -> float:
        """Simulated seconds per second: the given speed, or the default of the strategy."""
        return SPEEDS[self.strategy] if self.speed is None else self.speed

    @property
    def session(self) -> Any:
        """A boto3 session all of whose clients talk to the sandbox."""
        return self.server.session()

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that point an AWS client of another process to the sandbox."""
        return self.server.environment

    @property
    def server(self) -> SandboxServer:
        """The sandbox server."""
        return _entered(self._server)

    @property
    def fleet(self) -> Fleet:
        """The ids of the fleet: target groups, launch template, subnets, group name, first instances."""
        return _entered(self._fleet)

    @property
    def traffic(self) -> Traffic:
        """The load: `snapshot()` while it runs, and `url` for another client."""
        return _entered(self._traffic)

    @property
    def next_template_version(self) -> str:
        """The launch template version to roll to: 2, or with `bad_version` 3, which never becomes healthy."""
        return "3" if self.bad_version else "2"

    @property
    def healthy_timeout(self) -> float | None:
        """The seconds after which a bad version has failed; None: the default of awsroll.

        The checks of a rollout know the target group's own timers, not the speed of the sandbox. So the time is never
        shorter than these timers.
        """
        return max(_HEALTHY_SECONDS / self.simulated_speed, _SHORTEST_HEALTHY_SECONDS) if self.bad_version else None

    def stop_traffic(self) -> TrafficReport:
        """Stop the load, wait for the requests in flight, and return the final report. It also works after leaving."""
        return self.traffic.stop()

    def _build(self) -> Fleet:
        build = self.server.auto_scaling_fleet if self.auto_scaling else self.server.standalone_fleet
        return build(
            servers=self.servers,
            desired=self.servers,
            max_size=2 * self.servers,
            zones=self.zones,
            health_check_interval_seconds=_HEALTH_CHECK_INTERVAL_SECONDS,
            health_check_timeout_seconds=_HEALTH_CHECK_TIMEOUT_SECONDS,
            healthy_threshold=_HEALTHY_THRESHOLD,
            deregistration_delay_seconds=DEREGISTRATION_DELAY_SECONDS,
            template_tags=self._common_tags(),
            further_versions=({"sandbox:health": "unhealthy", "sandbox:version": NEXT_VERSION_LABEL},),
        )

    def _common_tags(self) -> dict[str, str]:
        return {"sandbox:command": "fails"} if self.bad_version and self.strategy == "reload" else {}

    def _make_traffic(self) -> Traffic:
        return Traffic(
            self.server.world,
            target_groups=self.fleet.target_group_arns,
            requests_per_second=_REQUESTS_PER_SECOND,
            slow_fraction=_SLOW_FRACTION,
            slow_seconds=_SLOW_SHARE_OF_DELAY * DEREGISTRATION_DELAY_SECONDS / self.simulated_speed,
        )


def _entered(part: Part | None) -> Part:
    if part is None:
        message = "The demo has not started. Use DemoWorld in a `with` statement."
        raise RuntimeError(message)
    return part
