"""What a part of the planner proposes: writes, hooks that must pass first, and what is waited for."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from awsroll.core.model.actions import Action
from awsroll.core.model.plan import Hold
from awsroll.core.model.reasons import Reason


@dataclass(slots=True)
class Proposals:
    """Writes that could be made now, by kind, and what is waited for. The planner picks one kind.

    Attributes:
        writes: the writes.
        waits: what is waited for, and the servers concerned: none where the rollout as a whole waits.
        hooks: hooks that must pass before something continues, as (name of the hook, subject of the run).
    """

    writes: list[Action] = field(default_factory=list)
    waits: dict[Reason, list[str]] = field(default_factory=dict)
    hooks: list[tuple[str, str]] = field(default_factory=list)

    @property
    def is_waiting(self) -> bool:
        """Whether anything is waited for."""
        return bool(self.waits)

    def wait(self, reason: Reason, *instance_ids: str) -> None:
        """Add a wait: for these servers, or for the rollout as a whole if none is given."""
        self.waits.setdefault(reason, []).extend(instance_ids)

    def waits_of(self, other: "Proposals", *reasons: Reason) -> None:
        """Add the waits of other proposals, for these reasons or for all."""
        for reason in reasons or other.waits:
            if reason in other.waits:
                self.wait(reason, *other.waits[reason])

    def stop_waiting(self, reason: Reason, instance_ids: Iterable[str]) -> None:
        """Remove servers from a wait, and the wait itself with its last server."""
        gone = set(instance_ids)
        self.waits[reason] = [name for name in self.waits[reason] if name not in gone]
        if not self.waits[reason]:
            del self.waits[reason]

    def holds(self) -> tuple[Hold, ...]:
        """Return the waits as holds of the plan."""
        return tuple(Hold(reason=reason, instance_ids=tuple(ids)) for reason, ids in self.waits.items())
