"""The rollouts that are cut, each on a fleet of two or three servers, or of six where one call takes several.

A scenario holds the request and its expected bounds as plain numbers, so that no expected value comes from the code
under test.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from awsroll.core.model.rollout_choices import Strategy, Zones
from awsroll.core.model.status import Outcome
from awsroll.core.request.spec import RolloutSpec
from awsroll.sandbox import Fleet

RELOADED, LOADED = "v2", "v1"
APP_VERSION = "2.0"
ALARM = "errors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One rollout of one fleet that is on version 1.

    Attributes:
        version: the launch template version to roll to.
        ends_on: the version of the whole fleet after the end.
        outcome: the outcome of the rollout.
        launched: how many instances are launched in all; None: one per server.
        pauses: the rollout pauses, and is resumed each time.
        wanted: the request, by the names of `RolloutSpec`, which are also those of the command line.
        unavailable: how many servers the rollout may take out of service at a time.
        surge: how many servers above desired the rollout may run at a time.
        shape: how the fleet is built, by the names of the sandbox's `FleetShape`.
        suspended: processes of the group that someone suspended before the rollout.
        rings: how many of the first servers leave the target groups before the alarm, and how many seconds pass then.
        hurried: shorter times than those in `wanted`, for runs in real time.
        hooks: transitions of the group's lifecycle hooks, `launching` or `terminating`; their actions stay open.
        options: switches of the sandbox.
    """

    name: str
    grouped: bool
    servers: int = 2
    version: int = 2
    ends_on: int = 2
    outcome: Outcome = Outcome.SUCCEEDED
    launched: int | None = None
    pauses: bool = False
    wanted: Mapping[str, Any] = field(default_factory=dict)
    unavailable: int = 0
    surge: int = 0
    shape: Mapping[str, Any] = field(default_factory=dict)
    suspended: tuple[str, ...] = ()
    rings: tuple[int, float] | None = None
    hurried: Mapping[str, Any] = field(default_factory=dict)
    hooks: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def reloads(self) -> bool:
        return self.wanted.get("strategy") is Strategy.RELOAD

    @property
    def replaces(self) -> bool:
        """Whether old servers end when their drain is over: then they no longer count from its start."""
        return not self.reloads and not self.wanted.get("keep_old")

    @property
    def kept(self) -> int:
        """How many failed servers are kept for inspection."""
        return int(self.wanted.get("keep_failed", 0))

    @property
    def launches(self) -> int:
        wanted = 0 if self.reloads else self.servers
        return wanted if self.launched is None else self.launched

    @property
    def serves(self) -> str:
        """The version label that the fleet serves after its reload."""
        return RELOADED if self.outcome is Outcome.SUCCEEDED else LOADED

    @property
    def floor(self) -> int:
        return self.servers - self.unavailable

    @property
    def ceiling(self) -> int:
        return self.servers + self.surge

    def request(self, fleet: Fleet) -> dict[str, Any]:
        """Return the whole request for the built fleet."""
        target_groups = () if self.grouped else fleet.target_group_arns
        named: dict[str, Any] = {"asg": fleet.group_name or "", "target_group": target_groups}
        version: dict[str, Any] = {"launch_template": f"{fleet.template_id}:{self.version}"}
        if self.reloads:
            version = {"command": (f"sandbox-version {RELOADED}",), "app_version": APP_VERSION}
        alarm = {} if self.rings is None else {"alarm": (ALARM,)}
        return {**named, **version, **alarm, **self.wanted}

    def spec(self, fleet: Fleet) -> RolloutSpec:
        return RolloutSpec(**self.request(fleet))

    def words(self, fleet: Fleet) -> tuple[str, ...]:
        """Return the same request as command-line arguments, with the shorter times."""
        found: list[str] = []
        for name, value in (self.request(fleet) | self.hurried).items():
            option = f"--{name.replace('_', '-')}"
            if value is True:
                found.append(option)
            elif isinstance(value, tuple):
                found += [word for one in value for word in (option, str(one))]
            elif value != "":
                found += [option, str(value)]
        return tuple(found)


def _both(name: str, *, servers: int = 2, **more: Any) -> tuple[Scenario, Scenario]:
    """Return the scenario for a standalone fleet, and for a group whose bounds leave no room and must be raised."""
    bounds = {"min_size": servers, "max_size": servers}
    shape = more.pop("shape", {})
    return (
        Scenario(name=f"standalone-{name}", grouped=False, servers=servers, shape=shape, **more),
        Scenario(name=f"group-{name}", grouped=True, servers=servers, shape=bounds | shape, **more),
    )


