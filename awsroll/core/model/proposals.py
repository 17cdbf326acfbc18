"""The proposals of a part of the planner: writes, hooks that must pass first, and waits."""

from dataclasses import dataclass, field

from awsroll.core.model.actions import Action, Reason
from awsroll.core.model.plan import Hold


@dataclass(slots=True)
class Proposals:
    """Writes that could be made now, and waits. The planner picks one kind of write.

    Attributes:
        hooks: hooks that must pass before a write is proposed: the name, and the subject of the run.
    """

    writes: list[Action] = field(default_factory=list)
    waiting: dict[Reason, list[str]] = field(default_factory=dict)
    hooks: list[tuple[str, str]] = field(default_factory=list)

    def wait(self, reason: Reason, instance_id: str) -> None:
        """Add an instance to wait for."""
        self.waiting.setdefault(reason, []).append(instance_id)

    def holds(self) -> tuple[Hold, ...]:
        """Return the waits."""
        return tuple(Hold(reason=reason, instance_ids=tuple(ids)) for reason, ids in self.waiting.items())
