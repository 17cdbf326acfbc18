"""Waves: the request to roll many fleets, as an ordered list of waves of fleets, and its limits.

A wave has a concurrency and a limit of tolerated failures. When more fleets have failed than tolerated, no further
fleet begins, in this wave or a later one; fleets that are running continue to their end. `waves_file` reads waves from
a file, and `awsroll.waves` rolls them.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from awsroll.core.model.amount import Amount
from awsroll.core.model.rollout import Strategy
from awsroll.core.model.status import Outcome
from awsroll.core.request.spec import RolloutSpec
from awsroll.errors import SpecError

_ROLE = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):role/\S+")
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+")
_LONGEST_NAME = 255


class FleetEnding(StrEnum):
    """The ending of one fleet: the outcome of its rollout, or why it did not begin."""

    SUCCEEDED = "succeeded"
    ROLLED_BACK = "rolled_back"
    PAUSED = "paused"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"
    REFUSED = "refused"  # its checks or AWS refused the rollout: nothing was changed
    NOT_BEGUN = "not_begun"


_FAILURES = (FleetEnding.ROLLED_BACK, FleetEnding.PAUSED, FleetEnding.STOPPED, FleetEnding.REFUSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSpec:
    """One fleet of a wave: its request, region and role.

    Attributes:
        name: its name, unique among the fleets of all waves.
        request: the whole request.
        region: empty: the session's region.
        role: ARN of the IAM role to assume; empty: the session's own credentials.
        external_id: the external id, if the role's trust policy requires one.
    """

    name: str
    request: RolloutSpec
    region: str = ""
    role: str = ""
    external_id: str = ""

    @property
    def account(self) -> str:
        """The account of the role; empty without a role."""
        match = _ROLE.fullmatch(self.role)
        return "" if match is None else match[1]

    def problems(self) -> tuple[str, ...]:
        """Return the problems of the fleet, without those that depend on other fleets."""
        problems = list(self.request.problems())
        if not self.name or not self.name.isprintable() or len(self.name) > _LONGEST_NAME:
            problems.append(f"name {self.name!r}: use 1 to {_LONGEST_NAME} printable characters")
        if self.role and not self.account:
            problems.append(f"role {self.role!r} is not the ARN of a role: use arn:aws:iam::ACCOUNT:role/NAME")
        if self.external_id and not self.role:
            problems.append("external-id needs a role: add role, or remove external-id")
        if self.region and not _REGION.fullmatch(self.region):
            problems.append(f"region {self.region!r} is not the name of a region, such as eu-west-1")
        if self.request.strategy is Strategy.RELOAD and not self.request.app_version:
            problems.append(
                "a reload of many fleets needs app-version: without it, a restart cannot know which servers have the "
                "new code"
            )
        return tuple(problems)

    def parts(self) -> Iterator[tuple[str, str, str]]:
        """Yield the group and the target groups of the fleet. Two fleets that share one have the same servers."""
        for named in (*((self.request.asg,) if self.request.asg else ()), *self.request.target_group):
            yield (self.role, self.region, named)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaveSpec:
    """Fleets that are rolled at the same time.

    Attributes:
        concurrency: the number of fleets at a time, a count or a percentage (rounded down, at least 1); None: all.
        tolerated_failures: the number of fleets that may fail, a count or a percentage (rounded down).
    """

    name: str
    fleets: tuple[FleetSpec, ...]
    concurrency: str | int | None = None
    tolerated_failures: str | int = 0

    @property
    def at_once(self) -> int:
        """The number of fleets that are rolled at a time: `30%` of 5 is 1."""
        whole = len(self.fleets)
        if self.concurrency is None:
            return whole
        return min(whole, max(1, Amount.parse(self.concurrency).rounded_down(whole)))

    @property
    def may_fail(self) -> int:
        """The number of fleets that may fail before no further fleet begins: `30%` of 5 is 1."""
        return min(len(self.fleets), Amount.parse(self.tolerated_failures).rounded_down(len(self.fleets)))

    def problems(self) -> tuple[str, ...]:
        """Return the problems of the wave and its fleets."""
        problems = [f"fleet {fleet.name}: {problem}" for fleet in self.fleets for problem in fleet.problems()]
        if not self.fleets:
            problems.append("it has no fleets")
        if self.concurrency is not None:
            problems += _amount_problems("concurrency", self.concurrency, least=1)
        return (*problems, *_amount_problems("tolerated-failures", self.tolerated_failures, least=0))

    def is_failed(self, endings: Iterable[FleetEnding]) -> bool:
        """Return whether more fleets have failed than the wave tolerates."""
        return sum(1 for ending in endings if ending in _FAILURES) > self.may_fail

    def room(self, ended: Iterable[FleetEnding], *, running: int) -> int:
        """Return the number of further fleets that may begin now, in their order.

        Args:
            ended: the endings of the fleets that have ended.
            running: the number of fleets that are running.
        """
        ended = tuple(ended)
        if self.is_failed(ended):
            return 0
        waiting = len(self.fleets) - len(ended) - running
        return max(0, min(self.at_once - running, waiting))


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetsSpec:
    """A request to roll many fleets, wave after wave."""

    waves: tuple[WaveSpec, ...]

    @property
    def fleets(self) -> tuple[FleetSpec, ...]:
        """All fleets, in order."""
        return tuple(fleet for wave in self.waves for fleet in wave.fleets)

    def problems(self) -> tuple[str, ...]:
        """Return the problems of the request, one line each, without calls to AWS."""
        if not self.waves:
            return ("there are no waves: add at least one wave with fleets",)
        problems = [f"wave {wave.name}: {problem}" for wave in self.waves for problem in wave.problems()]
        problems += [f"there are {count} waves {name!r}: names must differ" for name, count in self._repeated_waves()]
        names = Counter(fleet.name for fleet in self.fleets)
        problems += [
            f"there are {count} fleets {name!r}: set a different `name` for each"
            for name, count in names.items()
            if count > 1
        ]
        if any(fleet.request.type_problems() for fleet in self.fleets):
            return tuple(problems)  # the names of the fleets cannot be compared
        return (*problems, *self._shared_parts())

    def _repeated_waves(self) -> Iterator[tuple[str, int]]:
        counts = Counter(wave.name for wave in self.waves)
        return ((name, count) for name, count in counts.items() if count > 1)

    def _shared_parts(self) -> Iterator[str]:
        owners: dict[tuple[str, str, str], str] = {}
        for fleet in self.fleets:
            for part in fleet.parts():
                owner = owners.setdefault(part, fleet.name)
                if owner != fleet.name:
                    yield f"fleets {owner} and {fleet.name} both include {part[2]}: it can be in only one fleet"


def worst(endings: Iterable[FleetEnding], *, interrupted: bool = False) -> Outcome:
    """Return the outcome of all fleets: the outcome of the fleet that needs a person most.

    Args:
        endings: the endings of all fleets, including those not begun.
        interrupted: a stop was requested before all fleets had begun.
    """
    distinct = set(endings)
    if interrupted or FleetEnding.INTERRUPTED in distinct:
        return Outcome.INTERRUPTED
    if distinct & {FleetEnding.STOPPED, FleetEnding.REFUSED}:
        return Outcome.STOPPED
    if FleetEnding.PAUSED in distinct:
        return Outcome.PAUSED
    return Outcome.ROLLED_BACK if FleetEnding.ROLLED_BACK in distinct else Outcome.SUCCEEDED


def _amount_problems(what: str, value: str | int, *, least: int) -> list[str]:
    try:
        amount = Amount.parse(value)
    except SpecError:
        return [f"{what} {value!r}: use a whole number of fleets (2) or a percentage of them (25%)"]
    if amount.value < least:
        return [f"{what} {value} would begin no fleet: use {least} or more, or remove it to begin all at once"]
    return []
