"""Rollout requests and initial fleets of the state machine."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from awsroll.core.model.amount import EVERYTHING, Amount
from awsroll.core.model.observation import AlarmState, TargetKey
from awsroll.core.model.rollout_choices import Gates, OnFailure, ReloadCommand, Strategy
from awsroll.testing.fleet import FakeFleet
from awsroll.testing.instances import Misbehaviour
from awsroll.testing.world import Physics
from tests.support.builders import API, LIMITS, NEW, OLD, OLDER, WEB, auto_scaling, rollout, standalone, target_group
from tests.support.drive import Driver

ALARM = "errors"
UNDO = ReloadCommand(app_version="app-2", commands=("deploy app-2",))
SECOND_PORT = TargetKey(target_group=WEB, port=81)
OTHER = TargetKey(target_group=API, port=80)
SOON = replace(LIMITS, launch_seconds=200, healthy_seconds=120, progress_seconds=1200)  # a test runs to every deadline
_EVERYTHING_FIRST = {"max_unavailable": Amount(value=0), "max_surge": EVERYTHING}
_DOUBLE_HALF = {"strategy": Strategy.DOUBLE_HALF, "max_unavailable": Amount(value=0)}
_MAY_KEEP_OLD = (_EVERYTHING_FIRST, _DOUBLE_HALF)

strategies = st.sampled_from(
    [
        {"max_unavailable": Amount(value=1)},
        {"max_unavailable": Amount(value=2)},
        {"max_unavailable": Amount(value=50, is_percentage=True)},
        {"max_unavailable": Amount(value=0), "max_surge": Amount(value=1)},
        {"max_unavailable": Amount(value=0), "max_surge": Amount(value=2)},
        {"max_unavailable": Amount(value=1), "max_surge": Amount(value=1)},
        _EVERYTHING_FIRST,
        _DOUBLE_HALF,
        {"strategy": Strategy.RELOAD, "max_unavailable": Amount(value=1)},
        {"strategy": Strategy.RELOAD, "max_unavailable": Amount(value=2)},
    ]
)
checkpoints = st.sampled_from(
    [
        (),
        (Amount(value=1),),
        (Amount(value=2),),
        (Amount(value=1), Amount(value=50, is_percentage=True)),
        (Amount(value=25, is_percentage=True), Amount(value=75, is_percentage=True)),
        (Amount(value=1), Amount(value=2), Amount(value=4)),
    ]
)
gates = st.one_of(
    st.just(Gates()),
    st.builds(
        Gates,
        checkpoints=checkpoints,
        delay_seconds=st.sampled_from([0, 60, 400]),
        needs_approval=st.booleans(),
        approval_seconds=st.sampled_from([None, 600]),
        bake_seconds=st.sampled_from([0, 60, 300]),
        alarms=st.sampled_from([(), (ALARM,)]),
        rehearses=st.booleans(),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The initial fleet, and how the goal version behaves."""

    is_group: bool
    outdated: int
    current: int
    second: str
    harm: Misbehaviour | None
    has_older: bool
    surges: bool
    physics: Physics


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The rollout request."""

    how: dict[str, Any]
    min_healthy: float
    delay: int | None
    on_failure: OnFailure
    max_failures: int
    gates: Gates
    by_zone: bool
    keeps_old: bool
    keeps_failed: int
    is_capped: bool

    @property
    def reloads(self) -> bool:
        return self.how.get("strategy") is Strategy.RELOAD


physics = st.builds(
    Physics,
    visibility=st.sampled_from([0, 0, 4, 12]),
    group_reaction=st.sampled_from([1, 5, 20]),
    application=st.sampled_from([10, 10, 10, 60]),
    health_grace=st.sampled_from([120, 120, 5]),
)
founds = st.builds(
    Found,
    is_group=st.booleans(),
    outdated=st.integers(0, 5),
    current=st.integers(0, 2),
    second=st.sampled_from(["", "", "group", "port"]),
    harm=st.sampled_from([None, None, None, *Misbehaviour]),
    has_older=st.booleans(),
    surges=st.booleans(),
    physics=physics,
)
requests = st.builds(
    Asked,
    how=strategies,
    min_healthy=st.sampled_from([0, 0, 20]),
    delay=st.sampled_from([None, None, 10]),
    on_failure=st.sampled_from(OnFailure),
    max_failures=st.integers(0, 2),
    gates=gates,
    by_zone=st.sampled_from([False, False, False, True]),
    keeps_old=st.booleans(),
    keeps_failed=st.sampled_from([0, 0, 1, 2]),
    is_capped=st.sampled_from([False, False, True]),
)


def begun(found: Found, asked: Asked) -> Driver:
    """Make the fleet, and a rollout of it before its first observation."""
    fleet, extra = _fleet(found, asked)
    if found.harm is not None:
        fleet.instances.bad_versions["app-3" if asked.reloads else str(NEW)] = found.harm
    if asked.reloads:
        for one in fleet.instances.all():
            fleet.instances.run_version(one, UNDO.app_version)
    fleet.alarms[ALARM] = AlarmState.OK
    return Driver(
        fleet,
        rollout(
            fleet,
            limits=replace(SOON, min_healthy_seconds=asked.min_healthy),
            extra_targets=extra if found.is_group else (),
            deregistration_delay_seconds=asked.delay,
            health_check_interval_seconds=None if asked.delay is None else 8,
            on_failure=asked.on_failure,
            max_failures=asked.max_failures,
            gates=_by_zone(fleet, asked.gates) if _rolls_by_zone(found, asked) else asked.gates,
            keep_old=asked.keeps_old and asked.how in _MAY_KEEP_OLD,
            keep_failed=0 if asked.reloads else asked.keeps_failed,
            keep_failed_seconds=3600.0,
            max_running=_cap(found, asked) if asked.is_capped else None,
            rollback_reload=UNDO if asked.reloads else None,
            **asked.how,
        ),
    )


def _rolls_by_zone(found: Found, asked: Asked) -> bool:
    """Return whether the zones come one by one; a group without LaunchInstances, and double-half, are refused."""
    launches = not found.is_group or found.surges or "max_surge" not in asked.how
    return asked.by_zone and launches and asked.how is not _DOUBLE_HALF


def _by_zone(fleet: FakeFleet, asked: Gates) -> Gates:
    sizes = Counter(one.zone for one in fleet.instances.all())
    zones = sorted(
        {one.zone for one in fleet.instances.all() if one.template != NEW}, key=lambda zone: (sizes[zone], zone)
    )
    return replace(asked, checkpoints=(), by_zone=True, zones=tuple(zones))


def _cap(found: Found, asked: Asked) -> Amount:
    """Return the lowest cap that the preflight accepts, or little more."""
    one_by_one = not found.is_group and "max_surge" not in asked.how and "strategy" not in asked.how
    return Amount(value=100 if one_by_one else 200, is_percentage=True)


def _fleet(found: Found, asked: Asked) -> tuple[FakeFleet, tuple[TargetKey, ...]]:
    current = 0 if asked.reloads else found.current
    extra = {"": (), "group": (OTHER,), "port": (SECOND_PORT,)}[found.second]
    second = (target_group(API),) if found.second == "group" else ()
    groups = (target_group(managed=found.is_group), *second)
    if found.is_group:
        fleet = auto_scaling(
            outdated=found.outdated,
            current=current,
            target_groups=groups,
            extra=extra,
            physics=found.physics,
            maximum=found.outdated + found.current + 1,
            can_launch_instances=found.surges,
            version="$Latest" if found.has_older else str(OLD.number),
        )
        return fleet, extra
    keys = (TargetKey(target_group=WEB, port=80), *extra)
    fleet = standalone(outdated=found.outdated, current=current, target_groups=groups, keys=keys, physics=found.physics)
    if found.has_older:
        fleet.add(OLDER, keys=keys)
    return fleet, extra
