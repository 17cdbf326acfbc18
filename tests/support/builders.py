"""Fleets and rollouts with defaults, so that a test names only the relevant values.

Times of the fake AWS are short round numbers: a deregistration delay of 30 s, health checks every 5 s.
"""

from dataclasses import replace
from typing import Any

from awsroll.core.model.amount import Amount
from awsroll.core.model.observation import FleetKind, TargetGroup, TargetKey, TemplateVersion
from awsroll.core.model.rollout import Rollout, VersionCount
from awsroll.core.model.rollout_choices import Limits, OnFailure, ReloadCommand, Strategy
from awsroll.testing.clock import VirtualClock
from awsroll.testing.fleet import FakeFleet
from awsroll.testing.group import GroupSettings
from awsroll.testing.world import Physics

OLDER = TemplateVersion(template_id="lt-web", number=1)
OLD = TemplateVersion(template_id="lt-web", number=2)
NEW = TemplateVersion(template_id="lt-web", number=3)
WEB = "arn:web"
API = "arn:api"
ZONES = (("zone-a", "subnet-a"), ("zone-b", "subnet-b"), ("zone-c", "subnet-c"))
LIMITS = Limits(drain_seconds=120, launch_seconds=300, healthy_seconds=300, progress_seconds=1800, settle_seconds=60)
RELOAD = ReloadCommand(app_version="app-3", commands=("deploy app-3",))


def target_group(arn: str = WEB, **changes: Any) -> TargetGroup:
    made = TargetGroup(
        arn=arn,
        name=arn.removeprefix("arn:"),
        port=80,
        deregistration_delay_seconds=30,
        health_interval_seconds=5,
        healthy_threshold=3,
        unhealthy_threshold=2,
    )
    return replace(made, **changes)


def standalone(
    *,
    outdated: int = 3,
    current: int = 0,
    target_groups: tuple[TargetGroup, ...] | None = None,
    keys: tuple[TargetKey, ...] | None = None,
    physics: Physics | None = None,
) -> FakeFleet:
    """Return a standalone fleet of running, healthy instances in three zones."""
    fleet = FakeFleet(
        clock=VirtualClock(), target_groups=target_groups or (target_group(),), subnets=ZONES, physics=physics
    )
    fleet.add(OLD, count=outdated, keys=keys, tags={"team": "shop"})
    fleet.add(NEW, count=current, keys=keys, tags={"team": "shop"})
    return fleet


def auto_scaling(
    *,
    outdated: int = 3,
    current: int = 0,
    target_groups: tuple[TargetGroup, ...] | None = None,
    extra: tuple[TargetKey, ...] = (),
    physics: Physics | None = None,
    **settings: Any,
) -> FakeFleet:
    """Return an Auto Scaling group of running, healthy members in three zones."""
    groups = target_groups or (target_group(managed=True),)
    count = outdated + current
    made = GroupSettings(
        name="web",
        minimum=settings.pop("minimum", 0),
        maximum=settings.pop("maximum", max(count, 1)),
        desired=count,
        template_id=OLD.template_id,
        version=settings.pop("version", str(OLD.number)),
        latest=NEW.number,
        zones=ZONES,
        keys=tuple(TargetKey(target_group=one.arn, port=one.port) for one in groups if one.managed),
        **settings,
    )
    fleet = FakeFleet(clock=VirtualClock(), target_groups=groups, group=made, physics=physics)
    fleet.add(OLD, count=outdated, keys=(*made.keys, *extra))
    fleet.add(NEW, count=current, keys=(*made.keys, *extra))
    return fleet


def rollout(fleet: FakeFleet, **changes: Any) -> Rollout:
    """Return a rollout of the fleet to `NEW`, one instance at a time by default."""
    strategy = changes.get("strategy", Strategy.REPLACE)
    reload = changes.pop("reload", RELOAD) if strategy is Strategy.RELOAD else None
    surge, unavailable = (100, 0) if strategy is Strategy.DOUBLE_HALF else (0, 1)
    is_group = fleet.group is not None
    made = Rollout(
        rollout_id="web-20260101-000000-4f2a",
        kind=FleetKind.AUTO_SCALING if is_group else FleetKind.STANDALONE,
        fleet="web",
        group="web" if is_group else "",
        target_groups=tuple(sorted(fleet.targets.groups)),
        max_unavailable=Amount(value=unavailable),
        max_surge=Amount(value=surge, is_percentage=strategy is Strategy.DOUBLE_HALF),
        template=None if reload else NEW,
        reload=reload,
        limits=LIMITS,
        on_failure=OnFailure.STOP,
        baseline=(VersionCount(version=str(OLD), count=1, template=OLD),),
        baseline_template=OLD,
        group_version=fleet.group.settings.version if fleet.group is not None else "",
    )
    return replace(made, **changes)


def one_at_a_time() -> dict[str, Amount]:
    return {"max_unavailable": Amount(value=1), "max_surge": Amount(value=0)}


def launch_first(amount: str | int = 1) -> dict[str, Amount]:
    return {"max_unavailable": Amount(value=0), "max_surge": Amount.parse(amount)}


def at_a_time(amount: str | int) -> dict[str, Amount]:
    return {"max_unavailable": Amount.parse(amount), "max_surge": Amount(value=0)}
