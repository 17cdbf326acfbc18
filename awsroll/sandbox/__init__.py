"""An AWS on your laptop: EC2, load balancing, Auto Scaling and Run Command with the timing of the real ones.

The names are imported when they are used, so that importing this package costs nothing. `docs/sandbox.md` says what
it does.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from awsroll.sandbox.api_errors import (
        ApiError as ApiError,
        ConnectionLost as ConnectionLost,
    )
    from awsroll.sandbox.faults.call import (
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

# The one table of public names: the module of each. tests/typing/test_public_names.py holds the imports above to it.
_HOMES = {
    "awsroll.sandbox.api_errors": ("ApiError", "ConnectionLost"),
    "awsroll.sandbox.faults.call": ("ApiCall", "Fired"),
    "awsroll.sandbox.faults.fault_rule": ("Fault", "FaultRule"),
    "awsroll.sandbox.inprocess": ("Sandbox",),
    "awsroll.sandbox.ready_fleets": ("Fleet", "FleetShape"),
    "awsroll.sandbox.sandbox_options": ("SandboxOptions",),
    "awsroll.sandbox.server": ("SandboxServer", "serve"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
__all__ = sorted(_HOME_OF)  # noqa: PLE0605 - made from the table, so that no name is written twice


def __getattr__(name: str) -> Any:
    """Load a public name on its first use (PEP 562)."""
    if name not in _HOME_OF:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(_HOME_OF[name]), name)
