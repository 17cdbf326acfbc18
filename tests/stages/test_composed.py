"""The stages composed by hand: every story to its end, with no server too few on the way, whatever happens to calls."""

import os
import pickle
from contextlib import suppress

import pytest

from awsroll.errors import AwsrollError
from tests.crash.knife import Instant, never
from tests.stages.machine import STORIES, Told, Watched, call

EVERY_STORY = pytest.mark.parametrize("told", STORIES.values(), ids=STORIES)
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
"""Where it is not documented how AWS behaves: the way that the sandbox does not go by default."""


@EVERY_STORY
def test_takes_the_fleet_to_the_new_version_without_a_gap(told: Told) -> None:
    with told.begun() as world:
        assert told.tell(world) == []


@EVERY_STORY
def test_every_call_made_twice_has_the_same_end(told: Told) -> None:
    with told.begun() as world:
        world.machine.doubled = True
        assert told.tell(world, servers=1) == []


@EVERY_STORY
def test_it_does_not_matter_which_way_aws_goes(told: Told) -> None:
    with told.begun(**OTHER_WAYS) as world:
        world.machine.doubled = True
        assert told.tell(world, servers=1) == []


@EVERY_STORY
def test_a_call_that_arrives_again_after_the_end_changes_nothing(told: Told) -> None:
    with told.begun() as world:
        assert told.tell(world, servers=1) == []
        unique = {repr(one): one for one in world.machine.events}
        for later in (0, 2 * HOUR, 72 * HOUR):  # EC2 forgets ended instances within the first, client tokens the second
            world.sandbox.jump(later)
            before = world.state()
            for name, event in unique.values():
                with suppress(AwsrollError):
                    call(name, event, world.machine.connection())
                assert (later, name, world.state()) == (later, name, before)
            world.sandbox.jump(120)
            assert (world.state(), world.watch.problems) == (before, [])


@EVERY_STORY
def test_a_call_that_dies_at_any_instant_and_is_made_again_has_the_same_end(told: Told) -> None:
    with told.begun() as world:
        cuts = Cuts(world)
        world.machine.fork = cuts.fork
        assert cuts.tell(told) == []
        assert {cut: wrong for cut, wrong in cuts.found.items() if wrong} == {}
        assert len(cuts.found) >= 2


class Cuts:
    """At each distinct instant around a changing call the program forks, and one branch of it dies there."""

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
            told = pipe.read()
        os.waitpid(child, 0)
        name = f"{len(self._world.machine.events)}: {here.what}"
        self.found[name] = pickle.loads(told) if told else ["the branch broke"]  # noqa: S301 - our own child
        return False

    def tell(self, told: Told) -> list[str]:
        """Tell the story; a branch sends home what it has come to, and never returns."""
        try:
            problems = told.tell(self._world, servers=1)
        except BaseException as error:
            if self._answers is None:
                raise
            problems = [repr(error)]
        if self._answers is None:
            return problems
        with os.fdopen(self._answers, "wb") as pipe:
            pipe.write(pickle.dumps(problems))
        os._exit(0)
