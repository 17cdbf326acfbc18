"""awsroll: rolling deployments for EC2 fleets behind load balancers, a few servers at a time, with no downtime.

The public names, nothing else. They are loaded when first used, so that `import awsroll` costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from awsroll.version import __version__ as __version__

if TYPE_CHECKING:
    from awsroll.api.fleet_repairs import (
        release as release,
        repair as repair,
    )
    from awsroll.api.given import open_store as open_store
    from awsroll.api.many_fleets import (
        keep_fleets as keep_fleets,
        plan_fleets as plan_fleets,
        roll_fleets as roll_fleets,
    )
    from awsroll.api.one_rollout import (
        abort as abort,
        approve as approve,
        override_freeze as override_freeze,
        pause as pause,
        plan as plan,
        reject as reject,
        resume as resume,
        roll as roll,
        rollback as rollback,
        rollouts as rollouts,
        status as status,
    )
    from awsroll.api.store_halt import halt as halt, unhalt as unhalt
    from awsroll.api.store_limits import budget as budget, remove_budget as remove_budget, set_budget as set_budget
    from awsroll.core.model.hook_calls import HookEvent as HookEvent
    from awsroll.core.model.hooks import HookPoint as HookPoint, HookSpec as HookSpec
    from awsroll.core.model.rollout_choices import (
        OnFailure as OnFailure,
        SkipPolicy as SkipPolicy,
        Strategy as Strategy,
    )
    from awsroll.core.model.status import Outcome as Outcome
    from awsroll.core.model.user_requests import UserRequests as UserRequests
    from awsroll.core.repair.leftovers import Leftover as Leftover
    from awsroll.core.request.instructions import (
        Instruction as Instruction,
        InstructionKind as InstructionKind,
    )
    from awsroll.core.request.spec import RolloutSpec as RolloutSpec
    from awsroll.core.request.waves import (
        FleetEnding as FleetEnding,
        FleetSpec as FleetSpec,
        FleetsSpec as FleetsSpec,
        WaveSpec as WaveSpec,
    )
    from awsroll.core.rotation import RotationAction as RotationAction
    from awsroll.driver.halt_store import Unhalted as Unhalted
    from awsroll.errors import (
        AwsError as AwsError,
        AwsrollError as AwsrollError,
        BudgetFullError as BudgetFullError,
        FleetError as FleetError,
        FleetLockedError as FleetLockedError,
        HaltedError as HaltedError,
        LeaseLostError as LeaseLostError,
        NoApprovalAwaitedError as NoApprovalAwaitedError,
        RolloutNotFoundError as RolloutNotFoundError,
        SpecError as SpecError,
        StateError as StateError,
        UnconfirmedError as UnconfirmedError,
        UnsuccessfulError as UnsuccessfulError,
    )
    from awsroll.files.plan_file import (
        load_plan as load_plan,
        save_plan as save_plan,
    )
    from awsroll.files.rollout_file import load_fleets as load_fleets
    from awsroll.hooks import PythonHook as PythonHook
    from awsroll.repairs.release import Released as Released
    from awsroll.repairs.repaired import Repaired as Repaired
    from awsroll.report import (
        FleetsPlan as FleetsPlan,
        FleetsReport as FleetsReport,
        Report as Report,
        RolloutPlan as RolloutPlan,
        RolloutSummary as RolloutSummary,
    )
    from awsroll.stores import (
        Budget as Budget,
        Halt as Halt,
        LocalStore as LocalStore,
        RecordStore as RecordStore,
    )
    from awsroll.waves.keep_fleets import KeepReport as KeepReport

# The one table of public names: the module of each. tests/typing/test_public_names.py holds the imports above to it.
_HOMES = {
    "awsroll.core.repair.leftovers": ("Leftover",),
    "awsroll.core.rotation": ("RotationAction",),
    "awsroll.core.model.hook_calls": ("HookEvent",),
    "awsroll.core.model.hooks": ("HookPoint", "HookSpec"),
    "awsroll.files.plan_file": ("load_plan", "save_plan"),
    "awsroll.files.rollout_file": ("load_fleets",),
    "awsroll.hooks": ("PythonHook",),
    "awsroll.core.model.rollout_choices": ("SkipPolicy", "OnFailure", "Strategy"),
    "awsroll.core.request.instructions": ("Instruction", "InstructionKind"),
    "awsroll.core.request.spec": ("RolloutSpec",),
    "awsroll.core.model.status": ("Outcome",),
    "awsroll.core.request.waves": ("FleetEnding", "FleetSpec", "FleetsSpec", "WaveSpec"),
    "awsroll.core.model.user_requests": ("UserRequests",),
    "awsroll.errors": (
        "AwsError",
        "AwsrollError",
        "BudgetFullError",
        "FleetError",
        "FleetLockedError",
        "HaltedError",
        "LeaseLostError",
        "NoApprovalAwaitedError",
        "RolloutNotFoundError",
        "SpecError",
        "StateError",
        "UnconfirmedError",
        "UnsuccessfulError",
    ),
    "awsroll.api.given": ("open_store",),
    "awsroll.api.fleet_repairs": (
        "release",
        "repair",
    ),
    "awsroll.api.many_fleets": (
        "keep_fleets",
        "plan_fleets",
        "roll_fleets",
    ),
    "awsroll.api.one_rollout": (
        "abort",
        "approve",
        "override_freeze",
        "pause",
        "plan",
        "reject",
        "resume",
        "roll",
        "rollback",
        "rollouts",
        "status",
    ),
    "awsroll.api.store_halt": ("halt", "unhalt"),
    "awsroll.api.store_limits": ("budget", "remove_budget", "set_budget"),
    "awsroll.driver.halt_store": ("Unhalted",),
    "awsroll.repairs.release": ("Released",),
    "awsroll.repairs.repaired": ("Repaired",),
    "awsroll.report": ("FleetsPlan", "FleetsReport", "Report", "RolloutPlan", "RolloutSummary"),
    "awsroll.stores": ("Budget", "Halt", "LocalStore", "RecordStore"),
    "awsroll.waves.keep_fleets": ("KeepReport",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
__all__ = sorted(_HOME_OF)  # noqa: PLE0605 - made from the table, so that no name is written twice


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
