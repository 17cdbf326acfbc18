"""The findings of the checks, collected so that all of them are reported together."""

from awsroll.core.model.finding import NOTE, REFUSE, WARN, Finding
from awsroll.errors import FleetError

_NAMED = 5


class Findings:
    """The refusals and warnings of the checks so far."""

    def __init__(self) -> None:
        self._found: list[Finding] = []

    def refuse(self, message: str) -> None:
        """Add a reason why the rollout cannot start."""
        self._add(REFUSE, message)

    def warn(self, message: str) -> None:
        """Add a warning."""
        self._add(WARN, message)

    def note(self, message: str) -> None:
        """Add a fact that is worth knowing and needs no reaction."""
        self._add(NOTE, message)

    def _add(self, severity: str, message: str) -> None:
        finding = Finding(severity=severity, message=message)
        if finding not in self._found:
            self._found.append(finding)

    def raise_refusals(self) -> None:
        """Raise if there is a refusal.

        Raises:
            FleetError: with every refusal.
        """
        reasons = [finding.message for finding in self._found if finding.severity == REFUSE]
        if reasons:
            raise FleetError(*reasons)

    def reported(self) -> tuple[Finding, ...]:
        """Return the warnings, and after them the notes."""
        return (*self.warnings(), *(finding for finding in self._found if finding.severity == NOTE))

    def warnings(self) -> tuple[Finding, ...]:
        """Return the warnings."""
        return tuple(finding for finding in self._found if finding.severity == WARN)


def shortened(names: list[str]) -> str:
    """Return the first names of a list: `i-1, i-2 and 7 more`."""
    shown = sorted(names)[:_NAMED]
    rest = len(names) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")
