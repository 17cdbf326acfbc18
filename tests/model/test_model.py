"""Every state that a small fleet can reach keeps the invariants, and the rollout can still end from it."""

import pytest

from awsroll.core.lifecycle import MOVES
from tests.model.moves import OUTSIDE_THE_MODEL
from tests.model.runs import IN_CI, CaseKey, explore, report


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("case_key", IN_CI, ids=lambda one: "-".join(map(str, one)))
def test_each_state_is_safe_and_can_end(case_key: CaseKey) -> None:
    explored = explore(case_key)
    assert not explored.problem, report(explored)
    assert explored.ends
    print(report(explored))  # noqa: T201 -- shown by `pytest -rP`


# Small cases that together make every move of the model.
COVERING: tuple[CaseKey, ...] = (
    ("standalone", "replace", 2, 1),
    ("standalone", "reload", 2, 1),
    ("standalone", "launch-first", 2, 1),
    ("group", "keep-old", 1, 1),
    ("group", "double-half", 1, 1),
)


def test_the_table_has_the_moves_that_are_made_and_no_others() -> None:
    made = {move for case_key in COVERING for move in explore(case_key).moves}
    allowed = {(before, after) for before, moves in MOVES.items() for after in moves}

    assert allowed - made - OUTSIDE_THE_MODEL.keys() == set(), "no case makes these moves: does a server need them?"
    assert allowed >= OUTSIDE_THE_MODEL.keys()
