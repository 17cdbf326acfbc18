"""One simulated EC2 instance: its states and what its application answers.

An instance knows its state and whether its application is up; it starts no timers and tells nobody. `world.py` beside
it moves it and spreads the news. The tags read here are the requests that users make of the sandbox (`sandbox:...`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

STATE_CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}


class Health(StrEnum):
    """What a health check of an application ends in."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    NEVER_ANSWERS = "never-answers"
    REFUSES = "refuses"
    """Nothing listens: the instance boots, has stopped, or is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateReason:
    """Why an instance is in its state, as EC2 words it."""

    code: str = ""
    message: str = ""


@dataclass(slots=True, kw_only=True, eq=False)
class SimInstance:
    """An instance as the simulated world sees it; moto's record of it holds the rest (addresses, volumes, tags)."""

    instance_id: str
    zone: str
    subnet_id: str
    vpc_id: str
    template_id: str
    template_version: int
    launched_at: datetime
    client_token: str
    reservation_id: str
    record: Any
    """moto's instance."""
    read_tags: Callable[[], Mapping[str, str]]
    """Answers the tags as they are now."""
    state: str = "pending"
    state_reason: StateReason = field(default_factory=StateReason)
    transition_reason: str = ""
    version_label: str = ""
    """What the application says its version is; a reload changes it."""
    application_up: bool = False
    running_since: datetime | None = None
    terminated_at: datetime | None = None
    visible_from: datetime | None = None
    """EC2 denies knowing the instance before this instant; None is always."""

    @property
    def tags(self) -> Mapping[str, str]:
        """The tags as they are now."""
        return self.read_tags()

    @property
    def is_live(self) -> bool:
        """Pending or running."""
        return self.state in {"pending", "running"}

    def answers(self, port: int | None = None) -> Health:
        """Return how the application answers a health check on `port`.

        The tag `sandbox:health`, or `sandbox:health:PORT` for one port, says what a booted application does.
        """
        if self.state != "running" or not self.application_up:
            return Health.REFUSES
        tags = self.tags
        wish = tags.get(f"sandbox:health:{port}") or tags.get("sandbox:health") or Health.HEALTHY
        return Health(wish) if wish in set(Health) else Health.HEALTHY

    def number_tag(self, key: str, default: float) -> float:
        """Return the number in a tag, or `default` if the tag is missing or holds no number."""
        try:
            return max(0.0, float(self.tags[key]))
        except (KeyError, ValueError):
            return default

    def application_healthy(self) -> bool:
        """Whether the application is booted and has not been told to be unhealthy."""
        return self.answers() is Health.HEALTHY
