"""The result of a check before a rollout."""

from dataclasses import dataclass

REFUSE, WARN, NOTE = "refuse", "warn", "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One problem, warning or note of the checks.

    Attributes:
        severity: `refuse` (the rollout must not start), `warn` (it can start) or `note` (a fact worth knowing).
        message: the problem and what to do, in one line.
    """

    severity: str
    message: str

    @property
    def is_warning(self) -> bool:
        """Whether a person should read the finding before the rollout starts."""
        return self.severity == WARN