_DOUBLE, _RELOAD = {"strategy": Strategy.DOUBLE_HALF}, {"strategy": Strategy.RELOAD}
_DELAY = {"deregistration_delay": 10, "health_check_interval": 7, "health_check_threshold": 2}
_BAD = {
    "version": 3,
    "ends_on": 1,
    "outcome": Outcome.ROLLED_BACK,
    "shape": {"further_versions": ({"sandbox:health": "unhealthy"},)},
    "hurried": {"healthy_timeout": 4},
}
_SOON = {"healthy_timeout": 120}
_KEEP = {"strategy": Strategy.DOUBLE_HALF, "keep_old": True, "bake_time": 30}
_RUNG = {"launched": 2, "ends_on": 1, "outcome": Outcome.ROLLED_BACK, "wanted": _KEEP | {"bake_time": 60}, "surge": 2}
_AND_BACK = {"rollback_command": (f"sandbox-version {LOADED}",)}
_FAILING = {"command": (f"sandbox-version {RELOADED}", "exit 1")}
_ALL = (
    *_both("replace", unavailable=1),
    *_both("launch-first", wanted={"launch_first": True}, surge=1),
    *_both("double-half", wanted=_DOUBLE, surge=2),
    *_both("reload", wanted=_RELOAD, unavailable=1),
    *_both("replace-3-by-2", servers=3, wanted={"concurrent": 2}, unavailable=2),
    *_both("launch-first-3-by-2", servers=3, wanted={"launch_first": True, "concurrent": 2}, surge=2),
    *_both("reload-3-by-2", servers=3, wanted=_RELOAD | {"concurrent": 2}, unavailable=2),
    *_both("shorter-delay", wanted={"launch_first": True} | _DELAY, surge=1),
    *_both("reload-shorter-delay", wanted=_RELOAD | _DELAY, unavailable=1),
    *_both("bad-replacement", **_BAD, launched=2, wanted=_SOON, unavailable=1),
    *_both("bad-version", **_BAD, launched=1, wanted={"launch_first": True} | _SOON, surge=1),
    *_both("bad-half", **_BAD, launched=2, wanted=_DOUBLE | _SOON, surge=2),
    *_both("bad-twice", **_BAD, launched=2, wanted={"launch_first": True, "max_failures": 1} | _SOON, surge=1),
    *_both("bad-kept", **_BAD, launched=2, wanted={"keep_failed": 1} | _SOON, unavailable=1),
    *_both("bad-reload", outcome=Outcome.ROLLED_BACK, wanted=_RELOAD | _AND_BACK | _FAILING, unavailable=1),
    *_both(
        "checkpoint",
        wanted={"launch_first": True, "checkpoint": (1,), "checkpoint_delay": 45},
        surge=1,
        hurried={"checkpoint_delay": 1},
    ),
    *_both("rehearsal", launched=4, wanted={"rehearse": True}, unavailable=1)[1:],
    *_both("reload-rehearsal", wanted=_RELOAD | _AND_BACK | {"rehearse": True}, unavailable=1)[:1],
    *_both("keep-old", wanted=_KEEP, hurried={"bake_time": 1}, surge=2),
    *_both("keep-old-rung-at-once", **_RUNG, rings=(1, 0)),
    *_both("keep-old-rung-while-baking", **_RUNG, rings=(2, 45), hurried={"bake_time": 5}),
    Scenario(
        name="group-suspended-before",
        grouped=True,
        wanted={"launch_first": True},
        surge=1,
        shape={"min_size": 1, "max_size": 2},
        suspended=("AZRebalance", "ScheduledActions"),
    ),
    Scenario(
        name="group-without-launch-instances",
        grouped=True,
        wanted=_DOUBLE,
        surge=2,
        shape={"min_size": 2, "max_size": 2},
        options={"launch_instances_available": False},
    ),
    Scenario(
        name="group-with-hooks",
        grouped=True,
        wanted={"launch_first": True},
        surge=1,
        shape={"min_size": 2, "max_size": 2},
        hooks=("launching", "terminating"),
    ),
    Scenario(
        name="group-reload-standby-raises-what-was-lowered",
        grouped=True,
        wanted=_RELOAD,
        unavailable=1,
        shape={"min_size": 2, "max_size": 2},
        options={"exit_standby_raises_desired": "if-lowered"},
    ),
    Scenario(
        name="group-second-terminate-decrements",
        grouped=True,
        wanted={"launch_first": True},
        surge=1,
        shape={"min_size": 2, "max_size": 2},
        options={"second_terminate": "decrements"},
    ),
    *_both("slow-to-show", wanted={"launch_first": True}, surge=1, options={"api_visibility_seconds": 20}),
    *_both("reload-slow-to-show", wanted=_RELOAD, unavailable=1, options={"ssm_visibility_seconds": 90}),
    *_both(
        "zones",
        servers=3,
        wanted={"zones": Zones.ONE_BY_ONE, "launch_first": True, "zone_bake": 30},
        surge=1,
        hurried={"zone_bake": 1},
    ),
    Scenario(name="standalone-batch", grouped=False, servers=6, wanted=_DOUBLE, surge=6, shape={"zones": 1}),
    Scenario(
        name="standalone-batch-slow-to-show",
        grouped=False,
        servers=6,
        wanted=_DOUBLE,
        surge=6,
        shape={"zones": 1},
        options={"api_visibility_seconds": 20},
    ),
    Scenario(
        name="standalone-two-ports-two-groups",
        grouped=False,
        wanted={"launch_first": True},
        surge=1,
        shape={"ports": (80, 8080), "target_groups": 2},
    ),
)
SCENARIOS: Mapping[str, Scenario] = {one.name: one for one in _ALL}
