"""Many fleets: an ordered list of waves, each of fleets that are rolled side by side. Values, and the sums on them.

A wave has a concurrency and a limit of tolerated failures. Once more fleets of it than tolerated have failed, no
further one is begun, in this wave or a later one; those under way go on to their own end. How a file becomes such waves
is in `wavesfile`; rolling them is the shell's part.
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
    """What became of one fleet: how its rollout ended, or why there was none."""

    SUCCEEDED = "succeeded"
    ROLLED_BACK = "rolled_back"
    PAUSED = "paused"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"
    REFUSED = "refused"  # when its turn came, its checks or AWS said no: nothing of it was changed
    NOT_BEGUN = "not_begun"


_FAILURES = (FleetEnding.ROLLED_BACK, FleetEnding.PAUSED, FleetEnding.STOPPED, FleetEnding.REFUSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSpec:
    """One fleet of a wave: what to do to it, and where it is.

    Attributes:
        name: names it among all fleets of all waves.
        request: the whole request.
        region: empty: the session's.
        role: ARN of the IAM role to assume for it; empty: the session's own credentials.
        external_id: what the role's trust policy may ask for.
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
        """Return everything that is wrong with it on its own."""
        found = list(self.request.problems())
        if not self.name or not self.name.isprintable() or len(self.name) > _LONGEST_NAME:
            found.append(f"name {self.name!r}: give 1 to {_LONGEST_NAME} printable characters")
        if self.role and not self.account:
            found.append(f"role {self.role!r} is not the ARN of a role: give arn:aws:iam::ACCOUNT:role/NAME")
        if self.external_id and not self.role:
            found.append("external-id is for assuming a role: give a role, or leave it out")
        if self.region and not _REGION.fullmatch(self.region):
            found.append(f"region {self.region!r}: a region is named like eu-west-1")
        if self.request.strategy is Strategy.RELOAD and not self.request.app_version:
            found.append(
                "a reload of many fleets needs app-version: started again, it must know which servers have the new code"
            )
        return tuple(found)

    def parts(self) -> Iterator[tuple[str, str, str]]:
        """Yield what it is made of, as far as names tell: two fleets that share a part are the same servers."""
        for named in (*((self.request.asg,) if self.request.asg else ()), *self.request.target_group):
            yield (self.role, self.region, named)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaveSpec:
    """Fleets that are rolled side by side.

    Attributes:
        concurrency: how many at a time, a count or a percentage (rounded down, 1 at the least); None: all.
        tolerated_failures: how many may fail, a count or a percentage (rounded down) of the wave's fleets.
    """

    name: str
    fleets: tuple[FleetSpec, ...]
    concurrency: str | int | None = None
    tolerated_failures: str | int = 0

    @property
    def at_once(self) -> int:
        """How many fleets are rolled at a time: `30%` of 5 is 1."""
        whole = len(self.fleets)
        if self.concurrency is None:
            return whole
        return min(whole, max(1, Amount.parse(self.concurrency).rounded_down(whole)))

    @property
    def may_fail(self) -> int:
        """How many fleets may fail before no further one is begun: `30%` of 5 is 1."""
        return min(len(self.fleets), Amount.parse(self.tolerated_failures).rounded_down(len(self.fleets)))

    def problems(self) -> tuple[str, ...]:
        """Return everything that is wrong with it and its fleets."""
        found = [f"fleet {one.name}: {problem}" for one in self.fleets for problem in one.problems()]
        if not self.fleets:
            found.append("it has no fleets")
        if self.concurrency is not None:
            found += _amount_problems("concurrency", self.concurrency, least=1)
        return (*found, *_amount_problems("tolerated-failures", self.tolerated_failures, least=0))

    def is_failed(self, endings: Iterable[FleetEnding]) -> bool:
        """Tell whether more of its fleets have failed than it tolerates."""
        return sum(1 for one in endings if one in _FAILURES) > self.may_fail

    def room(self, ended: Iterable[FleetEnding], *, running: int) -> int:
        """Return how many further fleets may begin now, in the order in which they stand.

        Args:
            ended: how those ended that have.
            running: how many are under way.
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
        """Return everything that is wrong without looking at AWS, one line each."""
        if not self.waves:
            return ("there are no waves: give at least one, with its fleets",)
        found = [f"wave {wave.name}: {problem}" for wave in self.waves for problem in wave.problems()]
        found += [f"there are {count} waves {name!r}: names must differ" for name, count in self._repeated_waves()]
        names = Counter(fleet.name for fleet in self.fleets)
        found += [
            f"there are {count} fleets {name!r}: give each a `name` of its own"
            for name, count in names.items()
            if count > 1
        ]
        return (*found, *self._shared_parts())

    def _repeated_waves(self) -> Iterator[tuple[str, int]]:
        counts = Counter(wave.name for wave in self.waves)
        return ((name, count) for name, count in counts.items() if count > 1)

    def _shared_parts(self) -> Iterator[str]:
        owners: dict[tuple[str, str, str], str] = {}
        for fleet in self.fleets:
            for part in fleet.parts():
                owner = owners.setdefault(part, fleet.name)
                if owner != fleet.name:
                    yield f"fleets {owner} and {fleet.name} are both of {part[2]}: a fleet is rolled once"


def worst(endings: Iterable[FleetEnding], *, interrupted: bool = False) -> Outcome:
    """Return how all of it ended: like the fleet that a person must look at first.

    Args:
        endings: of every fleet, begun or not.
        interrupted: somebody asked to stop before all were begun.
    """
    found = set(endings)
    if interrupted or FleetEnding.INTERRUPTED in found:
        return Outcome.INTERRUPTED
    if found & {FleetEnding.STOPPED, FleetEnding.REFUSED}:
        return Outcome.STOPPED
    if FleetEnding.PAUSED in found:
        return Outcome.PAUSED
    return Outcome.ROLLED_BACK if FleetEnding.ROLLED_BACK in found else Outcome.SUCCEEDED


def _amount_problems(what: str, said: str | int, *, least: int) -> list[str]:
    try:
        amount = Amount.parse(said)
    except SpecError:
        return [f"{what} {said!r}: give a whole number of fleets (2) or a percentage of them (25%)"]
    if amount.value < least:
        return [f"{what} {said} would begin nothing: give {least} or more fleets, or leave it out for all"]
    return []
