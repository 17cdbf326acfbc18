"""CDK constructs that deploy awsroll's rollout driver: functions, state machines, the store of records, roles, alarms.

    from awsroll_cdk import Fleet, RollingDeployment

    RollingDeployment(stack, "Web", fleet=Fleet.group("web"), notify=topic)

Of awsroll, this package imports only `awsroll.iam` and `awsroll.core`: the bundle holds what a rollout does. The names
are loaded when first used, so that the definitions of the state machines can be read without the CDK.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from awsroll.iam import Rollouts as Rollouts
    from awsroll_cdk.acknowledging import check_solutions as check_solutions
    from awsroll_cdk.deployment import RollingDeployment as RollingDeployment
    from awsroll_cdk.fleet import Fleet as Fleet
    from awsroll_cdk.keeping import Keeping as Keeping
    from awsroll_cdk.outputs import add_outputs as add_outputs

_HOMES = {
    "Fleet": "awsroll_cdk.fleet",
    "Keeping": "awsroll_cdk.keeping",
    "RollingDeployment": "awsroll_cdk.deployment",
    "Rollouts": "awsroll.iam",
    "add_outputs": "awsroll_cdk.outputs",
    "check_solutions": "awsroll_cdk.acknowledging",
}

__all__ = ["Fleet", "Keeping", "RollingDeployment", "Rollouts", "add_outputs", "check_solutions"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
