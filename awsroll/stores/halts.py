"""The halt of a store: one switch that pauses every rollout of the store, wherever it is driven.

Drivers read the halt together with the user requests of their rollout. It is never deleted, only lifted, so that a
driver that has seen a halt notices if someone removes it from the store.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from awsroll.stores.record_keys import HALT_KEY
from awsroll.stores.side_files import change_item, load_item

if TYPE_CHECKING:
    from awsroll.stores.items import Items


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """A halt of all rollouts of a store.

    Attributes:
        reason: why, in the words of the person; empty if the person gave no reason.
        by: the user and the host that halted the rollouts, as `ops@bastion`.
        since: when.
    """

    reason: str
    by: str
    since: datetime

    def __str__(self) -> str:
        text = f"by {self.by} since {self.since:%Y-%m-%d %H:%M:%SZ}"
        return f"{text}: {self.reason}" if self.reason else text


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltSwitch:
    """What the store keeps: the halt, or None once it is lifted."""

    halt: Halt | None = None


def load_halt(items: "Items") -> Halt | None:
    """Return the halt of a store; None if its rollouts may run.

    Raises:
        StateError: if the switch cannot be used.
    """
    item = load_item(items, HALT_KEY, HaltSwitch)
    return None if item is None else item.value.halt


def change_halt(items: "Items", change: Callable[[Halt | None], Halt | None]) -> Halt | None:
    """Change the halt of a store, safe against concurrent changes; return the halt before.

    Raises:
        StateError: if the switch cannot be read or written.
    """
    about = items.backend.location(HALT_KEY)
    before, _ = change_item(
        items, HALT_KEY, HaltSwitch(), lambda switch: HaltSwitch(halt=change(switch.halt)), about=about
    )
    return before.halt
