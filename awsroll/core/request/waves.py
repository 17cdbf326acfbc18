"""Waves: the request to roll many fleets, as an ordered list of waves of fleets, and its limits.

A wave has a concurrency, a limit of tolerated failures, a bake time and alarms. When more fleets have failed than
tolerated, or an alarm of the wave fires, no further fleet begins, in this wave or a later one. `waves_file` reads waves
from a file, `core.wave_turns` decides what happens next, and `awsroll.waves` rolls them.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from awsroll.core.model.amount import Amount
from awsroll.core.model.composed_values import Many, Nested
from awsroll.core.model.hooks import Hook, HookKind, HookPoint, named
from awsroll.core.model.options import option, option_metadata, read_fields
from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.model.status import Outcome
from awsroll.core.model.values import (
    CONTROLS,
    LISTED_NAME,
    NAME,
    ONE_LINE,
    PERCENTAGE,
    Choice,
    Count,
    Seconds,
    Share,
    Text,
    share_of,
)
from awsroll.core.request.spec import RolloutSpec

_ROLE = rf"arn:aws[a-z-]*:iam::([0-9]{{12}}):role/[^\s{CONTROLS}]+"
_REGION = r"[a-z]{2,}(?:-[a-z]+)+-[0-9]+"
LONGEST_NAME = 255
_MOST_FLEETS = 10_000
NAME_OF_FLEET = Text(
    says=f"a name of 1 to {LONGEST_NAME} printable characters", form=ONE_LINE, least=1, most=LONGEST_NAME
)
REGION = Text(says="the name of a region, such as eu-west-1", form=f"(?:{_REGION})?", most=64)
ROLE = Text(says="the ARN of a role: arn:aws:iam::ACCOUNT:role/NAME", form=f"(?:{_ROLE})?")
EXTERNAL_ID = Text(most=1224)


class FleetEnding(StrEnum):
    """The ending of one fleet: the outcome of its rollout, or why it did not begin."""

    SUCCEEDED = "succeeded"
    ROLLED_BACK = "rolled_back"
    PAUSED = "paused"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"
    REFUSED = "refused"  # its checks or AWS refused the rollout: nothing was changed
    NOT_BEGUN = "not_begun"


FAILURES = (FleetEnding.ROLLED_BACK, FleetEnding.PAUSED, FleetEnding.STOPPED, FleetEnding.REFUSED)


class OnWaveFailure(StrEnum):
    """What happens after the failure of a wave."""

    STOP = "stop"  # no further fleet begins
    ROLLBACK_WAVE = "rollback-wave"  # this wave and all fleets in progress roll back
    ROLLBACK_ALL = "rollback-all"  # all waves that have begun roll back, the newest first


_COUNTING = (HookKind.COMMAND, HookKind.FUNCTION, HookKind.URL, HookKind.METRIC)


def judging_hooks(request: RolloutSpec) -> tuple[Hook, ...]:
    """Return the hooks of a fleet that can count its requests for the judge of a wave."""
    hooks = named(request.all_hooks)
    return tuple(hook for hook in hooks if hook.point is HookPoint.WHILE_JUDGING and hook.kind in _COUNTING)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaveLimits:
    """The limits of a wave as numbers.

    Attributes:
        at_once: the number of fleets that run at a time.
        may_fail: the number of fleets that may fail before the wave fails.
        bake_seconds: how long the wave is watched after the end of its last fleet.
        on_failure: what happens after its failure.
    """

    at_once: int
    may_fail: int
    bake_seconds: float = 0.0
    on_failure: OnWaveFailure = OnWaveFailure.STOP

    def is_failed(self, endings: Iterable[FleetEnding]) -> bool:
        """Return whether more fleets have failed than the wave tolerates."""
        return sum(1 for ending in endings if ending in FAILURES) > self.may_fail

    def room(self, ended: Iterable[FleetEnding], *, waiting: int, running: int) -> int:
        """Return the number of further fleets that may begin now, in their order.

        Args:
            ended: the endings of the fleets that have ended.
            waiting: the number of fleets that have not begun.
            running: the number of fleets that are running.
        """
        return 0 if self.is_failed(ended) else max(0, min(self.at_once - running, waiting))


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSpec:
    """One fleet of a wave: its whole request, its region and the role to assume."""

    name: str = field(
        metadata=option_metadata(
            NAME_OF_FLEET,
            "Unique name of the fleet (default: its group or target groups, followed by @REGION if it has a region).",
        )
    )
    request: RolloutSpec = field(metadata=option_metadata(Nested(RolloutSpec), "The request."))
    region: str = option(REGION, "AWS region of the fleet (default: the region of the session).", default="")
    role: str = option(ROLE, "ARN of the IAM role to assume (default: the credentials of the session).", default="")
    external_id: str = option(
        EXTERNAL_ID, "External id that the trust policy of the role requires (default: none).", default=""
    )

    image_parameter: str = option(
        NAME,
        "`awsroll keep`: name of the Systems Manager parameter with the id of the newest image (default: the parameter "
        "that the launch template version names).",
        default="",
    )
    max_age_days: int | None = option(
        Count(least=1, most=3650),
        "`awsroll keep`: maximum age of a server in days (default: no limit).",
        default=None,
    )

    def __post_init__(self) -> None:
        read_fields(self)

    @property
    def account(self) -> str:
        """The account of the role; empty without a role."""
        match = re.fullmatch(_ROLE, self.role)
        return "" if match is None else match[1]

    def problems(self) -> tuple[str, ...]:
        """Return the problems of the fleet, without those that depend on other fleets."""
        problems = list(self.request.problems())
        if self.external_id and not self.role:
            problems.append("external-id needs a role: add role, or remove external-id")
        if self.request.strategy is Strategy.RELOAD and not self.request.app_version:
            problems.append(
                "a reload of many fleets needs app-version: without it, a restart cannot know which servers have the "
                "new code"
            )
        return tuple(problems)

    def parts(self) -> Iterator[tuple[str, str, str]]:
        """Yield the group and the target groups of the fleet. Two fleets that share one have the same servers."""
        for part in (*((self.request.asg,) if self.request.asg else ()), *self.request.target_group):
            yield (self.role, self.region, part)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaveSpec:
    """Fleets that are rolled at the same time, and what happens until the next wave starts."""

    name: str = field(metadata=option_metadata(NAME_OF_FLEET, "Name of the wave (default: its number, from 1)."))
    concurrency: str | int | None = option(
        Share(least=1, of="fleets"),
        "Number or percentage of fleets to roll at a time; rounded down, at least 1 (default: all).",
        default=None,
    )
    tolerated_failures: str | int = option(
        Share(of="fleets"),
        "Number or percentage of fleets that may fail in a wave; rounded down (default: 0).",
        default=0,
    )
    bake_time: float = option(
        Seconds(),
        "How long to watch the alarms after the last fleet of the wave has ended, before the next wave starts "
        "(default: 0 seconds).",
        default=0,
    )
    alarm: tuple[str, ...] = option(
        Many(LISTED_NAME),
        "Names of CloudWatch alarms, read in the region and account of each fleet of the wave. The wave fails if one "
        "is in ALARM at any time until the last wave has passed (default: none).",
        default=(),
    )
    judge: str | None = option(
        PERCENTAGE,
        "Compare the fleets of the wave that have succeeded with the fleets that have not begun, by what their hooks "
        "at while_judging count: share of runs of an equally good version in which the wave may fail (default: they "
        "are not compared).",
        default=None,
    )
    on_failure: OnWaveFailure = option(
        Choice(tuple(OnWaveFailure)),
        "Reaction to a failure of the wave: stop, rollback-wave or rollback-all (default: stop).",
        default=OnWaveFailure.STOP,
    )
    fleets: tuple[FleetSpec, ...] = field(
        metadata=option_metadata(
            Many(Nested(FleetSpec), wraps=False, most=_MOST_FLEETS),
            "Fleets of the wave, each with the options of a rollout file.",
        )
    )

    def __post_init__(self) -> None:
        read_fields(self)

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

    @property
    def judge_alpha(self) -> float | None:
        """The share of runs of an equally good version in which the judge may fail the wave; None without a judge."""
        return None if self.judge is None else share_of(self.judge)

    @property
    def limits(self) -> WaveLimits:
        """The limits as numbers."""
        return WaveLimits(
            at_once=self.at_once,
            may_fail=self.may_fail,
            bake_seconds=self.bake_time,
            on_failure=self.on_failure,
        )

    def problems(self) -> tuple[str, ...]:
        """Return the problems of the wave and its fleets."""
        problems = [f"fleet {fleet.name}: {problem}" for fleet in self.fleets for problem in fleet.problems()]
        if not self.fleets:
            problems.append("it has no fleets")
        if self.judge is not None and not any(judging_hooks(fleet.request) for fleet in self.fleets):
            kinds = ", ".join(_COUNTING)
            problems.append(f"judge needs a hook at while_judging with one of {kinds} in a fleet of the wave")
        return tuple(problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetsSpec:
    """A request to roll many fleets, wave after wave."""

    waves: tuple[WaveSpec, ...] = field(
        metadata=option_metadata(
            Many(Nested(WaveSpec), wraps=False),
            "Waves, which are rolled one after the other.",
        )
    )

    def __post_init__(self) -> None:
        read_fields(self)

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
        return (*problems, *self._shared_parts(), *self._without_way_back())

    def _without_way_back(self) -> Iterator[str]:
        """Yield the fleets that a failure would roll back, and that have no command for it."""
        for number, wave in enumerate(self.waves):
            if wave.on_failure is OnWaveFailure.STOP:
                continue
            reached = self.waves[: number + 1] if wave.on_failure is OnWaveFailure.ROLLBACK_ALL else (wave,)
            for fleet in (each for reach in reached for each in reach.fleets):
                if fleet.request.strategy is Strategy.RELOAD and not fleet.request.rollback_command:
                    yield (
                        f"wave {wave.name}: on-failure {wave.on_failure} needs rollback-command for fleet "
                        f"{fleet.name}: a reload has no other way back"
                    )

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


def worst(endings: Iterable[FleetEnding], *, interrupted: bool = False, failed: bool = False) -> Outcome:
    """Return the outcome of all fleets: the outcome of the fleet that needs a person most.

    Args:
        endings: the endings of all fleets, including those not begun.
        interrupted: a stop was requested before all fleets had begun.
        failed: a wave has failed: without a fleet that failed, the outcome is `stopped`.
    """
    distinct = set(endings)
    if interrupted or FleetEnding.INTERRUPTED in distinct:
        return Outcome.INTERRUPTED
    if distinct & {FleetEnding.STOPPED, FleetEnding.REFUSED}:
        return Outcome.STOPPED
    if FleetEnding.PAUSED in distinct:
        return Outcome.PAUSED
    if FleetEnding.ROLLED_BACK in distinct:
        return Outcome.ROLLED_BACK
    return Outcome.STOPPED if failed else Outcome.SUCCEEDED
