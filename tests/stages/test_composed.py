"""The stages composed by hand: every story to its end, with no server too few on the way, whatever happens to calls."""

import os
import pickle

import pytest

from awsroll.errors import AwsrollError
from tests.crash.knife import Instant, never
from tests.stages.machine import STORIES, Told, Watched, call

EVERY_STORY = pytest.mark.parametrize("told", STORIES.values(), ids=STORIES)
HOUR = 3600


@EVERY_STORY
def test_takes_the_fleet_to_the_new_version_without_a_gap(told: Told) -> None:
    with told.begun() as world:
        assert told.tell(world) == []


@EVERY_STORY
def test_every_call_made_twice_has_the_same_end(told: Told) -> None:
    with told.begun() as world:
        world.machine.doubled = True
        assert told.tell(world, servers=2) == []


@EVERY_STORY
@pytest.mark.parametrize("later", [0, 2 * HOUR, 72 * HOUR], ids=["at-once", "hours-later", "days-later"])
def test_a_call_that_arrives_again_after_the_end_changes_nothing(told: Told, later: float) -> None:
    with told.begun() as world:
        assert told.tell(world, servers=1) == []
        world.sandbox.jump(later)
        before = world.state()
        unique = {repr(one): one for one in world.machine.events}
        for name, event in unique.values():
            try:
                call(name, event, world.machine.connection())
            except AwsrollError as error:
                assert str(error)
            assert (name, world.state()) == (name, before)
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
