"""Each guard of the planner is needed: with any one flipped, a fleet of two shows a violation."""

import pytest

from tests.model.explore import Explorer
from tests.model.mutants import MUTANTS, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda one: one.guard.replace(" ", "-"))
def test_a_flipped_guard_is_caught(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant.flip(monkeypatch)
    explored = Explorer(mutant.case).run()
    assert explored.problem.startswith(mutant.caught_as), explored.problem
