"""A simulated AWS: EC2, load balancing, Auto Scaling and Run Command with realistic timing.

Each public name is imported on first use, so importing this package is cheap. See `docs/sandbox.md`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from awsroll.sandbox.api_errors import (
        ApiError as ApiError,
        ConnectionLost as ConnectionLost,
    )
    from awsroll.sandbox.faults.call_faults import (
        ApiCall as ApiCall,
        Fired as Fired,
    )
    from awsroll.sandbox.faults.fault_rule import (
        Fault as Fault,
        FaultRule as FaultRule,
    )
    from awsroll.sandbox.inprocess import Sandbox as Sandbox
    from awsroll.sandbox.ready_fleets import (
        Fleet as Fleet,
        FleetShape as FleetShape,
    )
    from awsroll.sandbox.sandbox_options import SandboxOptions as SandboxOptions
    from awsroll.sandbox.server import (
        SandboxServer as SandboxServer,
        serve as serve,
    )

# The table of public names: each name and its module. tests/typing/test_public_names.py checks the imports above.
_HOMES = {
    "awsroll.sandbox.api_errors": ("ApiError", "ConnectionLost"),
    "awsroll.sandbox.faults.call_faults": ("ApiCall", "Fired"),
    "awsroll.sandbox.faults.fault_rule": ("Fault", "FaultRule"),
    "awsroll.sandbox.inprocess": ("Sandbox",),
    "awsroll.sandbox.ready_fleets": ("Fleet", "FleetShape"),
    "awsroll.sandbox.sandbox_options": ("SandboxOptions",),
    "awsroll.sandbox.server": ("SandboxServer", "serve"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
__all__ = sorted(_HOME_OF)  # noqa: PLE0605 - derived from the table, so each name is written once


def __getattr__(name: str) -> Any:
    """Load a public name on its first use (PEP 562)."""
    if name not in _HOME_OF:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(_HOME_OF[name]), name)
