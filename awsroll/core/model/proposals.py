"""What a part of the planner would do now: writes, hooks that must pass first, and what is waited for."""

from dataclasses import dataclass, field

from awsroll.core.model.actions import Action, Reason
from awsroll.core.model.plan import Hold


@dataclass(slots=True)
class Proposals:
    """Writes that could be made now, by kind, and what is waited for; the planner picks one kind.

    Attributes:
        hooks: hooks that are to pass before something goes on: name, and what they are run for.
    """

    writes: list[Action] = field(default_factory=list)
    waiting: dict[Reason, list[str]] = field(default_factory=dict)
    hooks: list[tuple[str, str]] = field(default_factory=list)

    def wait(self, reason: Reason, instance_id: str) -> None:
        """Note that an instance is waited for."""
        self.waiting.setdefault(reason, []).append(instance_id)

    def holds(self) -> tuple[Hold, ...]:
        """Return the waits."""
        return tuple(Hold(reason=reason, instance_ids=tuple(ids)) for reason, ids in self.waiting.items())
