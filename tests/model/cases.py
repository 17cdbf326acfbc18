"""The small fleets and requests: each strategy on both kinds of fleet."""

from typing import Any

from awsroll.core.model.amount import EVERYTHING, NONE, Amount
from awsroll.core.model.observation import FleetKind, Lifecycle, TargetState
from awsroll.core.model.rollout import Rollout, VersionCount
from awsroll.core.model.rollout_choices import Gates, OnFailure, ReloadCommand, Strategy
from tests.model.explore import Case
from tests.model.safety import Found
from tests.model.times import LIMITS, LONG
from tests.model.world import API, IDS, NEW, OLD, ROLLOUT_ID, WEB, Server, Settings, World

ONE = Amount(value=1)
KINDS = {"standalone": FleetKind.STANDALONE, "group": FleetKind.AUTO_SCALING}
SECOND = "in-two-target-groups"
_WITH_SECOND: dict[str, dict[str, Any]] = {
    "replace": {"max_unavailable": ONE},
    "launch-first": {"max_surge": ONE},
    "double-half": {"strategy": Strategy.DOUBLE_HALF, "max_surge": EVERYTHING},
}
STRATEGIES: dict[str, dict[str, Any]] = {
    "replace": {"max_unavailable": ONE},
    "launch-first": {"max_surge": ONE},
    "double-half": {"strategy": Strategy.DOUBLE_HALF, "max_surge": EVERYTHING},
    "reload": {
        "strategy": Strategy.RELOAD,
        "max_unavailable": ONE,
        "template": None,
        "reload": ReloadCommand(app_version="app-2", commands=("deploy",)),
        "rollback_reload": ReloadCommand(app_version="app-1", commands=("deploy",)),
    },
    "keep-old": {
        "strategy": Strategy.DOUBLE_HALF,
        "max_surge": EVERYTHING,
        "keep_old": True,
        "gates": Gates(bake_seconds=LONG),
    },
    "keep-failed": {"max_unavailable": ONE, "keep_failed": 1, "keep_failed_seconds": LONG},
    "checkpoint": {"max_unavailable": ONE, "gates": Gates(checkpoints=(ONE,), needs_approval=True)},
    "rehearse": {"max_unavailable": ONE, "gates": Gates(rehearses=True)},
    "rehearse-launch-first": {"max_surge": ONE, "gates": Gates(rehearses=True)},
    "rehearse-reload": {
        "strategy": Strategy.RELOAD,
        "max_unavailable": ONE,
        "template": None,
        "reload": ReloadCommand(app_version="app-2", commands=("deploy",)),
        "rollback_reload": ReloadCommand(app_version="app-1", commands=("deploy",)),
        "gates": Gates(rehearses=True),
    },
    "checkpoint-double-half": {
        "strategy": Strategy.DOUBLE_HALF,
        "max_surge": EVERYTHING,
        "gates": Gates(checkpoints=(ONE,), needs_approval=True),
    },
    "batches": {"strategy": Strategy.DOUBLE_HALF, "max_surge": EVERYTHING},  # each launch is one of a batch: see `runs`
    "capped": {"max_unavailable": ONE, "max_running": EVERYTHING},
    "two-at-a-time": {"max_unavailable": Amount(value=2)},
    **{f"{name}-{SECOND}": how for name, how in _WITH_SECOND.items()},
}


def case(kind: str, strategy: str, size: int, faults: int, **changes: Any) -> Case:
    """Return a case of `size` old servers, or of `servers`; other changes apply to the rollout."""
    servers = changes.pop("servers", None)
    user_requests, backwards = changes.pop("user_requests", True), changes.pop("backwards", False)
    has_second = strategy.endswith(SECOND)
    world = fleet(kind, size, servers, has_second=has_second)
    made = {
        "rollout_id": ROLLOUT_ID,
        "kind": KINDS[kind],
        "fleet": "web",
        "group": "web" if world.settings is not None else "",
        "target_groups": (WEB.target_group, *((API.target_group,) if has_second else ())),
        "extra_targets": (API,) if has_second and world.settings is not None else (),
        "max_unavailable": NONE,
        "max_surge": NONE,
        "template": NEW,
        "limits": LIMITS,
        "on_failure": OnFailure.ROLLBACK,
        "baseline": (VersionCount(version=str(OLD), count=size, template=OLD),),
        "baseline_template": OLD,
        "group_version": "1" if world.settings is not None else "",
        **STRATEGIES[strategy],
        **changes,
    }
    name = f"{kind} {strategy} of {size}, {faults} faults"
    return Case(name, Found(Rollout(**made), world), faults, user_requests, backwards)


def fleet(kind: str, size: int, servers: tuple[Server, ...] | None = None, *, has_second: bool = False) -> World:
    """Return a fleet of old, healthy servers, or of the given servers."""
    in_group = kind == "group"
    life = Lifecycle.IN_SERVICE if in_group else None
    found = tuple(Server() for _ in range(size)) if servers is None else servers
    placed = tuple(one._replace(life=life) if one.life is None and one.held != "foreign" else one for one in found)
    if has_second:
        placed = tuple(one._replace(second=TargetState.HEALTHY, needs_second=True, fit=True) for one in placed)
    counted = sum(one.counted for one in placed) if in_group else len(placed)
    settings = Settings(desired=counted, minimum=0, maximum=max(counted, 1)) if in_group else None
    named = tuple(zip(IDS, placed, strict=False))
    return World(servers=named, settings=settings, goal=counted, has_second=has_second)
