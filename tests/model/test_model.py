"""Every state that a small fleet can reach: no invariant is broken in it, and from it the rollout can still end."""

import pytest

from awsroll.core.lifecycle import MOVES
from tests.model.moves import OUTSIDE_THE_MODEL
from tests.model.runs import IN_CI, Wish, explore, told


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("wish", IN_CI, ids=lambda one: "-".join(map(str, one)))
def test_each_state_is_safe_and_can_end(wish: Wish) -> None:
    explored = explore(wish)
    assert not explored.problem, told(explored)
    assert explored.ends
    print(told(explored))  # noqa: T201 -- shown by `pytest -rP`


# Small cases that together make every move of the model.
COVERING: tuple[Wish, ...] = (
    ("standalone", "replace", 2, 1),
    ("standalone", "reload", 2, 1),
    ("standalone", "launch-first", 2, 1),
    ("group", "keep-old", 1, 1),
    ("group", "double-half", 1, 1),
)


def test_the_table_has_the_moves_that_are_made_and_no_others() -> None:
    made = {move for wish in COVERING for move in explore(wish).moves}
    allowed = {(before, after) for before, moves in MOVES.items() for after in moves}

    assert allowed - made - OUTSIDE_THE_MODEL.keys() == set(), "no case makes these moves: does a server need them?"
    assert allowed >= OUTSIDE_THE_MODEL.keys()
