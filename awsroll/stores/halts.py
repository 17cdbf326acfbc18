"""The halt of a store: one switch that pauses every rollout of the store, wherever it is driven.

Drivers read the halt together with the user requests of their rollout. It is never deleted, only lifted, so that a
driver that has seen a halt notices if someone removes it from the store.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from awsroll.errors import StateError, UntrustedItemError
from awsroll.stores.backend import WriteConflictError
from awsroll.stores.record_keys import HALT_KEY

if TYPE_CHECKING:
    from awsroll.stores.items import Items

_WRITE_ATTEMPTS = 20


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

    halt: Halt | None


def load_halt(items: "Items") -> Halt | None:
    """Return the halt of a store; None if its rollouts may run.

    Raises:
        StateError: if the switch cannot be used.
    """
    item = items.read(HALT_KEY, HaltSwitch)
    if item is None:
        if items.has_seen(HALT_KEY):
            problem = f"{items.backend.location(HALT_KEY)} was deleted while this process used it; nothing was changed"
            raise UntrustedItemError(problem)
        return None
    return item.value.halt


def change_halt(items: "Items", change: Callable[[Halt | None], Halt | None]) -> Halt | None:
    """Change the halt of a store, safe against concurrent changes; return the halt before.

    Raises:
        StateError: if the switch cannot be read or written.
    """
    for _ in range(_WRITE_ATTEMPTS):
        item = items.read(HALT_KEY, HaltSwitch)
        before = None if item is None else item.value.halt
        after = change(before)
        if after == before:
            return before
        revision, expected = (0, None) if item is None else (item.revision, item.version)
        with suppress(WriteConflictError):
            items.write(HALT_KEY, HaltSwitch(halt=after), revision=revision + 1, expected=expected)
            return before
    problem = f"other processes keep changing {items.backend.location(HALT_KEY)}; nothing was changed. Try again"
    raise StateError(problem)
