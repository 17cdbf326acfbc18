"""One thing that the checks before a rollout have found."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that the checks have found.

    Attributes:
        severity: `refuse` (the rollout may not start) or `warn` (it may, and this should be known).
        message: what is the matter and what to do, in one line.
    """

    severity: str
    message: str
