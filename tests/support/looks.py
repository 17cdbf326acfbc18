"""Builders of single observations for unit tests of the planner, with defaults."""

from dataclasses import replace
from datetime import datetime, timedelta

from awsroll.core.model.amount import Amount
from awsroll.core.model.observation import (
    FleetKind,
    Group,
    Instance,
    InstanceState,
    Lifecycle,
    Observation,
    Target,
    TargetGroup,
    TargetKey,
    TargetState,
    TemplateVersion,
)
from awsroll.core.model.rollout import Rollout, VersionCount
from awsroll.core.model.rollout_choices import OnFailure, ReloadCommand, Strategy
from awsroll.core.model.server_record import Slots
from awsroll.core.model.status import Status
from awsroll.testing.clock import T0
from tests.support.status import changed

OLD = TemplateVersion(template_id="lt-web", number=1)
NEW = TemplateVersion(template_id="lt-web", number=2)
WEB = TargetGroup(arn="arn:web", name="web", port=80, deregistration_delay_seconds=30, health_interval_seconds=10)
ON_WEB = TargetKey(target_group=WEB.arn, port=80)
ZONES = ("zone-a", "zone-b", "zone-c")


def later(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def instance(
    name: str,
    version: TemplateVersion | None = OLD,
    state: TargetState | None = TargetState.HEALTHY,
    **more: object,
) -> Instance:
    targets = () if state is None else (Target(key=ON_WEB, state=state),)
    made = Instance(
        instance_id=name, zone=ZONES[0], subnet_id="subnet-zone-a", template=version, targets=targets, launched_at=T0
    )
    return replace(made, **more)  # type: ignore[arg-type]


def member(name: str, version: TemplateVersion | None = OLD, **more: object) -> Instance:
    return instance(name, version, **{"lifecycle": Lifecycle.IN_SERVICE, **more})  # type: ignore[arg-type]


def ended(one: Instance) -> Instance:
    return replace(one, state=InstanceState.TERMINATED, targets=())


def group(desired: int = 4, **more: object) -> Group:
    made = Group(
        name="web",
        minimum=1,
        maximum=10,
        desired=desired,
        template=NEW,
        version="2",
        suspended=frozenset({"AZRebalance", "ReplaceUnhealthy", "AlarmNotification"}),
        zones=tuple((zone, f"subnet-{zone}") for zone in ZONES),
    )
    return replace(made, **more)  # type: ignore[arg-type]


def look(*instances: Instance, at: float = 0, **more: object) -> Observation:
    made = Observation(at=later(at), instances=instances, target_groups=(WEB,))
    return replace(made, **more)  # type: ignore[arg-type]


def group_look(*instances: Instance, at: float = 0, seen: Group | None = None, **more: object) -> Observation:
    found = seen or group(desired=len(instances))
    return look(*instances, at=at, group=found, target_groups=(replace(WEB, managed=True),), **more)


def rollout(
    kind: FleetKind = FleetKind.STANDALONE, *, unavailable: str = "1", surge: str = "0", **more: object
) -> Rollout:
    made = Rollout(
        rollout_id="web-1",
        kind=kind,
        fleet="web",
        group="web" if kind is FleetKind.AUTO_SCALING else "",
        target_groups=(WEB.arn,),
        max_unavailable=Amount.parse(unavailable),
        max_surge=Amount.parse(surge),
        template=NEW,
        on_failure=OnFailure.STOP,
        baseline=(VersionCount(version=str(OLD), count=1, template=OLD),),
        baseline_template=OLD,
        group_version="$Latest",
    )
    return replace(made, **more)  # type: ignore[arg-type]


def reload_rollout(kind: FleetKind = FleetKind.STANDALONE, **more: object) -> Rollout:
    command = ReloadCommand(app_version="2.0", commands=("systemctl restart web",))
    return rollout(kind, **{"strategy": Strategy.RELOAD, "template": None, "reload": command, **more})  # type: ignore[arg-type]


def status(*ids: str, at: float = 0, **more: object) -> Status:
    slots = (Slots(zone=ZONES[0], subnet_id="subnet-zone-a", targets=(ON_WEB,), instance_ids=ids, template=OLD),)
    made = Status(started_at=T0, progress_at=later(at), slots=slots if ids else ())
    return changed(made, **more)
