"""The stages composed by hand: every scenario ends well, and enough servers serve, whatever happens to calls."""

import os
import pickle
from contextlib import suppress

import pytest

from awsroll.errors import AwsrollError
from tests.crash.knife import Instant, never
from tests.stages.machine import SCENARIOS, Scenario, Watched, call

EVERY_SCENARIO = pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
HOUR = 3600
OTHER_WAYS = {
    "api_visibility_seconds": 8,
    "drain_lag_seconds": 4,
    "first_healthy_needs": "threshold",
    "first_check": "at-once",
    "register_targets": "partial",
    "unknown_target_health": "unused",
    "launch_tags": "replaced",
    "launch_instances_available": False,
    "second_terminate": "decrements",
    "member_deregistered_by_hand": "reregistered",
    "exit_standby_raises_desired": "if-lowered",
    "group_registration_seconds": 15,
    "ssm_visibility_seconds": 4,
}
"""Behaviour of AWS that is not documented: the values that the sandbox does not use by default."""


@EVERY_SCENARIO
def test_takes_the_fleet_to_the_new_version_without_a_gap(scenario: Scenario) -> None:
    with scenario.started() as world:
        assert scenario.run(world) == []


@EVERY_SCENARIO
def test_every_call_made_twice_has_the_same_end(scenario: Scenario) -> None:
    with scenario.started() as world:
        world.machine.doubled = True
        assert scenario.run(world, servers=1) == []


@EVERY_SCENARIO
def test_undocumented_behaviour_of_aws_makes_no_difference(scenario: Scenario) -> None:
    with scenario.started(**OTHER_WAYS) as world:
        world.machine.doubled = True
        assert scenario.run(world, servers=1) == []


@EVERY_SCENARIO
def test_a_call_that_arrives_again_after_the_end_changes_nothing(scenario: Scenario) -> None:
    with scenario.started() as world:
        assert scenario.run(world, servers=1) == []
        unique = {repr(one): one for one in world.machine.events}
        for later in (
            0,
            2 * HOUR,
            72 * HOUR,
        ):  # EC2 forgets ended instances, then client tokens
            world.sandbox.jump(later)
            before = world.state()
            for name, event in unique.values():
                with suppress(AwsrollError):
                    call(name, event, world.machine.connection())
                assert (later, name, world.state()) == (later, name, before)
            world.sandbox.jump(120)
            assert (world.state(), world.watch.problems) == (before, [])


@EVERY_SCENARIO
def test_a_call_that_dies_at_any_instant_and_is_made_again_has_the_same_end(scenario: Scenario) -> None:
    with scenario.started() as world:
        cuts = Cuts(world)
        world.machine.fork = cuts.fork
        assert cuts.run(scenario) == []
        assert {cut: wrong for cut, wrong in cuts.found.items() if wrong} == {}
        assert len(cuts.found) >= 2


class Cuts:
    """Fork the program at each distinct instant around a changing call, and let one branch die there."""

    def __init__(self, world: Watched) -> None:
        self.found: dict[str, list[str]] = {}
        self._world = world
        self._answers: int | None = None

    def fork(self, here: Instant) -> bool:
        if not (here.is_distinct and here.mutates):
            return False
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            self._answers = writing
            self._world.machine.fork = never
            return True
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            answer = pipe.read()
        os.waitpid(child, 0)
        name = f"{len(self._world.machine.events)}: {here.what}"
        self.found[name] = pickle.loads(answer) if answer else ["the branch sent no result"]  # noqa: S301 - our own child
        return False

    def run(self, scenario: Scenario) -> list[str]:
        """Run the scenario. A branch sends its problems to the parent, and does not return."""
        try:
            problems = scenario.run(self._world, servers=1)
        except BaseException as error:
            if self._answers is None:
                raise
            problems = [repr(error)]
        if self._answers is None:
            return problems
        with os.fdopen(self._answers, "wb") as pipe:
            pipe.write(pickle.dumps(problems))
        os._exit(0)
