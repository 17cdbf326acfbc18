"""How well the duration and the calls of a plan are estimated, by real rollouts in the sandbox, in virtual time.

Each case has a fleet whose servers boot, start and become healthy at another speed. It is rolled twice: the first plan
knows no past rollout of the fleet, the second knows one. `python -m tests.rollouts.calibration` prints every case.
"""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import awsroll
from awsroll.core.model.rollout_choices import Strategy
from awsroll.report import Report, RolloutPlan
from tests.rollouts.rolling import Rolling, enter, make_sandbox

STRATEGIES: dict[str, dict[str, Any]] = {
    "one at a time": {},
    "two at a time": {"concurrent": 2},
    "launch first": {"launch_first": True},
    "surge and unavailable": {"max_surge": 1, "max_unavailable": 1},
    "double-half": {"strategy": Strategy.DOUBLE_HALF},
    "reload": {"strategy": Strategy.RELOAD},
    "checkpoint and bake": {"checkpoint": (1,), "checkpoint_delay": 60, "bake_time": 90},
    "keep old": {"strategy": Strategy.DOUBLE_HALF, "keep_old": True, "bake_time": 60},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One fleet and one way to roll it."""

    strategy: str
    grouped: bool
    drain: int
    servers: int
    options: dict[str, Any]

    def __str__(self) -> str:
        kind = "group" if self.grouped else "standalone"
        return f"{self.strategy}, {kind}, {self.servers} servers, {self.drain} s drain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A plan, and the rollout that followed."""

    plan: RolloutPlan
    report: Report

    @property
    def is_held(self) -> bool:
        """Whether the range of the plan holds the true duration."""
        return self.plan.lowest_seconds <= self.report.elapsed_s <= self.plan.highest_seconds

    @property
    def holds_calls(self) -> bool:
        """Whether the range of the plan holds the true number of calls."""
        calls = self.plan.api_calls
        return calls is not None and calls.lowest <= self.report.api_calls.total <= calls.highest

    def __str__(self) -> str:
        plan, calls = self.plan, self.plan.api_calls
        said = f"{plan.lowest_seconds:.0f} to {plan.highest_seconds:.0f} s, about {plan.estimated_seconds:.0f} s"
        expected = "?" if calls is None else f"{calls.lowest} to {calls.highest}, about {calls.total}"
        return f"{said}: {self.report.elapsed_s:.0f} s; {expected} calls: {self.report.api_calls.total}"


def cases(seed: int = 1) -> tuple[Case, ...]:
    """Return the cases: each strategy on both kinds of fleet, with a short and a long drain."""
    draw = Random(seed)  # noqa: S311 - no secret: the same cases in every run
    return tuple(
        Case(
            strategy=strategy,
            grouped=grouped,
            drain=drain,
            servers=draw.choice([3, 4, 6, 9]),
            options={
                "boot_seconds": draw.choice([25, 40, 60, 90]),
                "boot_jitter_seconds": draw.choice([0, 20, 40]),
                "application_seconds": draw.choice([5, 20, 60]),
                "first_healthy_needs": draw.choice(["one-pass", "threshold"]),
            },
        )
        for strategy, grouped, drain in product(STRATEGIES, (False, True), (30, 300))
    )


def measure(case: Case) -> tuple[Measured, Measured]:
    """Plan and roll the fleet of a case twice: without and with a past rollout."""
    sandbox, clock = make_sandbox(**case.options)
    with sandbox, TemporaryDirectory() as folder:
        rolling = enter(
            sandbox,
            clock,
            Path(folder),
            grouped=case.grouped,
            servers=case.servers,
            deregistration_delay_seconds=case.drain,
            health_check_grace_seconds=300,
            further_versions=({},),
        )
        first, second = (_measured(rolling, case, number) for number in (2, 3))
    return first, second


def _measured(rolling: Rolling, case: Case, number: int) -> Measured:
    wanted = dict(STRATEGIES[case.strategy])
    if wanted.get("strategy") is Strategy.RELOAD:
        wanted["app_version"] = f"{number}.0"
    else:
        wanted["version"] = number
    request, session = rolling.request(**wanted), rolling.sandbox.session()
    plan = awsroll.plan(request, session=session, store=rolling.store, clock=rolling.clock)
    return Measured(plan=plan, report=rolling.roll(**wanted))


def shares(measured: Iterable[tuple[Measured, Measured]]) -> tuple[float, float]:
    """Return how often the range held the true duration: without, and with a past rollout."""
    found = tuple(measured)
    held = [sum(pair[place].is_held for pair in found) / len(found) for place in (0, 1)]
    return held[0], held[1]


def share_of_calls(measured: Iterable[tuple[Measured, Measured]]) -> float:
    """Return how often the range held the true number of calls."""
    found = [each.holds_calls for pair in measured for each in pair]
    return sum(found) / len(found)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _print_all() -> None:
    found = []
    for case in cases():
        found.append(measure(case))
        for words, each in zip(("no past rollout ", "one past rollout"), found[-1], strict=True):
            _say(f"{'holds ' if each.is_held and each.holds_calls else 'MISSES'} {case}, {words}: {each}")
    unknown, known = shares(found)
    _say(f"{len(found)} fleets: the range held {unknown:.0%} without, {known:.0%} with one past rollout")
    _say(f"the range of the calls held {share_of_calls(found):.0%}")


if __name__ == "__main__":
    _print_all()
