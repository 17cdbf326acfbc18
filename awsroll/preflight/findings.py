"""The findings of the checks, collected so that all of them are reported together."""

from collections.abc import Iterator
from contextlib import contextmanager

from awsroll.core.model.finding import NOTE, REFUSE, WARN, Check, CheckResult, Finding, result_of
from awsroll.errors import AwsError, AwsrollError, FleetError, SpecError

_NAMED = 5


class Findings:
    """The checks that were made so far, and what they found."""

    def __init__(self) -> None:
        self._found: list[Finding] = []
        self._made: list[Check] = []
        self._check = Check.FLEET
        self._raised: AwsrollError | None = None

    @contextmanager
    def checking(self, check: Check) -> Iterator[None]:
        """Attribute what is found during the block to a check. An error that ends the block is its result."""
        before, self._check = self._check, check
        if check not in self._made:
            self._made.append(check)
        try:
            yield
        except AwsrollError as error:
            if error is not self._raised:  # else an inner check has recorded it
                self._raised = error
                self._record(error)
            raise
        finally:
            self._check = before

    def refuse(self, message: str) -> None:
        """Add a reason why the rollout cannot start."""
        self._add(REFUSE, message)

    def warn(self, message: str) -> None:
        """Add a warning."""
        self._add(WARN, message)

    def warn_unchecked(self, message: str) -> None:
        """Add a warning that awsroll could not make a check."""
        self._add(WARN, message, is_checked=False)

    def leave_unchecked(self, message: str) -> None:
        """Record that awsroll could not make a check. `awsroll doctor` shows it; a rollout starts without a warning."""
        self._add(NOTE, message, is_checked=False)

    def note(self, message: str) -> None:
        """Add a fact that is worth knowing and needs no reaction."""
        self._add(NOTE, message)

    def _record(self, error: AwsrollError) -> None:
        if isinstance(error, AwsError):
            self._add(WARN, str(error), is_checked=False)
            return
        problems = error.problems if isinstance(error, (SpecError, FleetError)) else (str(error),)
        for problem in problems:
            self._add(REFUSE, problem)

    def _add(self, severity: str, message: str, *, is_checked: bool = True) -> None:
        if self._check not in self._made:
            self._made.append(self._check)
        finding = Finding(severity=severity, message=message, check=self._check, is_checked=is_checked)
        if finding not in self._found:
            self._found.append(finding)

    def raise_refusals(self) -> None:
        """Raise if there is a refusal.

        Raises:
            FleetError: with every refusal.
        """
        reasons = self.refusals()
        if reasons:
            raise FleetError(*reasons)

    def refusals(self) -> list[str]:
        """Return the reasons why the rollout cannot start."""
        return [finding.message for finding in self._found if finding.severity == REFUSE]

    def reported(self) -> tuple[Finding, ...]:
        """Return the warnings, and after them the notes."""
        notes = (finding for finding in self._found if finding.severity == NOTE and finding.is_checked)
        return (*self.warnings(), *notes)

    def warnings(self) -> tuple[Finding, ...]:
        """Return the warnings."""
        return tuple(finding for finding in self._found if finding.severity == WARN)

    def results(self) -> tuple[CheckResult, ...]:
        """Return each check that was made with its result, in the order in which `Check` lists them."""
        return tuple(result_of(check, tuple(self._found)) for check in Check if check in self._made)


def shortened(names: list[str]) -> str:
    """Return the first names of a list: `i-1, i-2 and 7 more`."""
    shown = sorted(names)[:_NAMED]
    rest = len(names) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")
