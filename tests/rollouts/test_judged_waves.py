"""The judge of waves on the embedded AWS: fleets of an earlier wave against fleets that have not begun."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from awsroll.core.model.hooks import HookPoint, HookSpec
from awsroll.core.request.spec import RolloutSpec
from awsroll.core.request.waves import FleetSpec, FleetsSpec, OnWaveFailure, WaveSpec
from awsroll.report import FleetsReport
from tests.rollouts.rolling import make_sandbox
from tests.rollouts.small_groups import World, apart, endings, wave_of
from tests.support.turns import TurnClock

OLD, NEW = ["1"], ["2"]
COUNT = HookSpec(point=HookPoint.WHILE_JUDGING, name="errors", function="count", timeout=5)
NAMES = ("canary", "second", "third", "fourth", "fifth", "sixth")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    sandbox, clock = make_sandbox()
    with ExitStack() as stack:
        yield World(stack.enter_context(sandbox), TurnClock(clock), tmp_path)


def counts(world: World, is_bad: Callable[[str], bool]) -> list[tuple[str, str]]:
    """Let the function count 100 requests a second of each fleet; return the phase and the fleet of each event."""
    asked = []

    def count(event: Mapping[str, Any]) -> dict[str, dict[str, int]]:
        asked.append((event["phase"], event["fleet"]))
        total = round(100 * (event["until"] - event["since"]))
        bad = total // 2 if is_bad(event["fleet"]) else total // 100
        return {name: {"bad": bad, "total": total} for name in event["instance_ids"]}

    world.sandbox.functions["count"] = count
    return asked


def waves(world: World, **more: Any) -> tuple[WaveSpec, ...]:
    shape: dict[str, Any] = {"servers": 1, "launch_first": True, "hooks": (COUNT,)}
    canary, second, *others = (world.fleet(name, **shape) for name in NAMES)
    slow = wave_of(second, name="slow", bake_time=900)
    return wave_of(canary, judge="1%", **more), slow, wave_of(*others, name="rest")


def roll(world: World, *asked: WaveSpec) -> FleetsReport:
    run = world.run(*asked)
    run.check()
    return apart(run.roll)


def has_begun(world: World, fleet: str) -> bool:
    return any(name == "rollout.created" and one.get("fleet_name") == fleet for name, one in world.log.events)


def test_a_version_that_turns_bad_after_its_wave_is_found_by_the_fleets_that_have_not_begun(world: World) -> None:
    asked = waves(world, on_failure=OnWaveFailure.ROLLBACK_ALL)
    counts(world, lambda fleet: fleet == "canary" and has_begun(world, "second"))

    report = roll(world, *asked)

    assert endings(report)["canary"] == endings(report)["second"] == "rolled_back"
    assert world.versions("canary") == world.versions("second") == OLD
    assert report.waves[0].reason.startswith("the judge finds its fleets worse than those that have not begun: errors")
    assert not has_begun(world, "third")


def test_a_function_that_fails_is_a_warning(world: World) -> None:
    canary, second, _ = waves(world)
    world.sandbox.functions["count"] = lambda _: "nothing"

    report = roll(world, canary, WaveSpec(name="second", fleets=second.fleets))

    assert report.succeeded
    warnings = [fields["message"] for name, fields in world.log.events if name == "wave.warning"]
    assert warnings[0].startswith("the judge of the waves got no counts of canary: errors: ")
    assert len(warnings) == len(set(warnings))


def test_waves_without_a_judge_count_nothing(world: World) -> None:
    canary, second, _ = waves(world)
    asked = counts(world, lambda _: False)

    run = world.run(WaveSpec(name="canary", fleets=canary.fleets), WaveSpec(name="second", fleets=second.fleets))
    run.check()
    assert run.roll().succeeded  # it waits for its threads, not for the clock
    assert "waves" not in {phase for phase, _ in asked}


def test_a_judge_needs_a_hook_that_counts() -> None:
    fleet = FleetSpec(name="web", request=RolloutSpec(asg="web", launch_template="web:2"))
    (problem,) = FleetsSpec(waves=(WaveSpec(name="one", judge="1%", fleets=(fleet,)),)).problems()

    assert problem.startswith(
        "wave one: judge needs a hook at while_judging with one of command, function, url, metric"
    )
