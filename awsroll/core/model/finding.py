"""The checks before a rollout, and their results."""

from dataclasses import dataclass
from enum import StrEnum

REFUSE, WARN, NOTE = "refuse", "warn", "note"


class Check(StrEnum):
    """The checks before a rollout. `awsroll doctor` shows the names, and docs/checks.md explains them."""

    REQUEST = "request"
    FLEET = "fleet"
    OWNERS = "owners"
    GROUP_SETTINGS = "group settings"
    INSTANCE_REFRESH = "instance refresh"
    WARM_POOL = "warm pool"
    TARGET_GROUPS = "target groups"
    INVENTORY = "dependents of servers"
    VERSION = "version"
    DEADLINES = "deadlines"
    ALARMS = "alarms"
    WINDOWS = "windows and freezes"
    RELOAD = "reload command"
    ACCOUNT = "account"
    SERVING = "who serves now"
    CAPACITY = "capacity"
    ZONES = "zones"
    THRESHOLDS = "health thresholds"
    TAGS = "tags"
    ADDRESSES = "free addresses"
    ROOT_VOLUMES = "root volumes"
    IMAGES = "images"
    INTERFACES = "network interfaces"
    ROLLBACK = "rollback"
    HOOKS = "hooks"
    AGENTS = "SSM agents"
    LOCKS = "locks"
    LABEL = "rollouts of other stores"
    HALT = "halt"
    BUDGET = "budget"
    UNFINISHED = "unfinished rollouts"
    SAVED_SETTINGS = "saved settings"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One problem, warning or note of the checks.

    Attributes:
        severity: `refuse` (the rollout must not start), `warn` (it can start) or `note` (a fact worth knowing).
        message: the problem and what to do, in one line.
        check: the check that found it.
        is_checked: False if awsroll could not make the check.
    """

    severity: str
    message: str
    check: Check = Check.FLEET
    is_checked: bool = True

    @property
    def is_warning(self) -> bool:
        """Whether a person should read the finding before the rollout starts."""
        return self.severity == WARN


class CheckOutcome(StrEnum):
    """The result of one check."""

    OK = "ok"
    WARNING = "warning"
    REFUSED = "refused"
    UNCHECKED = "could not be checked"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """One check that was made, with its result.

    Attributes:
        messages: the problems, warnings and notes.
    """

    check: Check
    result: CheckOutcome
    messages: tuple[str, ...] = ()


def result_of(check: Check, findings: tuple[Finding, ...]) -> CheckResult:
    """Return the result of a check from its findings: the most severe one counts."""
    own = [finding for finding in findings if finding.check is check]
    if any(finding.severity == REFUSE for finding in own):
        outcome = CheckOutcome.REFUSED
    elif not all(finding.is_checked for finding in own):
        outcome = CheckOutcome.UNCHECKED
    else:
        outcome = CheckOutcome.WARNING if any(finding.is_warning for finding in own) else CheckOutcome.OK
    return CheckResult(check=check, result=outcome, messages=tuple(finding.message for finding in own))
