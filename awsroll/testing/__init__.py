"""Fakes for tests of code that drives rollouts: a fleet in memory, and a clock that a test moves.

The names are imported on first use, so that importing this package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from awsroll.testing.clock import VirtualClock as VirtualClock
    from awsroll.testing.fleet import FakeFleet as FakeFleet

# The module of each public name. tests/typing/test_public_names.py compares this table with the imports above.
_HOMES = {
    "awsroll.testing.clock": ("VirtualClock",),
    "awsroll.testing.fleet": ("FakeFleet",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
__all__ = sorted(_HOME_OF)  # noqa: PLE0605 - derived from the table above


def __getattr__(name: str) -> Any:
    """Load a public name on its first use (PEP 562)."""
    if name not in _HOME_OF:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(_HOME_OF[name]), name)
