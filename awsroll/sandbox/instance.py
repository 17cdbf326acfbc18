"""One simulated EC2 instance: its state, and how its application answers health checks.

An instance starts no timers and notifies no listeners; `ec2/world.py` does both. Users control an instance by the tags
`sandbox:...`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

STATE_CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}


class Health(StrEnum):
    """The result of a health check."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    NEVER_ANSWERS = "never-answers"
    REFUSES = "refuses"
    """No application listens: the instance is booting, stopped or terminated."""


class Impaired(StrEnum):
    """What fails its status checks: the value of the tag `sandbox:status`."""

    INSTANCE = "impaired"
    SYSTEM = "system-impaired"
    """The host: the instance status check fails with it."""
    VOLUMES = "volumes-impaired"


@dataclass(frozen=True, slots=True, kw_only=True)
class StateReason:
    """Why an instance is in its state, as EC2 words it."""

    code: str = ""
    message: str = ""


@dataclass(slots=True, kw_only=True, eq=False)
class SimInstance:
    """A simulated instance. moto's record of it holds the addresses, volumes and tags."""

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
    """Returns the current tags."""
    state: str = "pending"
    state_reason: StateReason = field(default_factory=StateReason)
    transition_reason: str = ""
    holds: frozenset[str] = frozenset()
    """The network interfaces and addresses that no other instance can have before this one is terminated."""
    version_label: str = ""
    """The version that the application serves. A reload changes it."""
    at_risk: bool = False
    """EC2 recommends to replace the Spot Instance, because an interruption is likely."""
    application_up: bool = False
    running_since: datetime | None = None
    terminated_at: datetime | None = None
    visible_from: datetime | None = None
    """Before this instant, EC2 does not show the instance; None means that it always shows it."""

    @property
    def tags(self) -> Mapping[str, str]:
        """The current tags."""
        return self.read_tags()

    @property
    def addresses(self) -> frozenset[str]:
        """The private addresses and the IPv6 addresses of its network interfaces."""
        nics = self.record.nics.values()
        private = {str(address["PrivateIpAddress"]) for nic in nics for address in nic.private_ip_addresses}
        return frozenset(private | {str(address) for nic in nics for address in nic.ipv6_addresses})

    @property
    def is_live(self) -> bool:
        """Whether the instance is pending or running."""
        return self.state in {"pending", "running"}

    @property
    def impaired(self) -> Impaired | None:
        """What fails its status checks while it runs, by the tag `sandbox:status`; None if nothing does."""
        status = self.tags.get("sandbox:status") if self.running_since is not None else None
        return Impaired(status) if status in set(Impaired) else None

    def answers(self, port: int | None = None) -> Health:
        """Return how the application answers a health check on `port`.

        The tag `sandbox:health`, or `sandbox:health:PORT` for one port, sets the answer of a booted application.
        """
        if self.state != "running" or not self.application_up:
            return Health.REFUSES
        tags = self.tags
        requested = tags.get(f"sandbox:health:{port}") or tags.get("sandbox:health") or Health.HEALTHY
        return Health(requested) if requested in set(Health) else Health.HEALTHY

    @property
    def error_share(self) -> float:
        """The share of requests that its application fails, 0 to 1, by the tag `sandbox:error-percent`."""
        return min(1.0, self.number_tag("sandbox:error-percent", 0) / 100)

    def number_tag(self, key: str, default: float) -> float:
        """Return the number in a tag, or `default` if the tag is missing or holds no number."""
        try:
            return max(0.0, float(self.tags[key]))
        except (KeyError, ValueError):
            return default

    def application_healthy(self) -> bool:
        """Return whether the application is up and its tags do not make it unhealthy."""
        return self.answers() is Health.HEALTHY
