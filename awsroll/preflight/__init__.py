"""The checks before a rollout. They look up names, pin versions and check the fleet, and change nothing.

`prepare` turns a request into a `Rollout` and its first `Status`, or refuses it with all problems at once.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from awsroll.core.model.finding import Finding

if TYPE_CHECKING:
    from awsroll.preflight.preparation import Prepared, prepare

__all__ = ["Finding", "Prepared", "prepare"]


def __getattr__(name: str) -> Any:
    """Load the checks on their first use (PEP 562): a step of a rollout that has begun makes none."""
    if name not in ("Prepared", "prepare"):
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(f"{__name__}.preparation"), name)
