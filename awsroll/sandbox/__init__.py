"""An AWS on your laptop: EC2, load balancing, Auto Scaling and Run Command with the timing of the real ones.

The names are imported when they are used, so that importing this package costs nothing. `docs/sandbox.md` says what
it does.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from awsroll.sandbox.errors import ApiError, ConnectionLost
    from awsroll.sandbox.faults.call import ApiCall, Fired
    from awsroll.sandbox.faults.rule import Fault, FaultRule
    from awsroll.sandbox.fleets import Fleet, FleetShape
    from awsroll.sandbox.inprocess import Sandbox
    from awsroll.sandbox.options import SandboxOptions
    from awsroll.sandbox.server import SandboxServer, serve

__all__ = [
    "ApiCall",
    "ApiError",
    "ConnectionLost",
    "Fault",
    "FaultRule",
    "Fired",
    "Fleet",
    "FleetShape",
    "Sandbox",
    "SandboxOptions",
    "SandboxServer",
    "serve",
]

_HOMES = {
    "ApiCall": "faults.call",
    "ApiError": "errors",
    "ConnectionLost": "errors",
    "Fault": "faults.rule",
    "FaultRule": "faults.rule",
    "Fired": "faults.call",
    "Fleet": "fleets",
    "FleetShape": "fleets",
    "Sandbox": "inprocess",
    "SandboxOptions": "options",
    "SandboxServer": "server",
    "serve": "server",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from importlib import import_module  # noqa: PLC0415  only for the names above

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
