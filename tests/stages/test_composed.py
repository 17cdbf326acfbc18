"""The stages composed by hand: every story to its end, with no server too few on the way."""

import pytest

from tests.stages.machine import STORIES, Told, ending

EVERY_STORY = pytest.mark.parametrize("told", STORIES.values(), ids=STORIES)


@EVERY_STORY
def test_takes_the_fleet_to_the_new_version_without_a_gap(told: Told) -> None:
    with told.begun() as world:
        told.story(world)
        assert ending(world, told) == []


@EVERY_STORY
def test_every_call_made_twice_has_the_same_end(told: Told) -> None:
    with told.begun() as world:
        world.machine.doubled = True
        told.story(world)
        assert ending(world, told) == []
