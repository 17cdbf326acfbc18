"""The result of a check before a rollout."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One problem or warning of the checks.

    Attributes:
        severity: `refuse` (the rollout must not start) or `warn` (it can start).
        message: the problem and what to do, in one line.
    """

    severity: str
    message: str
