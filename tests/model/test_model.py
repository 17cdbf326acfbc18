"""Every state that a small fleet can reach keeps the invariants, and the rollout can still end from it."""

import pytest

from awsroll.core.lifecycle import MOVES
from tests.model.explore import Explored
from tests.model.moves import OUTSIDE_THE_MODEL
from tests.model.runs import COVERING, IN_CI, CaseKey, explore, report


def explored_without_a_problem(case_key: CaseKey) -> Explored:
    explored = explore(case_key)
    assert not explored.problem, report(explored)
    assert explored.ends
    print(report(explored))  # noqa: T201 -- shown by `pytest -rP`
    return explored


@pytest.mark.timeout(1200)
def test_each_state_of_the_covering_cases_is_safe_and_the_table_has_their_moves_and_no_others() -> None:
    made = {move for case_key in COVERING for move in explored_without_a_problem(case_key).moves}
    allowed = {(before, after) for before, moves in MOVES.items() for after in moves}

    assert allowed - made - OUTSIDE_THE_MODEL.keys() == set(), "no case makes these moves: does a server need them?"
    assert allowed >= OUTSIDE_THE_MODEL.keys()


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("case_key", IN_CI, ids=lambda one: "-".join(map(str, one)))
def test_each_state_is_safe_and_can_end(case_key: CaseKey) -> None:
    explored_without_a_problem(case_key)
