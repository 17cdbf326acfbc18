"""The limits of a probe: consent to the cost, the account that was typed, the time and the number of instances."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from awsroll.errors import AwsrollError, SpecError
from awsroll.ports import Clock

_ACCOUNT = re.compile(r"[0-9]{12}")


class LimitReachedError(AwsrollError):
    """Raised before a step that would exceed a limit of the probe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a probe may use at most."""

    minutes: int = 75
    """From the first call. Deleting what was created takes up to ten minutes more."""
    instances: int = 8
    """Pending or running at once."""
    dollars: float = 1.0
    """What the experiments may cost in total, by their descriptions."""


def check_consent(*, accepts_cost: bool, account: str, dollars: float, limits: Limits) -> None:
    """Refuse to start without consent to the cost and the id of the account.

    Raises:
        SpecError: consent or the account id is missing or malformed, or the cost exceeds the limit.
    """
    problems = []
    if dollars > limits.dollars:
        problems.append(
            f"the experiments cost up to ${dollars:.2f}, the limit is ${limits.dollars:.2f}: choose by --only"
        )
    if not accepts_cost:
        problems.append(
            f"this creates resources for up to ${dollars:.2f}: pass --accept-cost to allow it. Nothing was created"
        )
    if not _ACCOUNT.fullmatch(account):
        problems.append(
            "type the 12 digits of a throw-away account as --account, to confirm where the resources are created. "
            "Nothing was created"
        )
    if problems:
        raise SpecError(*problems)


def check_account(typed: str, actual: str) -> None:
    """Refuse credentials of another account than the one that was typed.

    Raises:
        SpecError: the accounts differ.
    """
    if typed != actual:
        problem = f"--account {typed}: these credentials belong to another account. Nothing was created"
        raise SpecError(problem)


class Budget:
    """Checks the time and the instances of one probe against its limits.

    Args:
        limits: what the probe may use.
        clock: gives the time.
    """

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        self._started_at = clock.now()

    @property
    def ends_at(self) -> datetime:
        """Return the instant after which nothing starts, and no experiment goes on."""
        return self._started_at + timedelta(minutes=self._limits.minutes)

    def check_time(self) -> None:
        """Refuse to continue when the time is over.

        Raises:
            LimitReachedError: the time is over.
        """
        if self._clock.now() >= self.ends_at:
            problem = f"the time limit of {self._limits.minutes} minutes is reached"
            raise LimitReachedError(problem)

    @property
    def seconds_left(self) -> float:
        """The seconds until nothing may go on; 0 if the time is over."""
        return max(0.0, (self.ends_at - self._clock.now()).total_seconds())

    def has_time_for(self, minutes: int) -> bool:
        """Return whether an experiment of so long a time fits before the limit."""
        return self._clock.now() + timedelta(minutes=minutes) <= self.ends_at

    def check_instances(self, running: int, more: int) -> None:
        """Refuse to launch more instances than the limit.

        Raises:
            LimitReachedError: too many instances would run at once. Nothing was launched.
        """
        if running + more > self._limits.instances:
            problem = f"{running} instances run, and {more} more exceed the limit of {self._limits.instances}"
            raise LimitReachedError(problem)


class LimitedClock:
    """A clock for rollouts of the probe: it ends their waits with the time of the probe.

    Args:
        clock: gives the time, and waits.
        budget: how much time is left.
    """

    def __init__(self, clock: Clock, budget: Budget) -> None:
        self._clock = clock
        self._budget = budget
        self.is_real_time = bool(getattr(clock, "is_real_time", False))
        self.now = clock.now
        self.monotonic = clock.monotonic

    def sleep(self, seconds: float) -> None:
        """Wait, at most until the time limit.

        Raises:
            LimitReachedError: the time is over.
        """
        self._clock.sleep(min(seconds, self._budget.seconds_left))
        self._budget.check_time()
