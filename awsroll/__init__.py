"""awsroll: rolling deployments for EC2 fleets behind load balancers, a few servers at a time, with no downtime.

The public names, nothing else. They are loaded when first used, so that `import awsroll` costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from awsroll.version import __version__ as __version__

if TYPE_CHECKING:
    from awsroll.core.hooks import HookEvent, HookPoint, HookSpec
    from awsroll.core.leftovers import Leftover
    from awsroll.core.rollout import ExemptPolicy, OnFailure, Strategy
    from awsroll.core.spec import RolloutSpec
    from awsroll.core.status import Outcome
    from awsroll.core.waves import FleetEnding, FleetSpec, FleetsSpec, WaveSpec
    from awsroll.core.wishes import Wishes
    from awsroll.errors import (
        AwsError,
        AwsrollError,
        FleetError,
        FleetLockedError,
        LeaseLostError,
        RolloutNotFoundError,
        SpecError,
        StateError,
    )
    from awsroll.hooks import PythonHook
    from awsroll.interface import (
        abort,
        approve,
        load_fleets,
        load_plan,
        open_store,
        pause,
        plan,
        plan_fleets,
        repair,
        resume,
        roll,
        roll_fleets,
        rollback,
        rollouts,
        save_plan,
        status,
    )
    from awsroll.mending import Repaired
    from awsroll.report import FleetsPlan, FleetsReport, Report, RolloutPlan, RolloutSummary
    from awsroll.stores import LocalStore, RecordStore

__all__ = [
    "AwsError",
    "AwsrollError",
    "ExemptPolicy",
    "FleetEnding",
    "FleetError",
    "FleetLockedError",
    "FleetSpec",
    "FleetsPlan",
    "FleetsReport",
    "FleetsSpec",
    "HookEvent",
    "HookPoint",
    "HookSpec",
    "LeaseLostError",
    "Leftover",
    "LocalStore",
    "OnFailure",
    "Outcome",
    "PythonHook",
    "RecordStore",
    "Repaired",
    "Report",
    "RolloutNotFoundError",
    "RolloutPlan",
    "RolloutSpec",
    "RolloutSummary",
    "SpecError",
    "StateError",
    "Strategy",
    "WaveSpec",
    "Wishes",
    "abort",
    "approve",
    "load_fleets",
    "load_plan",
    "open_store",
    "pause",
    "plan",
    "plan_fleets",
    "repair",
    "resume",
    "roll",
    "roll_fleets",
    "rollback",
    "rollouts",
    "save_plan",
    "status",
]

_HOMES = {
    "awsroll.core.leftovers": ("Leftover",),
    "awsroll.core.hooks": ("HookEvent", "HookPoint", "HookSpec"),
    "awsroll.hooks": ("PythonHook",),
    "awsroll.core.rollout": ("ExemptPolicy", "OnFailure", "Strategy"),
    "awsroll.core.spec": ("RolloutSpec",),
    "awsroll.core.status": ("Outcome",),
    "awsroll.core.waves": ("FleetEnding", "FleetSpec", "FleetsSpec", "WaveSpec"),
    "awsroll.core.wishes": ("Wishes",),
    "awsroll.errors": (
        "AwsError",
        "AwsrollError",
        "FleetError",
        "FleetLockedError",
        "LeaseLostError",
        "RolloutNotFoundError",
        "SpecError",
        "StateError",
    ),
    "awsroll.interface": (
        "abort",
        "approve",
        "load_fleets",
        "load_plan",
        "open_store",
        "pause",
        "plan",
        "plan_fleets",
        "repair",
        "resume",
        "roll",
        "roll_fleets",
        "rollback",
        "rollouts",
        "save_plan",
        "status",
    ),
    "awsroll.mending": ("Repaired",),
    "awsroll.report": ("FleetsPlan", "FleetsReport", "Report", "RolloutPlan", "RolloutSummary"),
    "awsroll.stores": ("LocalStore", "RecordStore"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Load a public name on its first use (PEP 562)."""
    if name not in _HOME_OF:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
