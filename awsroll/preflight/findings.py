"""Collects what the checks find, so that all of it is told together."""

from awsroll.core.model.finding import Finding
from awsroll.errors import FleetError

REFUSE, WARN = "refuse", "warn"
_NAMED = 5


class Findings:
    """What the checks have found so far."""

    def __init__(self) -> None:
        self._found: list[Finding] = []

    def refuse(self, message: str) -> None:
        """Note a reason why the rollout may not start."""
        self._add(REFUSE, message)

    def warn(self, message: str) -> None:
        """Note something that should be known."""
        self._add(WARN, message)

    def _add(self, severity: str, message: str) -> None:
        finding = Finding(severity=severity, message=message)
        if finding not in self._found:
            self._found.append(finding)

    def raise_refusals(self) -> None:
        """Refuse the rollout if anything was found that forbids it.

        Raises:
            FleetError: with every reason.
        """
        reasons = [finding.message for finding in self._found if finding.severity == REFUSE]
        if reasons:
            raise FleetError(*reasons)

    def warnings(self) -> tuple[Finding, ...]:
        """Return what should be known."""
        return tuple(finding for finding in self._found if finding.severity == WARN)


def shortened(names: list[str]) -> str:
    """Name a few of many: `i-1, i-2 and 7 more`."""
    shown = sorted(names)[:_NAMED]
    rest = len(names) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")
