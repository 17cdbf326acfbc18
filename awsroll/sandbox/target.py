"""A target of a simulated load balancer, as a value for other services."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SimTarget:
    """A target at one moment. `healthy` has neither reason nor description; only listeners see the state `gone`."""

    instance_id: str
    port: int
    state: str
    reason: str | None = None
    description: str | None = None
    shifted: bool = False
    """A zonal shift keeps requests away from the target."""
